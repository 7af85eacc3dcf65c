#!/usr/bin/env python3
"""Runs TPC-H's 22 queries on a plain database and on a cluster with the same rows, and compares what they give.

    test/tpch/run.py --port PORT [--scale 0.001] [--layouts own,shared] [--repeat N] [--only 3,17] [--timeout SECONDS]

The server has the databases london, paris and tokyo (a cluster without these tables) and plain; --nodes names other
databases of the cluster as port/database. Layouts: "own" has every table sharded by its first key with hash, "shared" has
orders and lineitem sharded by the order, the others as reference tables. With --repeat the median time of each query is
printed as a ratio of plain's; --keep leaves the tables. The last line is "ok - ..." or "not ok - ...".
"""
import argparse
import re
import statistics
import sys
import time
from pathlib import Path

from generate import statements
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "lib"))
from pq import Connection

KEYS = {"region": "r_regionkey", "nation": "n_nationkey", "supplier": "s_suppkey", "part": "p_partkey",
        "partsupp": "ps_partkey", "customer": "c_custkey", "orders": "o_orderkey", "lineitem": "l_orderkey"}
LAYOUTS = {"own": set(KEYS), "shared": {"orders", "lineitem"}}


def queries(scale):
    text = (HERE / "queries.sql").read_text().replace("{fraction}", "%.6f" % (0.0001 / scale))
    parts = re.split(r"^-- Q(\d+): .*\n", text, flags=re.M)[1:]
    return {int(number): sql.strip() for number, sql in zip(parts[::2], parts[1::2])}


class Comparison:
    def __init__(self, options):
        self.options = options
        self.plain = Connection(options.port, options.plain)
        nodes = options.nodes or ["%d/%s" % (options.port, name) for name in ("london", "paris", "tokyo")]
        self.nodes = [Connection(int(port), name) for port, name in (node.split("/") for node in nodes)]
        self.queries, self.failed = queries(options.scale), 0
        for connection in [self.plain] + self.nodes:
            connection.must("SET client_min_messages = error")

    def drop(self, connection):
        connection.must("DROP TABLE IF EXISTS %s CASCADE" % ", ".join(KEYS))

    def generate(self):
        """Rows into plain, and from there into files of the server."""
        self.drop(self.plain)
        self.plain.must((HERE / "schema.sql").read_text())
        for sql in statements(self.options.scale):
            result = self.plain.run(sql)
            if result.code:
                raise SystemExit("the tables could not be filled: %s" % result)
        self.plain.must("VACUUM ANALYZE %s" % ", ".join(KEYS))
        folder = self.plain.run("SHOW data_directory").rows[0][0]
        self.files = {table: "%s/shardext_tpch_%s" % (folder, table) for table in KEYS}
        for table, file in self.files.items():
            self.plain.must("COPY %s TO '%s'" % (table, file))

    def load(self, sharded):
        node = self.nodes[0]
        self.drop(node)
        node.must((HERE / "schema.sql").read_text())
        for table, key in KEYS.items():
            if table in sharded:
                node.must("SELECT shardext.shard_table('%s', '%s', 'hash')" % (table, key))
            else:
                node.must("SELECT shardext.replicate_table('%s')" % table)
        for table, file in self.files.items():
            node.must("COPY %s FROM '%s'" % (table, file))
        for connection in self.nodes:
            connection.must("ANALYZE")

    def run(self, connection, sql):
        times = []
        for _ in range(self.options.repeat or 1):
            start = time.monotonic()
            result = connection.run(sql)
            times.append(time.monotonic() - start)
            if result.code:
                break
        return result, statistics.median(times)

    def compare(self, layout):
        """Every node takes its turn as coordinator."""
        sums, different = [0, 0], 0
        for number, sql in self.queries.items():
            if self.options.only and number not in self.options.only:
                continue
            node = self.nodes[number % len(self.nodes)]
            if self.options.timeout:
                node.must("SET statement_timeout = '%ds'" % self.options.timeout)
            plain, plain_time = self.run(self.plain, sql)
            ours, our_time = self.run(node, sql)
            sums[0] += plain_time
            sums[1] += our_time
            if not ours.same(plain) or plain.code:
                different += 1
                print("-- DIFFERENCE in query %d, layout %s, on %s\n--  ours: %s\n-- plain: %s" %
                      (number, layout, node.name, ours, plain), flush=True)
            if self.options.repeat:
                print("# %s Q%02d: %5d rows, plain %8.1f ms, ours %8.1f ms, ratio %6.2f" %
                      (layout, number, len(plain.rows), plain_time * 1e3, our_time * 1e3, our_time / plain_time), flush=True)
        if self.options.repeat:
            print("# %s, sum: plain %.2f s, ours %.2f s, ratio %.2f" % (layout, sums[0], sums[1], sums[1] / sums[0]))
        print("%s - TPC-H at scale %g, layout %s: %d queries differ" %
              ("not ok" if different else "ok", self.options.scale, layout, different), flush=True)
        self.failed += different

    def main(self):
        if self.options.reuse:
            return [self.compare(layout) for layout in self.options.layouts.split(",")]
        self.generate()
        for layout in self.options.layouts.split(","):
            self.load(LAYOUTS[layout])
            self.compare(layout)
        if not self.options.keep:
            self.drop(self.plain)
            self.drop(self.nodes[0])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--plain", default="plain", help="the plain database")
    parser.add_argument("--scale", type=float, default=0.001)
    parser.add_argument("--layouts", default="own,shared")
    parser.add_argument("--repeat", type=int, default=0)
    parser.add_argument("--only", type=lambda text: [int(number) for number in text.split(",")])
    parser.add_argument("--timeout", type=int, default=0)
    parser.add_argument("--nodes", type=lambda text: text.split(","))
    parser.add_argument("--keep", action="store_true", help="leave the tables")
    parser.add_argument("--reuse", action="store_true", help="take the tables that an earlier run with --keep has left")
    comparison = Comparison(parser.parse_args())
    comparison.main()
    sys.exit(1 if comparison.failed else 0)
