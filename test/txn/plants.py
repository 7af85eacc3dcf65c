"""Faults planted into the history of a good run: each must be found by the checker of its workload."""
import copy
import random


def pick(history, workload, op, condition=lambda entry: True):
    entries = [entry for entry in history if entry["w"] == workload and entry["op"] == op and condition(entry)]
    if not entries:
        raise LookupError(workload)
    return random.Random(1).choice(entries)


def ok(entry):
    return entry["type"] == "ok"


def final(history, workload):
    return pick(history, workload, "final")


def lost_transfer(history):
    tid = pick(history, "bank", "transfer", ok)["tid"]
    end = final(history, "bank")
    end["ledger"] = [row for row in end["ledger"] if row[0] != tid]
    for tids in end["notes"].values():
        if tid in tids:
            tids.remove(tid)


def half_transfer(history):
    transfer = pick(history, "bank", "transfer", ok)
    end = final(history, "bank")
    end["ledger"] = [row for row in end["ledger"] if row[:2] != [transfer["tid"], transfer["from"]]]


def half_local_part(history):
    transfer = pick(history, "bank", "transfer", lambda entry: ok(entry) and entry["note"])
    final(history, "bank")["notes"][transfer["node"]].remove(transfer["tid"])


def refused_transfer(history):
    pick(history, "bank", "transfer", ok)["type"] = "fail"


def wrong_balance(history):
    final(history, "bank")["balances"]["7"] += 1


def wrong_copy(history):
    next(iter(final(history, "bank")["ref"].values()))["3"] += 1


def wrong_total(history):
    pick(history, "bank", "read", lambda entry: ok(entry) and entry["strict"])["total"] -= 5


def appends(entry):
    return [op for op in entry["ops"] if op[0] == "append"]


def lost_append(history):
    op = appends(pick(history, "append", "txn", lambda entry: ok(entry) and appends(entry)))[0]
    final(history, "append")["lists"][str(op[1])].remove(op[2])


def aborted_read(history):
    """G1a: one has read a value whose transaction was rolled back."""
    entry = pick(history, "append", "txn", lambda entry: ok(entry) and any(op[0] == "read" and op[2] for op in entry["ops"]))
    op = [op for op in entry["ops"] if op[0] == "read" and op[2]][0]
    history.append({"w": "append", "op": "txn", "type": "fail", "client": 0, "node": "", "t0": 0, "t1": 1, "level": "RC",
                    "ops": [["append", op[1], -1]]})
    op[2].append(-1)


def circular_reads(history):
    """G1c: two see each other's appends."""
    for client, (write, read) in enumerate(((-1, -2), (-2, -1))):
        history.append({"w": "append", "op": "txn", "type": "ok", "client": client, "node": "", "t0": 0, "t1": 1,
                        "level": "RC", "ops": [["append", write, 1], ["read", read, [1]]]})
        final(history, "append")["lists"][str(write)] = [1]


def skewed_read(history):
    """G-single: a reader that was promised one cut sees one of two writes of one transaction."""
    common = {"w": "append", "op": "txn", "type": "ok", "client": 0, "node": "", "t0": 0, "t1": 1, "level": "RR",
              "strict": True}
    history.append(dict(common, ops=[["append", -1, 1], ["append", -2, 1]]))
    history.append(dict(common, ops=[["read", -1, [1]], ["read", -2, []]]))
    final(history, "append")["lists"].update({"-1": [1], "-2": [1]})


def lost_element(history):
    final(history, "set")["elements"].remove(pick(history, "set", "add", ok)["elements"][0])


def refused_element(history):
    pick(history, "set", "add", ok)["type"] = "fail"


def half_addition(history):
    add = pick(history, "set", "add", lambda entry: ok(entry) and len(entry["elements"]) > 1)
    final(history, "set")["elements"].remove(add["elements"][1])


def stale_read(history):
    add = pick(history, "set", "add", lambda entry: ok(entry) and len(entry["elements"]) == 1)
    history.append({"w": "set", "op": "read", "type": "ok", "client": 0, "node": "", "t0": add["t1"] + 1,
                    "t1": add["t1"] + 2, "bucket": add["bucket"], "strict": False, "elements": []})


def long_fork(history):
    read = pick(history, "fork", "read", lambda entry: ok(entry) and entry["strict"])
    for seen in (-1, -2):
        history.append(dict(read, group=-1, seen=[seen]))


PLANTS = {
    "bank": [lost_transfer, half_transfer, half_local_part, refused_transfer, wrong_balance, wrong_copy, wrong_total],
    "append": [lost_append, aborted_read, circular_reads, skewed_read],
    "set": [lost_element, refused_element, half_addition, stale_read],
    "fork": [long_fork],
}


def missed_plants(history, checkers):
    """Names of planted faults that the checkers do not find. Left out: those the history has no place for."""
    missed = []
    for workload, plants in PLANTS.items():
        own = [entry for entry in history if entry["w"] == workload]
        for plant in plants:
            spoiled = copy.deepcopy(own)
            try:
                plant(spoiled)
            except LookupError:
                continue
            if not checkers[workload](spoiled).findings:
                missed.append("%s of %s" % (plant.__name__, workload))
    return missed
