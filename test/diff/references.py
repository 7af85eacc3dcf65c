#!/usr/bin/env python3
"""Runs random writes on plain tables and on sharded ones that foreign keys tie together, and compares what they give.

    test/diff/references.py --port PORT [--seed N] [--statements N] [--world N] [--verbose]

The server has the databases london, paris and tokyo (a cluster without the tables of this test) and plain. Each world has tables,
keys with actions of all kinds and triggers of its own, which depend on the seed and the world's number alone. Rows, command
tags, SQLSTATEs and the tables after each transaction must agree; refusals (SX003) are counted. After a difference the world is
printed with all that was run in it. The last line is "ok - ..." or "not ok - ...".
"""
import argparse
import collections
import random
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "lib"))
from pq import Connection

SHARDED, REFERENCE = ("p", "c", "d", "e"), ("r", "q")
KEYS, ROWS = 5, 6
ACTIONS = ("NO ACTION", "CASCADE", "CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT")
FUNCTIONS = """
CREATE OR REPLACE FUNCTION vol(int) RETURNS int VOLATILE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE OR REPLACE FUNCTION trail() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
	IF TG_OP = 'DELETE' THEN INSERT INTO trail VALUES (OLD.k, TG_OP || to_jsonb(OLD)); RETURN OLD; END IF;
	INSERT INTO trail VALUES (NEW.k, TG_OP || to_jsonb(NEW));
	RETURN NEW;
END$$
"""


class World:
    """Tables (h is a home table that nothing writes), keys between them and rows."""

    def __init__(self, seed, number):
        self.r = random.Random("%d/%d" % (seed, number))
        self.keys = []
        self.triggers = self.chance(0.3)
        self.actions = self.some(ACTIONS, ("NO ACTION", "CASCADE"), ("NO ACTION", "CASCADE", "SET NULL", "SET DEFAULT"))

    def some(self, *choices):
        return self.r.choice(choices)

    def chance(self, probability):
        return self.r.random() < probability

    def create(self):
        for table in SHARDED:
            yield ("CREATE TABLE %s (k int DEFAULT 1, id int, x int DEFAULT 0, a int DEFAULT 0, b int DEFAULT 1, r int DEFAULT 0, v int, "
                   "PRIMARY KEY (k, id), UNIQUE (k, x))" % table)
        yield "CREATE TABLE trail (k int, what text)"
        for table in REFERENCE:
            yield "CREATE TABLE %s (id int PRIMARY KEY, r int DEFAULT 0, v int)" % table

    def shard(self):
        yield "SELECT shardext.shard_tables('{%s,trail}', '{%s}', 'hash')" % (",".join(SHARDED), ",".join(["k"] * 5))
        for table in REFERENCE:
            yield "SELECT shardext.replicate_table('%s')" % table

    def when_checked(self):
        return self.some("", "", "", " DEFERRABLE", " DEFERRABLE INITIALLY DEFERRED")

    def key(self):
        """A foreign key of a sharded table."""
        name = "f%d_%d" % (self.r.randint(0, 9), len(self.keys))
        if self.chance(0.25):
            return self.key_of(self.r.choice(SHARDED), name, "r", self.r.choice(REFERENCE), "id", "", "")
        column = self.some("a", "b")
        # mostly to a table before it, so that actions meet
        table, other = sorted((self.r.choice(SHARDED), self.r.choice(SHARDED)), key=SHARDED.index, reverse=self.chance(0.8))
        listed = " (%s)" % column if self.chance(0.9) else ""
        return self.key_of(table, name, "k, " + column, other, self.some("k, id", "k, id", "k, x"),
                           listed, self.some("", "", " MATCH FULL"))

    def key_of(self, table, name, columns, other, others, listed, match):
        self.keys.append((table, name))
        deleted, updated = self.r.choice(self.actions), self.r.choice(self.actions)
        if columns != "r":
            # the default of a shard key may lie in another shard
            listed = listed or deleted == "SET DEFAULT" and columns[2:].join((" (", ")"))
            updated = "CASCADE" if updated == "SET DEFAULT" else updated
        return "ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s)%s ON DELETE %s%s ON UPDATE %s%s" % (
            table, name, columns, other, others, match, deleted, listed if deleted.startswith("SET") else "", updated, self.when_checked())

    def tie(self):
        """Foreign keys and triggers."""
        for _ in range(self.r.randint(2, 8)):
            yield self.key()
        if self.chance(0.5):
            yield self.key_of("q", "q_r", "r", "r", "id", "", "")
        if self.chance(0.2):
            yield self.key_of("r", "r_r", "r", "r", "id", "", "")
        for table in SHARDED if self.triggers else ():
            if self.chance(0.5):
                yield "CREATE TRIGGER %s %s %s ON %s FOR EACH ROW EXECUTE FUNCTION trail()" % (
                    self.some("a", "z"), self.some("AFTER", "AFTER", "BEFORE"), self.some("INSERT OR UPDATE OR DELETE", "DELETE", "UPDATE"), table)

    def fill(self):
        """Rows of the same numbers in all tables, which are there before they refer to each other."""
        for table in REFERENCE:
            yield "INSERT INTO %s SELECT i, 0, i FROM generate_series(0, %d) i" % (table, ROWS - 1)
        for table in SHARDED:
            yield "INSERT INTO %s SELECT k, i, i, NULL, NULL, NULL, k + i FROM generate_series(1, %d) k, generate_series(0, %d) i" % (table, KEYS, ROWS - 1)
        for table in SHARDED:
            yield "UPDATE %s SET %s" % (table, ", ".join("%s = nullif((id * %d + k * %d + %d) %% %d, %d)" % (
                column, self.r.randint(0, 3), self.r.randint(0, 3), self.r.randint(0, 9), ROWS + 1, ROWS) for column in "abr"))
        yield "DELETE FROM trail"

    # ---------- statements ----------

    def number(self):
        return self.r.randint(0, ROWS - 1)

    def value(self):
        return self.some(str(self.number()), str(self.number()), "NULL", str(self.r.randint(0, 12)))

    def row(self, table):
        if table in REFERENCE:
            return "(%d, %s, %d)" % (self.r.randint(0, 9), self.value(), self.number())
        return "(%d, %d, %d, %s, %s, %s, %d)" % (self.r.randint(1, KEYS), self.r.randint(0, 11), self.r.randint(0, 11), self.value(), self.value(),
                                                 self.some("NULL", self.number()), self.number())

    def rows(self, table):
        return ", ".join(self.row(table) for _ in range(self.some(1, 1, 2, 4, 8)))

    def table(self):
        return self.r.choice(SHARDED + SHARDED + REFERENCE)

    def condition(self, table, alias=""):
        at = alias + "." if alias else ""
        choices = ["{0}id = %d" % self.number(), "{0}id < %d" % self.number(), "{0}v = %d" % self.number(), "{0}r = %d" % self.number(), "{0}id IN (%d, %d)" % (self.number(), self.number())]
        if table in SHARDED:
            choices += ["vol({0}id) > 0", "{0}id >= 0", "{0}k = %d" % self.r.randint(1, KEYS), "{0}k = %d AND {0}id = %d" % (self.r.randint(1, KEYS), self.number()),
                        "{0}k = %d AND {0}id > %d" % (self.r.randint(1, KEYS), self.number()), "{0}k <= %d AND {0}a = %d" % (self.r.randint(1, KEYS), self.number()),
                        "{0}k IN (1, %d) AND {0}x >= %d" % (self.r.randint(1, KEYS), self.number()), "{0}a IS NULL", "{0}x > %d" % self.number()]
        if self.chance(0.05):
            return "true"
        return self.r.choice(choices).format(at)

    def set(self, table, at=""):
        """Assignments. at: of the row, where names are not clear: joins. Their order says whether keys moved by one meet."""
        step = self.some(1, 10) if at == "" else 10
        choices = [["v = {0}v + 1"], ["id = {0}id + %d" % step], ["id = {0}id"], ["r = %s" % self.value()], ["id = 11 - {0}id"]]
        if table in SHARDED:
            choices += 2 * [["a = %s" % self.value()], ["b = %s" % self.value()], ["x = {0}x + %d" % step], ["k = {0}k + 5"],
                            ["id = {0}id + 20", "a = {0}a + 20"], ["k = {0}k + 10"], ["a = {0}b", "b = {0}a"], ["x = 11 - {0}x", "v = 1"]]
        return ", ".join(self.r.choice(choices)).replace("{0}", at)

    def join(self, table):
        """A condition on table t and another one, s, that meets each row once."""
        other = self.table()
        if self.chance(0.5):
            return "h", self.some("s.id = t.id", "s.id <> t.id AND s.id = t.id + 1", "s.id = vol(t.id)", "s.v = t.v - %d" % self.number())
        if table in SHARDED and other in SHARDED:
            return other, self.some("s.k = t.k AND s.id = t.id", "s.k = t.k AND s.id = t.a", "s.k = t.k AND s.x = t.id", "s.k = t.v + 1 AND s.id = t.a")
        return other, "s.id = t.r" if other in REFERENCE else "s.k = %d AND s.id = t.id" % self.r.randint(1, KEYS)

    def returning(self):
        return self.some("", "", "", " RETURNING *")

    def delete(self):
        table = self.table()
        other, joined = self.join(table)
        return self.some("DELETE FROM %s WHERE %s%s" % (table, self.condition(table), self.returning()),
                         "DELETE FROM %s WHERE %s" % (table, self.condition(table)),
                         "DELETE FROM %s t USING %s s WHERE %s AND %s" % (table, other, joined, self.condition(table, "t")),
                         "DELETE FROM %s t USING %s s WHERE %s AND %s" % (table, other, joined, self.condition(other, "s")),
                         "DELETE FROM %s t WHERE EXISTS (SELECT FROM %s s WHERE %s AND %s)" % (table, other, joined, self.condition(other, "s")))

    def update(self):
        table = self.table()
        other, joined = self.join(table)
        return self.some("UPDATE %s SET %s WHERE %s%s" % (table, self.set(table), self.condition(table), self.returning()),
                         "UPDATE %s SET %s WHERE %s" % (table, self.set(table), self.condition(table)),
                         "UPDATE %s t SET %s FROM %s s WHERE %s AND %s" % (table, self.set(table, "t."), other, joined, self.condition(table, "t")))

    def insert(self):
        table = self.table()
        if table in SHARDED and self.chance(0.2):
            return "INSERT INTO %s SELECT k, id + %d, x + 20, a, b, r, v FROM %s WHERE %s" % (
                table, self.some(0, 20), self.r.choice(SHARDED), self.condition(table))
        conflict = self.some("", "", " ON CONFLICT DO NOTHING",
                             " ON CONFLICT (%s) DO UPDATE SET %s" % ("k, id" if table in SHARDED else "id", self.set(table, table + ".")))
        return "INSERT INTO %s VALUES %s%s%s" % (table, self.row(table) if "UPDATE" in conflict else self.rows(table), conflict, self.returning())

    def merge(self):
        table = self.table()
        other, joined = self.join(table)
        matched = self.some("DELETE", "UPDATE SET " + self.set(table, "t."), "DO NOTHING")
        if self.chance(0.4):
            source = "(SELECT k, id + %d AS id, v FROM generate_series(1, %d) k, generate_series(0, 5) id, generate_series(0, 1) v)" % (self.number(), KEYS)
            return "MERGE INTO %s t USING %s s ON %s AND s.id = t.id AND s.v = 0 WHEN MATCHED AND %s THEN %s WHEN NOT MATCHED AND s.v = 0 THEN INSERT %s" % (
                table, source, "s.k = t.k" if table in SHARDED else "s.k = 1", self.condition(table, "t"), matched,
                "(k, id, x, a, v) VALUES (s.k, s.id, s.id, %s, 7)" % self.some("NULL", "s.id", "s.id - 1") if table in SHARDED else "(id, v) VALUES (s.id + 10 * s.k, 7)")
        return "MERGE INTO %s t USING %s s ON %s WHEN MATCHED AND %s THEN DELETE WHEN MATCHED AND %s THEN %s" % (
            table, other, joined, self.condition(table, "t"), self.condition(other, "s"), matched)

    def written_with(self):
        table = self.r.choice(SHARDED)
        # in the table itself, whether an inserted row meets one that is yet to be deleted depends on the order of rows
        other = self.r.choice([name for name in SHARDED if name != table])
        return self.some("WITH w AS (DELETE FROM %s WHERE %s RETURNING *) INSERT INTO %s SELECT k, id + 30, x + 30, NULL, NULL, NULL, v FROM w" % (
                             table, self.condition(table), other),
                         "WITH w AS (DELETE FROM %s WHERE %s RETURNING *) SELECT count(*) FROM w" % (table, self.condition(table)),
                         "WITH w AS (UPDATE %s SET %s WHERE %s RETURNING *) SELECT count(*) FROM w" % (table, self.set(table), self.condition(table)))

    def ddl(self):
        if self.chance(0.4):
            return self.some("TRUNCATE %s", "TRUNCATE %s CASCADE") % self.table()
        if self.chance(0.6):
            table, name = self.r.choice(self.keys)
            return self.some("ALTER TABLE %s DROP CONSTRAINT %s", "ALTER TABLE %s VALIDATE CONSTRAINT %s",
                             "ALTER TABLE %s ALTER CONSTRAINT %s" + self.when_checked()) % (table, name)
        return self.key() + self.some("", " NOT VALID")

    def statement(self):
        """(sql, lines for COPY)"""
        kind = self.r.random()
        if kind < 0.06:
            return self.ddl(), ""
        if kind < 0.1:
            table = self.r.choice(SHARDED)
            return "COPY %s FROM STDIN" % table, "".join(
                row.replace("NULL", "\\N").replace(", ", "\t").strip("()") + "\n" for row in re.findall(r"\([^)]*\)", self.rows(table)))
        ways = [self.delete] * 4 + [self.update] * 4 + [self.insert] * 2 + [self.merge, self.written_with]
        return self.r.choice(ways)(), ""

    def transaction(self):
        """Statements from BEGIN to its end, with savepoints."""
        yield "BEGIN", ""
        if self.chance(0.5):
            yield "SET CONSTRAINTS ALL " + self.some("DEFERRED", "IMMEDIATE"), ""
        for _ in range(self.r.randint(1, 5)):
            if self.chance(0.2):
                yield "SET CONSTRAINTS ALL " + self.some("DEFERRED", "IMMEDIATE"), ""
            yield "SAVEPOINT s", ""
            yield self.statement()
            if self.chance(0.2):
                yield "ROLLBACK TO s", ""
        yield self.some("COMMIT", "COMMIT", "COMMIT", "ROLLBACK"), ""


class Found(Exception):
    """A difference has been printed."""


class Differ:
    def __init__(self, options):
        self.options = options
        self.plain = Connection(options.port, "plain")
        self.nodes = [Connection(options.port, name) for name in ("london", "paris", "tokyo")]
        self.node = self.nodes[0]
        self.counts, self.refused, self.told, self.differences = collections.Counter(), collections.Counter(), [], 0
        for connection in [self.plain] + self.nodes:
            connection.must("SET client_min_messages = error; SET statement_timeout = '60s'; SET shardext.carry_objects = off")
            connection.must(FUNCTIONS)
            connection.must("RESET shardext.carry_objects; DROP TABLE IF EXISTS h; CREATE TABLE h AS SELECT i AS id, 0 AS r, i AS v FROM generate_series(0, %d) i" % (ROWS - 1))

    def tell(self, sql, data=""):
        self.told.append(sql + (";\n" + data + "\\." if data else ";"))

    def report(self, sql, ours, plain):
        self.differences += 1
        print("%s\n-- DIFFERENCE on %s\n--  ours: %s\n-- plain: %s" % ("\n".join(self.told), self.node.name, ours, plain), flush=True)
        raise Found

    def make(self, world):
        self.told = []
        for connection in (self.plain, self.nodes[0]):
            connection.must("DROP TABLE IF EXISTS %s, trail CASCADE" % ", ".join(SHARDED + REFERENCE))
        for sql in world.create():
            self.tell(sql)
            for connection in (self.plain, self.nodes[0]):
                connection.must(sql)
        for sql in world.shard():
            self.nodes[0].must(sql)
        self.set_up(world.fill())
        self.set_up(world.tie())

    def set_up(self, statements):
        for sql in statements:
            plain = self.plain.run(sql)
            ours = self.nodes[0].run(sql)
            if not plain.same(ours):
                if plain.code or ours.code != "SX003":
                    self.report(sql, ours, plain)
                elif self.options.verbose:
                    print("-- refused: %s\n%s;" % (ours, sql))
                name = re.match(r"ALTER TABLE (\w+) ADD CONSTRAINT (\w+)", sql)
                if name and not plain.code:
                    self.plain.must("ALTER TABLE %s DROP CONSTRAINT %s" % name.groups())
            elif not plain.code:
                self.tell(sql)

    def both(self, sql, data=""):
        ours = self.node.run(sql, data)
        if ours.code == "SX003":
            self.counts["refused"] += 1
            self.refused[re.sub(r'"[^"]*"|\d+', "..", ours.detail or ours.message)] += 1
            self.failed = self.plain.run("SELECT 1/0").code != ""
            return
        self.tell(sql, data)
        plain = self.plain.run(sql, data)
        self.failed = plain.code != ""
        self.counts[plain.code or "worked"] += 1
        # of several constraints that are broken any may be the first; DDL may look for other reasons first
        codes = [re.sub("^23...$" if not sql.startswith("ALTER") else "^.+$", "23", result.code) for result in (ours, plain)]
        if codes[0] != codes[1] or not ours.code and not plain.same(ours):
            self.report("-- on %s\n%s" % (self.node.name, sql), ours, plain)

    def compare_tables(self):
        for table in SHARDED + REFERENCE + ("trail",):
            sql = "SELECT '%s', t::text FROM %s t" % (table, table)
            ours, plain = self.node.run(sql), self.plain.run(sql)
            if not plain.same(ours):
                only = [sorted((collections.Counter(a.rows) - collections.Counter(b.rows)).elements()) for a, b in ((ours, plain), (plain, ours))]
                self.report(sql, only[0], only[1])

    def alone(self, world):
        self.both(*world.statement())

    def block(self, world):
        self.tell("-- on %s, in a transaction" % self.node.name)
        for sql, data in world.transaction():
            self.both(sql, data)
            if self.failed and not sql.startswith(("COMMIT", "SET")):
                self.both("ROLLBACK TO s")
        self.end()

    def end(self):
        for connection in (self.node, self.plain):
            connection.run("ROLLBACK")

    def run_world(self, number):
        """A few statements and transactions."""
        world = World(self.options.seed, number)
        self.make(world)
        for step in range(24):
            self.node = world.r.choice(self.nodes)
            (self.block if world.chance(0.3) else self.alone)(world)
            self.compare_tables()
            if step % 8 == 7:
                self.refill(world)

    def refill(self, world):
        for connection in (self.plain, self.nodes[0]):
            connection.must("TRUNCATE %s, trail CASCADE" % ", ".join(SHARDED + REFERENCE))
        self.set_up(world.fill())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--world", type=int, help="this one alone")
    parser.add_argument("--statements", type=int, default=1000)
    parser.add_argument("--stop", type=int, default=5)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    differ = Differ(options)
    number = options.world or 0
    while sum(differ.counts.values()) < options.statements and differ.differences < options.stop:
        try:
            differ.run_world(number)
        except Found:
            print("-- world %d" % number, flush=True)
            differ.end()
        if options.world is not None:
            break
        number += 1
    for reason, count in differ.refused.most_common(12):
        print("# refused %4d times: %s" % (count, reason))
    print("# seed %d, %d worlds: %s" % (options.seed, number, dict(differ.counts)))
    print("%s - writes of tables with foreign keys do what they do on plain tables" % ("not ok" if differ.differences else "ok"))
    return 1 if differ.differences else 0


if __name__ == "__main__":
    sys.exit(main())
