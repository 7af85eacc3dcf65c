"""Checkers: each reads a history and says what it must not contain.

The field strict of a reading transaction tells that it was promised one cut through all nodes: so it is on one server
(with several statements: for REPEATABLE READ and above), on a cluster with shardext.snapshot = 'cluster'. What contradicts
a promise is a finding; what only shows the anomalies of a weaker setting is counted.
"""
import collections

from append import check_append


class Verdict:
    def __init__(self):
        self.findings = []
        self.counts = collections.Counter()

    def finding(self, text, *about):
        self.findings.append(text % about)


def of(history, workload):
    return [entry for entry in history if entry["w"] == workload]


def split(entries, *ops):
    """One list per op."""
    return [[entry for entry in entries if entry["op"] == op] for op in ops]


def check_bank(history):
    """Transfers are whole or not at all, none that was acknowledged is missing, and the total is always the same.

    transfer: tid, from, to, amount, ref (adds to the client's row of a reference table), note (adds a row to an ordinary
    table of the node). read: total. final: start and balances of all accounts, ledger [tid, account, amount], ref
    {node: {client: n}}, notes {node: [tid]}.
    """
    verdict = Verdict()
    transfers, reads, finals = split(of(history, "bank"), "transfer", "read", "final")
    for final in finals:
        check_transfers(verdict, transfers, final)
        check_balances(verdict, transfers, final)
    if not finals:
        verdict.finding("bank: the accounts could not be read at the end")
        return verdict
    total = finals[0]["start"] * len(finals[0]["balances"])
    for read in reads:
        if read["type"] != "ok":
            continue
        right = read["total"] == total
        verdict.counts["bank reads" + (" of one cut" if read.get("strict") else "")] += 1
        if not right and not read.get("strict"):
            verdict.counts["bank reads that mixed two moments (allowed)"] += 1
        elif not right:
            verdict.finding("bank: total %s instead of %s, read on %s by client %s at %.3f", read["total"], total,
                            read["node"], read["client"], read["t0"])
    return verdict


def parts_of(transfer):
    """What a transfer leaves: (table, key)."""
    parts = {("ledger", transfer["from"]), ("ledger", transfer["to"])}
    if transfer["note"]:
        parts.add(("note", transfer["node"]))
    return parts


def check_transfers(verdict, transfers, final):
    present = collections.defaultdict(set)
    for tid, account, _ in final["ledger"]:
        present[tid].add(("ledger", account))
    for node, tids in final["notes"].items():
        for tid in tids:
            present[tid].add(("note", node))
    known = set()
    for transfer in transfers:
        there, parts = present.get(transfer["tid"], set()), parts_of(transfer)
        known.add(transfer["tid"])
        verdict.counts["bank transfers " + transfer["type"]] += 1
        if there and there != parts:
            verdict.finding("bank: half of transfer %s (%s) is there: %s of %s", transfer["tid"], transfer["type"],
                            sorted(there), sorted(parts))
        elif transfer["type"] == "ok" and not there:
            verdict.finding("bank: acknowledged transfer %s is lost (node %s, %.3f)", transfer["tid"], transfer["node"],
                            transfer["t1"])
        elif transfer["type"] == "fail" and there:
            verdict.finding("bank: transfer %s was refused (%s), and is there", transfer["tid"], transfer.get("error"))
        if transfer["type"] == "unknown":
            verdict.counts["bank transfers unknown, " + ("committed" if there else "not committed")] += 1
    for tid in sorted(set(present) - known):
        verdict.finding("bank: transfer %s was never asked for", tid)


def check_balances(verdict, transfers, final):
    sums = collections.Counter()
    for _, account, amount in final["ledger"]:
        sums[account] += amount
    for account, balance in final["balances"].items():
        if balance != final["start"] + sums[int(account)]:
            verdict.finding("bank: account %s has %s, its ledger says %s", account, balance,
                            final["start"] + sums[int(account)])
    committed = {row[0] for row in final["ledger"]}
    expected = collections.Counter(str(transfer["client"]) for transfer in transfers
                                   if transfer["ref"] and transfer["tid"] in committed)
    for node, counters in final["ref"].items():
        for client, count in counters.items():
            if count != expected[client]:
                verdict.finding("bank: client %s has counted %s in the copy of %s, %s transfers are committed", client,
                                count, node, expected[client])


def check_set(history):
    """Every acknowledged element is there, no refused one is, and what was added in one transaction is there together.

    add: elements [v], bucket. read: bucket, elements. final: elements.
    """
    verdict = Verdict()
    adds, reads, finals = split(of(history, "set"), "add", "read", "final")
    if not finals:
        verdict.finding("set: it could not be read at the end")
        return verdict
    final = collections.Counter(finals[0]["elements"])
    for value, count in final.items():
        if count > 1:
            verdict.finding("set: element %s is there %s times", value, count)
    known = set()
    for add in adds:
        there = [value in final for value in add["elements"]]
        known.update(add["elements"])
        verdict.counts["set additions " + add["type"]] += 1
        if any(there) and not all(there):
            verdict.finding("set: of %s (%s) only a part is there: %s", add["elements"], add["type"], there)
        elif add["type"] == "ok" and not all(there):
            verdict.finding("set: acknowledged %s are lost (node %s, %.3f)", add["elements"], add["node"], add["t1"])
        elif add["type"] == "fail" and any(there):
            verdict.finding("set: %s were refused (%s), and are there", add["elements"], add.get("error"))
    for value in sorted(set(final) - known):
        verdict.finding("set: %s was never added", value)
    check_set_reads(verdict, adds, reads)
    return verdict


def check_set_reads(verdict, adds, reads):
    """A read sees what was acknowledged before it began, if it was promised that or the writing was one node's."""
    buckets = collections.defaultdict(list)
    for add in adds:
        buckets[add["bucket"]].append(add)
    for read in reads:
        if read["type"] != "ok":
            continue
        seen = set(read["elements"])
        verdict.counts["set reads"] += 1
        for add in buckets[read["bucket"]]:
            missing = set(add["elements"]) - seen
            if add["type"] == "fail" and len(missing) < len(add["elements"]):
                verdict.finding("set: a read at %.3f sees %s, which were refused", read["t0"], add["elements"])
            elif read.get("strict") and missing and len(missing) < len(add["elements"]):
                verdict.finding("set: a read at %.3f sees a part of %s", read["t0"], add["elements"])
            elif not missing or add["type"] != "ok" or add["t1"] >= read["t0"]:
                pass
            elif read.get("strict") or len(add["elements"]) == 1:
                verdict.finding("set: a read that began at %.3f misses %s, acknowledged at %.3f", read["t0"],
                                sorted(missing), add["t1"])
            else:
                verdict.counts["set reads that missed what is just being committed (allowed)"] += 1


def check_long_fork(history):
    """Two readers never see two independent writes in opposite order.

    put: group, key. read: group, seen [key].
    """
    verdict = Verdict()
    reads, = split(of(history, "fork"), "read")
    groups = collections.defaultdict(list)
    for read in reads:
        if read["type"] == "ok":
            groups[read["group"]].append(read)
            verdict.counts["fork reads"] += 1
    for group, readers in groups.items():
        views = {}
        for reader in readers:
            views.setdefault((frozenset(reader["seen"]), reader.get("strict")), reader)
        views = list(views.items())
        for place, ((seen, one_strict), one) in enumerate(views):
            for (other_seen, other_strict), other in views[place + 1:]:
                if seen <= other_seen or other_seen <= seen:
                    continue
                if one_strict and other_strict:
                    verdict.finding("fork: group %s is seen as %s on %s and as %s on %s", group, sorted(seen), one["node"],
                                    sorted(other_seen), other["node"])
                else:
                    verdict.counts["forks seen (allowed)"] += 1
    return verdict


def check_append_history(history):
    """See append.py."""
    verdict = Verdict()
    check_append(verdict, of(history, "append"))
    return verdict


CHECKERS = {"bank": check_bank, "set": check_set, "append": check_append_history, "fork": check_long_fork}
