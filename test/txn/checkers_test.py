#!/usr/bin/env python3
"""Unit tests of the checkers, on histories made by hand: prints "ok - " and "not ok - " lines."""
import sys

from checkers import CHECKERS
from graph import components, cycle, path

failed = 0


def check(what, right):
    global failed
    failed += not right
    print("%s - %s" % ("ok" if right else "not ok", what))


def txn(*ops, kind="ok", level="RC", **more):
    return dict({"w": "append", "op": "txn", "type": kind, "client": 0, "node": "x", "t0": 0, "t1": 1, "level": level,
                 "ops": list(ops)}, **more)


def a(key, value):
    return ["append", key, value]


def r(key, *values):
    return ["read", key, list(values)]


def append_says(lists, *transactions):
    """The first words of what the checker finds, and what it counts."""
    final = {"w": "append", "op": "final", "lists": {str(key): values for key, values in lists.items()}}
    verdict = CHECKERS["append"](list(transactions) + [final])
    return [finding.replace("append: ", "").split(":")[0].split(" ")[0] for finding in verdict.findings], verdict.counts


def test_graph():
    edges = {1: {2}, 2: {3}, 3: {1, 4}, 4: {5}, 5: set(), 6: {6}}
    check("components of a graph", sorted(map(sorted, components(edges))) == [[1, 2, 3], [6]])
    check("a cycle of it", cycle(edges, [2, 3, 1]) in ([2, 3, 1, 2],))
    check("a path", path(edges, 1, 5) == [1, 2, 3, 4, 5])
    check("no path", path(edges, 5, 1) is None and path(edges, 1, 5, lambda node: node != 3) is None)
    check("a long path is no deep recursion", components({n: {n + 1} for n in range(50000)}) == [])


def test_append():
    says = append_says
    check("append: a good history", says({1: [1, 2], 2: [3]}, txn(a(1, 1)), txn(r(1, 1), a(1, 2), a(2, 3)),
                                         txn(r(1, 1, 2), r(2, 3), strict=True), txn(r(1), r(2)))[0] == [])
    check("append: unknown, but there", says({1: [1]}, txn(a(1, 1), kind="unknown"), txn(r(1, 1)))[0] == [])
    check("append: unknown, and not there", says({}, txn(a(1, 1), kind="unknown"), txn(r(1)))[0] == [])
    check("append: half of an unknown one", says({1: [1]}, txn(a(1, 1), a(2, 2), kind="unknown"))[0] == ["a"])
    check("append: lost", says({1: [2]}, txn(a(1, 1)), txn(a(1, 2)))[0] == ["acknowledged"])
    check("append: refused, but there", says({1: [1]}, txn(a(1, 1), kind="fail"))[0] == ["refused"])
    check("append: twice", "list" in says({1: [1, 1]}, txn(a(1, 1)))[0])
    check("append: from nowhere", says({1: [9]})[0] == ["list"])
    check("append: own append not seen", says({1: [1, 2]}, txn(a(1, 1)), txn(a(1, 2), r(1, 1)))[0] == [
        "T1(RC"])
    check("append: G0", says({1: [1, 2], 2: [4, 3]}, txn(a(1, 1), a(2, 3)), txn(a(1, 2), a(2, 4)))[0] == ["G0"])
    check("append: G1a", says({}, txn(a(1, 1), kind="fail"), txn(r(1, 1)))[0] == ["G1a"])
    check("append: G1b", says({1: [1, 2]}, txn(a(1, 1), a(1, 2)), txn(r(1, 1)))[0][0] == "G1b")
    check("append: G1c", says({1: [1], 2: [2]}, txn(a(1, 1), r(2, 2)), txn(a(2, 2), r(1, 1)))[0] == ["G1c"])
    check("append: reads in another order", says({1: [1, 2]}, txn(a(1, 1)), txn(a(1, 2)), txn(r(1, 2, 1)))[0] == ["T2(RC"])
    skew = [txn(a(1, 1), a(2, 2)), txn(r(1, 1), r(2), strict=True)]
    check("append: G-single of a reader with one cut", says({1: [1], 2: [2]}, *skew)[0] == ["G-single"])
    del skew[1]["strict"]
    findings, counts = says({1: [1], 2: [2]}, *skew)
    check("append: G-single without is counted", findings == [] and counts["append G-single (allowed)"] == 1)
    check("append: G-single by way of a third", says(
        {1: [1], 2: [2]}, txn(a(1, 1)), txn(r(1, 1), a(2, 2)), txn(r(1), r(2, 2), strict=True))[0] == ["G-single"])
    write_skew = [txn(r(1), a(2, 2), level="S", plain=True), txn(r(2), a(1, 1), level="S", plain=True)]
    check("append: write skew of serializable ones", says({1: [1], 2: [2]}, *write_skew)[0] == ["G2"])
    write_skew[0]["level"] = "RR"
    check("append: write skew of others is allowed", says({1: [1], 2: [2]}, *write_skew)[0] == [])


def transfer(tid, kind="ok", **more):
    return dict({"w": "bank", "op": "transfer", "type": kind, "client": 3, "node": "x", "t0": 0, "t1": 1, "tid": tid,
                 "from": 1, "to": 2, "amount": 5, "ref": False, "note": False}, **more)


def bank_says(ledger, *transfers, balances=None, ref=0, notes=(), reads=()):
    moved = sum(row[2] for row in ledger if row[1] == 2)
    final = {"w": "bank", "op": "final", "start": 10, "balances": balances or {"1": 10 - moved, "2": 10 + moved},
             "ledger": ledger, "ref": {"x": {"3": ref}}, "notes": {"x": list(notes)}}
    entries = [{"w": "bank", "op": "read", "type": "ok", "client": 0, "node": "x", "t0": 0, "total": total, "strict": strict}
               for total, strict in reads]
    return len(CHECKERS["bank"]([*transfers, final, *entries]).findings)


def test_bank():
    one = [[1, 1, -5], [1, 2, 5]]
    check("bank: a good history", bank_says(one, transfer(1, ref=True, note=True), transfer(2, "fail"), transfer(3, "unknown"),
                                            ref=1, notes=[1], reads=[(20, True), (20, False)]) == 0)
    check("bank: unknown, but there", bank_says(one, transfer(1, "unknown")) == 0)
    check("bank: lost", bank_says([], transfer(1)) == 1)
    check("bank: half", bank_says(one[1:], transfer(1, "unknown"), balances={"1": 10, "2": 15}) == 1)
    check("bank: refused, but there", bank_says(one, transfer(1, "fail")) == 1)
    check("bank: the local part is missing", bank_says(one, transfer(1, note=True)) == 1)
    check("bank: only the local part is there", bank_says([], transfer(1, "unknown", note=True), notes=[1]) == 1)
    check("bank: the reference table has missed one", bank_says(one, transfer(1, ref=True)) == 1)
    check("bank: a balance is not its ledger's", bank_says(one, transfer(1), balances={"1": 4, "2": 16}) == 2)
    check("bank: a wrong total under one cut", bank_says(one, transfer(1), reads=[(15, True)]) == 1)
    check("bank: a wrong total without is allowed", bank_says(one, transfer(1), reads=[(15, False)]) == 0)
    check("bank: never asked for", bank_says(one) == 1)


def add(*elements, kind="ok", t1=1):
    return {"w": "set", "op": "add", "type": kind, "client": 0, "node": "x", "t0": 0, "t1": t1, "bucket": 0,
            "elements": list(elements)}


def read_set(*elements, strict=False, t0=2):
    return {"w": "set", "op": "read", "type": "ok", "client": 0, "node": "x", "t0": t0, "t1": t0 + 1, "bucket": 0,
            "elements": list(elements), "strict": strict}


def set_says(final, *entries):
    return len(CHECKERS["set"]([*entries, {"w": "set", "op": "final", "elements": final}]).findings)


def test_set():
    check("set: a good history", set_says([1, 2, 3], add(1), add(2, 3), add(4, kind="fail"), add(5, kind="unknown"),
                                          read_set(1, 2, 3, strict=True)) == 0)
    check("set: lost", set_says([], add(1)) == 1)
    check("set: half", set_says([1], add(1, 2, kind="unknown")) == 1)
    check("set: refused, but there", set_says([1], add(1, kind="fail")) == 1)
    check("set: twice", set_says([1, 1], add(1)) == 1)
    check("set: never added", set_says([1]) == 1)
    check("set: a stale read of one element", set_says([1], add(1), read_set()) == 1)
    check("set: a read that began before may miss it", set_says([1], add(1, t1=3), read_set(strict=True)) == 0)
    check("set: a stale read of several nodes' is allowed", set_says([1, 2], add(1, 2), read_set(1)) == 0)
    check("set: but not under one cut", set_says([1, 2], add(1, 2), read_set(strict=True)) == 1)
    check("set: a part, under one cut", set_says([1, 2], add(1, 2, t1=3), read_set(1, strict=True)) == 1)
    check("set: a read of what was refused", set_says([], add(1, kind="fail"), read_set(1)) == 1)


def fork_says(*reads):
    return len(CHECKERS["fork"]([
        {"w": "fork", "op": "read", "type": "ok", "client": 0, "node": "x", "t0": 0, "t1": 1, "group": group, "seen": seen,
         "strict": strict} for group, seen, strict in reads]).findings)


def test_fork():
    check("fork: a good history", fork_says((0, [], True), (0, [1], True), (0, [1, 2], True), (1, [2], True)) == 0)
    check("fork: a fork", fork_says((0, [1], True), (0, [2], True)) == 1)
    check("fork: a fork of which one reader had no promise", fork_says((0, [1], True), (0, [2], False)) == 0)


test_graph()
test_append()
test_bank()
test_set()
test_fork()
sys.exit(1 if failed else 0)
