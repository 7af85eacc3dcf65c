"""The checker of lists that only grow.

A transaction appends unique values to lists and reads lists. Since a list shows the order of all its appends, reads tell
the order of the transactions: ww (appended behind), wr (read what the other has appended), rw (did not yet see it). A cycle
is an anomaly; which one, its edges say:

    G0          ww only
    G1a         a read saw a value of a transaction that was rolled back
    G1b         a read saw a value that its transaction had not finished with
    G1c         ww and wr
    G-single    exactly one rw: a reader's view is not of one moment
    G2          two rw or more (write skew)

G0 and G1 must never be. G-single must not be for a reader that was promised one cut (strict), G2 not among SERIALIZABLE
transactions of a plain server. txn: level (RC, RR or S), ops [["append", list, value] or ["read", list, [values]]], in
their order. final: lists {list: [values]}.
"""
import collections

from graph import components, cycle, path


class Appends:
    def __init__(self, verdict, transactions, lists):
        self.verdict, self.lists = verdict, lists
        self.transactions = transactions
        self.writer = {}
        self.last_of = {}       # (transaction, list): its last value there
        self.place = {}         # (list, value): index
        for number, transaction in enumerate(transactions):
            for kind, key, value in transaction["ops"]:
                if kind == "append":
                    self.writer[key, value] = number
                    self.last_of[number, key] = value
        for key, values in lists.items():
            for index, value in enumerate(values):
                self.place[key, value] = index
        self.edges = {kind: collections.defaultdict(set) for kind in ("ww", "wr", "rw")}

    def finding(self, text, *about):
        self.verdict.finding("append: " + text, *about)

    def name(self, number):
        transaction = self.transactions[number]
        return "T%d(%s on %s, client %s, %.3f-%.3f: %s)" % (
            number, transaction["level"], transaction["node"], transaction["client"], transaction["t0"],
            transaction["t1"], " ".join("%s %s %s" % (kind[0], key, value if kind == "append" else value[-3:])
                                        for kind, key, value in transaction["ops"]))

    def check_lists(self):
        """Acknowledged = there, refused = not there, unknown = all or nothing."""
        for key, values in self.lists.items():
            if len(set(values)) != len(values):
                self.finding("list %s has a value twice", key)
            for value in values:
                if (key, value) not in self.writer:
                    self.finding("list %s has %s, which nobody has appended", key, value)
        for number, transaction in enumerate(self.transactions):
            there = [(key, value) in self.place for kind, key, value in transaction["ops"] if kind == "append"]
            self.verdict.counts["append transactions " + transaction["type"]] += 1
            if any(there) and not all(there):
                self.finding("a part of %s (%s) is there", self.name(number), transaction["type"])
            elif transaction["type"] == "ok" and not all(there):
                self.finding("acknowledged %s is lost", self.name(number))
            elif transaction["type"] == "fail" and any(there):
                self.finding("refused %s is there", self.name(number))

    def check_read(self, number, key, values, own):
        """One read; own: what the transaction itself has appended to the list before it."""
        if own and values[-len(own):] != own:
            self.finding("%s does not see its own appends to list %s", self.name(number), key)
        if values != self.lists.get(key, [])[:len(values)]:
            aborted = [value for value in values if (key, value) in self.writer and
                       self.transactions[self.writer[key, value]]["type"] == "fail"]
            if aborted:
                self.finding("G1a: %s has read %s of rolled back %s", self.name(number), aborted,
                             self.name(self.writer[key, aborted[0]]))
            else:
                self.finding("%s has read list %s as %s, it became %s", self.name(number), key, values,
                             self.lists.get(key, []))
            return
        others = values[:len(values) - len(own)] if own else values
        if others:
            source = self.writer.get((key, others[-1]), number)
            if source != number:
                self.edges["wr"][source].add(number)
                if self.last_of[source, key] != others[-1]:
                    self.finding("G1b: %s has read %s in the middle of %s", self.name(number), others[-1], self.name(source))
        if len(values) < len(self.lists.get(key, [])):
            target = self.writer.get((key, self.lists[key][len(values)]), number)
            if target != number:
                self.edges["rw"][number].add(target)

    def build(self):
        for key, values in self.lists.items():
            for earlier, later in zip(values, values[1:]):
                one, other = self.writer.get((key, earlier)), self.writer.get((key, later))
                if one != other and one is not None and other is not None:
                    self.edges["ww"][one].add(other)
        for number, transaction in enumerate(self.transactions):
            if transaction["type"] != "ok":
                continue        # what a transaction has read that was not committed proves nothing
            own = collections.defaultdict(list)
            for kind, key, value in transaction["ops"]:
                if kind == "append":
                    own[key].append(value)
                else:
                    self.check_read(number, key, value, own[key])

    def joined(self, *kinds):
        edges = collections.defaultdict(set)
        for kind in kinds:
            for number, others in self.edges[kind].items():
                edges[number] |= others
        return edges

    def describe(self, numbers):
        return " -> ".join(self.name(number) for number in numbers)

    def check_cycles(self):
        for name, kinds in (("G0", ("ww",)), ("G1c", ("ww", "wr"))):
            edges = self.joined(*kinds)
            found = components(edges)
            for component in found:
                self.finding("%s: %s", name, self.describe(cycle(edges, component)))
            if found:
                return
        self.check_single(self.joined("ww", "wr"))
        self.check_serializable()

    def check_single(self, firm):
        """For every rw edge, the way back over firm (ww and wr) edges."""
        everything = self.joined("ww", "wr", "rw")
        group = {number: place for place, component in enumerate(components(everything)) for number in component}
        for reader, targets in self.edges["rw"].items():
            end = self.transactions[reader]["t1"]
            for target in targets:
                if reader not in group or group[reader] != group.get(target):
                    continue
                way = path(firm, target, reader, lambda number: self.transactions[number]["t0"] <= end)
                if way is None:
                    continue
                if self.transactions[reader].get("strict"):
                    self.finding("G-single: %s", self.describe([reader] + way))
                else:
                    self.verdict.counts["append G-single (allowed)"] += 1
                break

    def check_serializable(self):
        serial = {number for number, transaction in enumerate(self.transactions) if transaction["level"] == "S"}
        edges = {number: {other for other in others if other in serial}
                 for number, others in self.joined("ww", "wr", "rw").items() if number in serial}
        for component in components(edges):
            if all(self.transactions[number].get("plain") for number in component):
                self.finding("G2 among serializable transactions: %s", self.describe(cycle(edges, component)))
            else:
                self.verdict.counts["append G2 across nodes under SERIALIZABLE (allowed)"] += 1


def check_append(verdict, entries):
    finals = [entry for entry in entries if entry["op"] == "final"]
    if not finals:
        verdict.finding("append: the lists could not be read at the end")
        return
    transactions = [entry for entry in entries if entry["op"] == "txn"]
    lists = {int(key): values for key, values in finals[0]["lists"].items()}
    appends = Appends(verdict, transactions, lists)
    appends.check_lists()
    appends.build()
    appends.check_cycles()
