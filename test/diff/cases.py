#!/usr/bin/env python3
"""Runs the statements of cases.sql on plain tables and on sharded ones, and compares what they give.

    test/diff/cases.py --port PORT [--only REGEX] [--all]

The server has the databases london, paris and tokyo (a cluster) and plain. A case is a transaction that is rolled back; its
names in braces stand for ids in a shard of the node or of another one. Rows, tags, SQLSTATEs, messages with their fields and
positions, and notices must agree; a case marked "-- refused" may end with SX003 instead. By default each case runs on london with
its rows there and on paris, and on tokyo by the extended protocol; --all: on all nodes, with all rows, both protocols. The
last line is "ok - ..." or "not ok - ...".
"""
import argparse
import collections
import ctypes
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "lib"))
from pq import Connection, field, pq

for name, result, arguments in (
        ("PQfname", ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_int]),
        ("PQgetCopyData", ctypes.c_int, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]),
        ("PQfreemem", None, [ctypes.c_void_p]),
        ("PQsetNoticeReceiver", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
        ("PQexecParams", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int] + 4 * [ctypes.c_void_p] + [ctypes.c_int])):
    function = getattr(pq, name)
    function.restype, function.argtypes = result, arguments

NODES = ("london", "paris", "tokyo")
RECEIVER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
FIELDS = {"code": "C", "message": "M", "detail": "D", "hint": "H", "position": "P", "constraint": "n", "table": "t", "schema": "s",
          "column": "c", "type": "d"}
COPY_OUT = 3


class Session(Connection):
    """A connection that tells all about a result, as a dictionary."""

    def __init__(self, port, database):
        super().__init__(port, database)
        self.notices = []
        self.receiver = RECEIVER(lambda arg, res: self.notices.append((field(res, "S"), field(res, "C"), field(res, "M"))))
        pq.PQsetNoticeReceiver(self.conn, ctypes.cast(self.receiver, ctypes.c_void_p), None)

    def copied(self):
        """Rows of COPY TO STDOUT, and the result after them."""
        rows, data = [], ctypes.c_void_p()
        length = pq.PQgetCopyData(self.conn, ctypes.byref(data), 0)
        while length > 0:
            rows.append(ctypes.string_at(data, length).decode())
            pq.PQfreemem(data)
            length = pq.PQgetCopyData(self.conn, ctypes.byref(data), 0)
        res = pq.PQgetResult(self.conn)
        while (more := pq.PQgetResult(self.conn)):
            pq.PQclear(more)
        return rows, res

    def tell(self, sql, extended):
        self.notices.clear()
        rows = None
        if extended:
            res = pq.PQexecParams(self.conn, sql.encode(), 0, None, None, None, None, 0)
        else:
            res = pq.PQexec(self.conn, sql.encode())
        if pq.PQresultStatus(res) == COPY_OUT:
            pq.PQclear(res)
            rows, res = self.copied()
        told = {name: field(res, letter) for name, letter in FIELDS.items()}
        columns = range(pq.PQnfields(res))
        if rows is None:
            rows = [tuple(None if pq.PQgetisnull(res, row, c) else pq.PQgetvalue(res, row, c).decode() for c in columns)
                    for row in range(pq.PQntuples(res))]
        if "ORDER BY" not in sql and not sql.startswith("FETCH"):
            rows.sort(key=str)
        # ids and moments are made anew
        told["detail"] = re.sub(r"\d{10,}|\d{4}-\d\d-\d\d [\d:.]+", "#", told["detail"])
        told["rows"] = [] if sql.startswith("EXPLAIN") else rows
        told["columns"] = [pq.PQfname(res, c) for c in columns]
        told["tag"] = "" if sql.startswith("EXPLAIN") else pq.PQcmdStatus(res).decode()
        told["notices"] = list(self.notices)
        pq.PQclear(res)
        return told


def sections():
    """cases.sql: {title: text}."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.sql")) as file:
        parts = re.split(r"^-- == (\w+).*\n", file.read(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def statements(case):
    """Statements end with ; at the end of a line, outside of $$."""
    result, current = [], ""
    for line in case.split("\n"):
        if line.startswith("--"):
            continue
        current += line
        if line.endswith(";") and current.count("$$") % 2 == 0:
            result.append(current[:-1])
            current = ""
        elif current:
            current += "\n"
    return result


class Cases:
    def __init__(self, options):
        self.options, self.parts = options, sections()
        self.plain = Session(options.port, "plain")
        self.nodes = [Session(options.port, name) for name in NODES]
        self.counts, self.failures = collections.Counter(), 0
        self.ids = [self.ids_of(i, name) for i, name in enumerate(NODES)]

    def ids_of(self, i, node):
        """Values in a shard of the node: rows that are there (u, u2, p..), and that are not (nou, new..)."""
        rows = self.nodes[0].must("SELECT min(shard) FROM shardext.shards WHERE node = '%s'" % node).rows
        # a year after the epoch: a cluster that has just been made makes ids of its first seconds itself
        make = lambda ms, sequence: ((1 << 35) + ms << 23) | (int(rows[0][0]) << 10) | sequence
        return {"u": make(1000, 1), "u2": make(1000, 2), "nou": make(999, 1), "newu": make(2000, 10), "p": make(1001, 1),
                "p2": make(1001, 2), "p3": make(1001, 3), "newp": make(2001, 1), "h": i + 1, "k": i}

    def each(self, title, connections):
        for sql in statements(self.parts[title]):
            for connection in connections:
                connection.must(sql)

    def set_up(self):
        everybody = self.nodes + [self.plain]
        for connection in everybody:
            connection.must("SET client_min_messages = warning; SET shardext.carry_objects = off")
        self.each("plain", [self.plain])
        self.each("tables", [self.plain, self.nodes[0]])
        self.each("shard", self.nodes[:1])
        self.each("everywhere", everybody)
        for connection in everybody:
            connection.must("RESET client_min_messages; RESET shardext.carry_objects")
        for ids in self.ids:
            for sql in statements(self.parts["rows"]):
                for connection in (self.plain, self.nodes[0]):
                    connection.must(sql.format(**ids))
            for connection in everybody:
                connection.must(self.parts["home"].strip().format(**ids))

    def tear_down(self):
        for connection in self.nodes + [self.plain]:
            connection.must("SET client_min_messages = error; SET shardext.carry_objects = off")
        self.each("drop", self.nodes + [self.plain])

    def run(self, case, may_be_refused, node, ids, extended):
        for connection in (node, self.plain):
            connection.run("BEGIN")
        for text in case:
            sql = text.format(**ids)
            ours, plain = node.tell(sql, extended), self.plain.tell(sql, extended)
            self.counts["statements"] += 1
            if ours["code"] == "SX003" and may_be_refused:
                self.counts["refused"] += 1
                break
            different = [name for name in ours if ours[name] != plain[name]]
            if different:
                self.failures += 1
                print("-- DIFFERENCE on %s\n%s;" % (node.name, sql))
                for name in different:
                    print("--  ours %s: %s\n-- plain %s: %s" % (name, ours[name], name, plain[name]), flush=True)
            if different or plain["code"]:
                break
        for connection in (node, self.plain):
            for sql in ("ROLLBACK", "DEALLOCATE ALL", "RESET ALL", "CLOSE ALL"):
                connection.run(sql)

    def run_all(self):
        ways = [(0, 0, False), (0, 1, False), (2, 1, True)]
        if self.options.all:
            ways = [(node, other, extended) for node in range(3) for other in range(3) for extended in (False, True)]
        for text in re.split(r"\n\n+", self.parts["cases"]):
            case = statements(text)
            if not case or not re.search(self.options.only, text):
                continue
            self.counts["cases"] += 1
            for node, other, extended in ways:
                mine, second, third = (self.ids[(node + other + i) % 3] for i in range(3))
                self.run(case, text.strip().startswith("-- refused"), self.nodes[node],
                         dict(mine, v=second["u"], w=third["u"], newv=second["newu"]), extended)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--all", action="store_true")
    cases = Cases(parser.parse_args())
    cases.set_up()
    cases.run_all()
    cases.tear_down()
    print("# %s" % dict(cases.counts))
    print("%s - statements of all kinds give what plain tables give" % ("not ok" if cases.failures else "ok"))
    return 1 if cases.failures else 0


if __name__ == "__main__":
    sys.exit(main())
