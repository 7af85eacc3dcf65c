#!/usr/bin/env python3
"""Runs random statements on plain tables and on sharded ones, and compares what they give.

    test/diff/run.py --port PORT [--seed N] [--seconds N | --statements N] [--verbose]

The server has the databases london, paris and tokyo (a cluster without the tables of this test) and plain. Statements come
from random nodes, with literals or prepared, alone or in transactions. Refusals (SX003) are counted, all else must agree:
rows, command tags, SQLSTATEs, and after each write the tables. The last line is "ok - ..." or "not ok - ...".
"""
import argparse
import collections
import random
import re
import sys
import time
from pathlib import Path

from forms import Forms, Script
from generate import PEOPLE, TABLES, photo_id, user_id
from kinds import odd_value
sys.path.insert(0, str(Path(__file__).parent.parent / "lib"))
from pq import Connection

# on every node
TYPES = """
DROP DOMAIN IF EXISTS whole, word, good_mood;
DROP TYPE IF EXISTS place, mood;
CREATE DOMAIN whole AS int CHECK (VALUE > -100);
CREATE DOMAIN word AS text;
CREATE TYPE place AS (street text, no int);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'glad');
CREATE DOMAIN good_mood AS mood CHECK (VALUE <> 'sad');
DO $$BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
"""
SCHEMA = """
CREATE TABLE users (id bigint PRIMARY KEY, country int, name text, age int);
CREATE TABLE photos (id bigint PRIMARY KEY, owner_id bigint NOT NULL, title text, views int);
CREATE TABLE albums (id bigint PRIMARY KEY, owner bigint NOT NULL, cover bigint, n int);
CREATE TABLE likes (photo_id bigint, user_id bigint, n int, PRIMARY KEY (photo_id, user_id));
CREATE TABLE acc (no int PRIMARY KEY, holder text, bal numeric, ref int);
CREATE TABLE moves (no bigint, seq int, amount numeric, PRIMARY KEY (no, seq));
CREATE TABLE tags (tag text PRIMARY KEY, n int, v varchar);
CREATE TABLE comp (a int, b text, c int, PRIMARY KEY (a, b, c));
CREATE TABLE comp2 (a bigint NOT NULL, b varchar NOT NULL, d int);
CREATE TABLE docs (key uuid PRIMARY KEY, day date, n int, v text);
CREATE TABLE days (day date, num numeric, n int, key uuid, PRIMARY KEY (day, n));
CREATE INDEX ON days (num);
CREATE TABLE sums (num numeric PRIMARY KEY, n int, day date);
CREATE TABLE countries (id int PRIMARY KEY, name text, since date);
CREATE TABLE goods (no int PRIMARY KEY, k int DEFAULT 3 CHECK (k < 1000), note text DEFAULT 'new', at place, list int[],
	twice int GENERATED ALWAYS AS (k * 2) STORED, made int DEFAULT vol(7));
CREATE TABLE parts (no int REFERENCES goods ON DELETE CASCADE ON UPDATE CASCADE, part int, n int, PRIMARY KEY (no, part));
CREATE TABLE trail (no int, op text, k int);
CREATE TABLE wide (no int PRIMARY KEY, mood mood, span int4range, list int[], data jsonb, at place, seen timestamptz, long interval, ok boolean, code char(4), bits bit(3));
CREATE TABLE bags (list int[], n int, span int4range, mood mood, PRIMARY KEY (list, n));
CREATE TABLE moods (mood mood NOT NULL, seen timestamptz, at place, note text);
CREATE INDEX ON wide (mood, seen);
CREATE TRIGGER small BEFORE INSERT OR UPDATE ON goods FOR EACH ROW EXECUTE FUNCTION small();
CREATE TRIGGER trail AFTER INSERT OR UPDATE OR DELETE ON goods FOR EACH ROW EXECUTE FUNCTION trail();
"""
# what the role reader sees and may do
POLICIES = """
CREATE POLICY p ON acc USING (ref IS DISTINCT FROM 3);
CREATE POLICY seen ON moves FOR SELECT USING (true);
CREATE POLICY made ON moves FOR INSERT WITH CHECK (amount >= 0.5);
CREATE POLICY changed ON moves FOR UPDATE USING (seq < 3) WITH CHECK (amount < 9);
CREATE POLICY gone ON moves FOR DELETE USING (seq > 0);
CREATE POLICY p ON docs USING (EXISTS (SELECT FROM countries c WHERE c.since <= day)) WITH CHECK (true);
CREATE POLICY p ON wide USING (ok IS NOT FALSE);
CREATE POLICY q ON wide AS RESTRICTIVE USING (no <> 5);
CREATE POLICY p ON goods USING (EXISTS (SELECT FROM parts p WHERE p.no = goods.no AND p.n IS NULL) OR k > 2);
CREATE POLICY p ON comp2 USING (d < stab(60));
"""
PROTECTED = "acc moves docs wide goods comp2"
FUNCTIONS = """
DROP FUNCTION IF EXISTS n_in(int);
CREATE OR REPLACE FUNCTION small() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.k := NEW.k % 500; RETURN NEW; END';
CREATE OR REPLACE FUNCTION trail() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
	IF TG_OP <> 'INSERT' THEN INSERT INTO trail VALUES (OLD.no, TG_OP, OLD.k); END IF;
	IF TG_OP <> 'DELETE' THEN INSERT INTO trail VALUES (NEW.no, TG_OP || '+', NEW.k); END IF;
	RETURN NULL;
END$$;
CREATE OR REPLACE FUNCTION n_of(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT count(*)::int FROM moves WHERE no = $1';
CREATE OR REPLACE FUNCTION n_in(below int) RETURNS int STABLE LANGUAGE plpgsql AS $$DECLARE r record; n int := 0; BEGIN
	FOR r IN SELECT * FROM goods WHERE no < below LOOP n := n + r.no; END LOOP;
	RETURN n;
END$$;
CREATE OR REPLACE FUNCTION holder_of(int) RETURNS text STABLE LANGUAGE sql AS 'SELECT holder FROM acc WHERE no = $1';
CREATE OR REPLACE FUNCTION sql_add(int, int DEFAULT 1) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2';
CREATE OR REPLACE FUNCTION rows_of(k int) RETURNS TABLE (no int, ref int) STABLE LANGUAGE sql AS 'SELECT no, ref FROM acc WHERE no % 5 = k % 5 ORDER BY no';
CREATE OR REPLACE FUNCTION rows_in(k int) RETURNS TABLE (no int, ref int) STABLE LANGUAGE plpgsql AS
	'BEGIN RETURN QUERY SELECT a.no, a.ref FROM acc a WHERE a.no = k; RETURN QUERY SELECT k, count(*)::int FROM parts p WHERE p.no = k; END';
CREATE OR REPLACE FUNCTION bump(k int) RETURNS int VOLATILE LANGUAGE plpgsql AS $$DECLARE r record; n int := 0; BEGIN
	FOR r IN SELECT no FROM acc WHERE ref = k LOOP
		UPDATE acc SET bal = bal + 1 WHERE no = r.no AND EXISTS (SELECT FROM acc x WHERE x.no = r.no);
		n := n + 1;
	END LOOP;
	BEGIN
		INSERT INTO acc VALUES (k, 'bump', n, k);
	EXCEPTION WHEN unique_violation OR not_null_violation THEN
		n := n + 100 + (SELECT count(*) FROM goods);
	END;
	RETURN n;
END$$;
CREATE OR REPLACE FUNCTION walk(below int) RETURNS int VOLATILE LANGUAGE plpgsql AS $$DECLARE
	c CURSOR FOR SELECT * FROM acc WHERE no < below ORDER BY no FOR UPDATE;
	n int := 0;
	k int;
BEGIN
	FOR r IN c LOOP
		IF r.ref > 8 THEN
			DELETE FROM acc WHERE CURRENT OF c;
		ELSE
			UPDATE acc SET ref = ref + 1 WHERE CURRENT OF c RETURNING ref INTO k;
		END IF;
		GET DIAGNOSTICS n = ROW_COUNT;
		EXECUTE format('SELECT %s + count(*) FROM %I WHERE no >= $1', n, 'moves') INTO n USING r.no;
	END LOOP;
	PERFORM 1 / (no - n) FROM acc WHERE no = n;
	RETURN n;
EXCEPTION WHEN division_by_zero THEN
	RETURN -n;
END$$;
CREATE OR REPLACE FUNCTION settle(k int) RETURNS bigint VOLATILE LANGUAGE sql AS $$
	UPDATE goods SET note = 'settled' WHERE no % 7 = k;
	INSERT INTO moves SELECT no, 1000 + k, 1 FROM goods WHERE note = 'settled' ON CONFLICT DO NOTHING;
	SELECT count(*) FROM moves WHERE seq = 1000 + k $$;
CREATE OR REPLACE AGGREGATE total(numeric) (SFUNC = numeric_add, STYPE = numeric, COMBINEFUNC = numeric_add, INITCOND = '0', PARALLEL = SAFE);
CREATE OR REPLACE AGGREGATE glued(text) (SFUNC = textcat, STYPE = text, INITCOND = '');
CREATE OR REPLACE FUNCTION vol(x numeric, more int DEFAULT 3) RETURNS int VOLATILE LANGUAGE plpgsql AS 'BEGIN RETURN (x + more) % 100; END';
CREATE OR REPLACE FUNCTION stab(x numeric, more int DEFAULT 2) RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN (x + more) % 50 + (SELECT count(*) FROM countries) * 0; END';
CREATE OR REPLACE FUNCTION imm(x numeric, more int DEFAULT 1) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN (x + more) % 10; END';
"""
VIEWS = """
CREATE VIEW v_users WITH (security_barrier) AS SELECT id, country, name FROM users WHERE country > 1;
CREATE VIEW v_photos AS SELECT owner_id, count(*) AS photos, sum(views) AS views FROM photos GROUP BY owner_id;
CREATE VIEW w_acc AS SELECT * FROM acc;
CREATE VIEW w_goods WITH (security_barrier) AS SELECT no, k, note FROM goods WHERE k IS DISTINCT FROM 4 WITH CHECK OPTION;
CREATE VIEW w_moves WITH (security_invoker) AS SELECT no, seq, amount FROM moves WHERE seq < 100;
"""
ALL_VIEWS = "v_users, v_photos, w_acc, w_goods, w_moves"
SHARD = """
SELECT shardext.shard_table('users', 'id');
SELECT shardext.shard_table('photos', 'owner_id', 'id', '{id}');
SELECT shardext.shard_table('albums', 'owner', 'id', '{id,cover}');
SELECT shardext.shard_table('likes', 'photo_id', 'id');
SELECT shardext.shard_table('acc', 'no', 'hash');
SELECT shardext.shard_table('moves', 'no', 'hash');
SELECT shardext.shard_table('tags', 'tag', 'hash');
SELECT shardext.shard_table('comp', '{a,b}'::text[]);
SELECT shardext.shard_table('comp2', '{a,b}'::text[]);
SELECT shardext.shard_table('docs', 'key');
SELECT shardext.shard_table('days', 'day');
SELECT shardext.shard_table('sums', 'num');
SELECT shardext.shard_tables('{goods,parts}', '{no,no}', 'hash');
SELECT shardext.shard_table('trail', 'no', 'hash');
SELECT shardext.shard_table('wide', 'no', 'hash');
SELECT shardext.shard_table('bags', 'list');
SELECT shardext.shard_table('moods', 'mood');
SELECT shardext.replicate_table('countries');
"""
WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE|vol|bump|walk|settle)\b")
HOME = """
CREATE TABLE home (uid bigint, x int, note text) PARTITION BY LIST (x);
CREATE TABLE home_some PARTITION OF home FOR VALUES IN (1, 3, 5, NULL);
CREATE TABLE home_rest PARTITION OF home DEFAULT;
"""


def initial_rows():
    r = random.Random(0)
    some = lambda n: "NULL" if r.random() < 0.15 else str(r.randint(0, n))
    text = lambda: "NULL" if r.random() < 0.15 else "'t%d'" % r.randint(0, 12)
    people = range(1, PEOPLE + 1)
    photos = [(i, j) for i in people for j in (1, 2, 3) if (i + j) % 4 and i % 5]
    yield "users", [(user_id(i), some(4), text(), some(12)) for i in people if i != 13]
    yield "photos", [(photo_id(i, j), user_id(i), text(), some(12)) for i, j in photos]
    yield "albums", [(photo_id(i, 9), user_id(i), "NULL" if i % 3 else photo_id(i, 1), some(5)) for i in people if i % 4]
    yield "likes", [(photo_id(i, j), user_id(r.randint(1, 16)), some(5)) for i, j in photos if (i + j) % 3]
    yield "acc", [(i, text(), "%d.5" % (i % 5), some(12)) for i in range(0, 20)]
    yield "moves", [(i, j, "%d.5" % j) for i in range(0, 12) for j in range(i % 4)]
    yield "tags", [("'t%d'" % i, some(9), text()) for i in range(0, 12)]
    yield "comp", [(i % 5, "'t%d'" % (i % 4), i) for i in range(20)]
    yield "comp2", [(i % 6, "'t%d'" % (i % 3), some(9)) for i in range(15)]
    uuid, date = (lambda i: "'00000000-0000-4000-8000-0000000000%02d'" % i), (lambda i: "'2024-02-%02d'" % (20 + i % 10))
    yield "docs", [(uuid(i), date(i // 3), some(9), text()) for i in range(0, 25, 2)]
    yield "days", [(date(i), "%d.%d" % (i % 4, 5 * (i % 2)), i // 2, uuid(i % 7)) for i in range(20)]
    yield "sums", [("%d.5" % i if i % 3 else "%d.00" % i, some(6), date(i)) for i in range(10)]
    yield "goods", [(i, some(9), text()) for i in range(0, 26, 2)]
    yield "parts", [(i, j, some(9)) for i in range(0, 20, 4) for j in range(1, 4)]
    odd = lambda kind: "NULL" if r.random() < 0.15 else odd_value(r, kind)
    yield "wide", [(i,) + tuple(odd(kind) for _, kind in TABLES["wide"][1:]) for i in range(0, 30)]
    yield "bags", [(odd_value(r, "list"), i, odd("span"), odd("mood")) for i in range(0, 15)]
    yield "moods", [(odd_value(r, "mood") if i % 3 else "'ok'", odd("ts"), odd("place"), text()) for i in range(0, 20)]
    yield "countries", [(i, "'t%d'" % i, date(i)) for i in range(5)]
    yield "home", [(user_id(i), some(12), text()) for i in people if i % 2]


def plain_numbers(value):
    """Text without the zeros at the end of numbers: which of 1.0 and 1.00 a DISTINCT keeps is open."""
    return re.sub(r"(\d)\.(\d*?)0*(?!\d)", lambda found: found.group(1) + ("." + found.group(2) if found.group(2) else ""), value)


def answer(result, ordered):
    rows = [tuple(plain_numbers(value) for value in row) for row in (result.given if ordered else result.rows)]
    return result.code, result.status, rows if ordered else sorted(rows)


class Differ:
    def __init__(self, options):
        self.options, self.r = options, random.Random(options.seed)
        self.writer = Forms(options.seed, options.depth)
        self.plain, self.planner = Connection(options.port, "plain"), Connection(options.port, "plain")
        self.nodes = [Connection(options.port, name) for name in ("london", "paris", "tokyo")]
        self.counts, self.refused, self.differences = collections.Counter(), collections.Counter(), 0
        self.told, self.prepared, self.in_block, self.is_slow = [], "", False, False
        self.other_ways = [row[0] for row in self.nodes[0].must(
            "SELECT format('%s = %L', name, value) FROM pg_settings, unnest(coalesce(enumvals, '{on,off}')) AS value "
            "WHERE name ~ '^shardext.enable_' AND value <> setting").rows]
        self.make_tables()
        self.node = self.nodes[0]

    def make_tables(self):
        for connection in [self.plain, self.planner] + self.nodes:
            connection.must("SET client_min_messages = error; SET statement_timeout = '20s'; SET shardext.carry_objects = off; SET join_collapse_limit = 4; SET from_collapse_limit = 4; "
                            "SET check_function_bodies = off")
        for connection in (self.plain, self.nodes[0]):
            connection.must("DROP TABLE IF EXISTS home; DROP VIEW IF EXISTS " + ALL_VIEWS)
        for name in TABLES:
            if name != "home" and not name.startswith("v_"):
                for connection in (self.plain, self.nodes[0]):
                    connection.must("DROP TABLE IF EXISTS %s CASCADE" % name)
        for connection in [self.plain] + self.nodes:
            connection.must("DROP VIEW IF EXISTS " + ALL_VIEWS)
            connection.must(TYPES)
            connection.must(FUNCTIONS)
        for connection in (self.plain, self.nodes[0]):
            connection.must(SCHEMA + HOME)
        for line in SHARD.strip().split("\n"):
            self.nodes[0].must(line)
        for connection in (self.plain, self.nodes[0]):
            connection.must(POLICIES)
            for name in TABLES:
                if not name.startswith("v_"):
                    connection.must("GRANT ALL ON %s TO reader" % name)
            for name in PROTECTED.split():
                connection.must("ALTER TABLE %s ENABLE ROW LEVEL SECURITY" % name)
        for connection in [self.plain] + self.nodes:
            connection.must(VIEWS)
            connection.must("GRANT ALL ON %s TO reader" % ALL_VIEWS)
        for connection in self.nodes:
            connection.must("RESET shardext.carry_objects")
        for table, rows in initial_rows():
            values = ", ".join("(%s)" % ", ".join(map(str, row)) for row in rows)
            for connection in (self.plain, self.nodes[0]):
                connection.must("INSERT INTO %s VALUES %s" % (table, values))

    def report(self, sql, ours, plain):
        self.differences += 1
        print("-- DIFFERENCE on %s\n%s;\n--  ours: %s\n-- plain: %s" % (self.node.name, sql, ours, plain), flush=True)

    def both(self, sql, count=True, ordered=False, data=""):
        """Runs sql on the cluster, then on the plain tables; returns whether it worked on both. data: for COPY FROM STDIN."""
        self.told.append(sql + (";\n" + data + "\\." if data else ""))
        start = time.time()
        ours = self.node.run(sql, data)
        self.is_slow = time.time() - start > 4
        if self.is_slow:
            self.counts["over four seconds"] += 1
            if self.options.verbose:
                print("-- slow on %s, %.0f s:\n%s;" % (self.node.name, time.time() - start, sql), flush=True)
        if ours.code in ("SX003", "57014"):
            self.counts["refused" if ours.code == "SX003" else "timeouts"] += 1
            self.refused[re.sub(r'"[^"]*"|\d+', "..", ours.detail)] += 1
            if self.options.verbose or ours.code == "57014":
                print("-- refused on %s: %s\n%s;" % (self.node.name, ours, sql), flush=True)
            return False
        plain = self.plain.run(sql, data)
        self.counts["errors" if plain.code else "statements"] += count
        self.counts["with rows"] += count and len(plain.rows) > 0
        if plain.code:
            self.counts[plain.code] += 1
            if self.options.verbose:
                print("-- error on both: %s\n%s;" % (plain, sql), flush=True)
        # of several rows that break constraints, any may be the first
        broken = [re.sub("^23...$|^42501$|^44000$", "constraint", result.code) for result in (ours, plain)]
        both_break = broken == ["constraint"] * 2
        if answer(ours, ordered) != answer(plain, ordered) and plain.code != "57014" and not both_break:
            if self.comes_of_planning(sql, ours, plain):
                self.counts["errors of planning"] += 1
            elif self.comes_of_plans(sql, ours, plain):
                self.counts["errors of plans"] += 1
            else:
                self.report(sql, ours, plain)
        elif self.other_ways and not self.in_block and count and not plain.code and re.match("SELECT|WITH|\\(", sql) and not WRITES.search(sql):
            self.other_way(sql, plain, ordered)
        return not ours.code and not plain.code

    def comes_of_planning(self, sql, ours, plain):
        """Did PostgreSQL meet the error in an expression of constants while it planned a SELECT (doc/differences.md)? EXPLAIN tells."""
        if ours.code or not plain.code or WRITES.search(sql) or not re.match("SELECT|WITH|\\(|EXECUTE", sql):
            return False
        self.planner.run(self.prepared)	# where nothing has failed yet
        code = self.planner.run("EXPLAIN " + sql).code
        self.planner.run("DEALLOCATE ALL")
        return code == plain.code

    def comes_of_plans(self, sql, ours, plain):
        """Has an expression failed for values that the other's plan has not computed (doc/differences.md)? EXPLAIN ANALYZE tells."""
        if sql.startswith("DECLARE") and ours.code and not plain.code:
            return self.plain.run("FETCH ALL FROM c").code == ours.code
        if re.match("22", plain.code) and not ours.code and re.match("SELECT|WITH|\\(", sql) and not WRITES.search(sql):
            return "(never executed)" in str(self.node.run("EXPLAIN (ANALYZE, TIMING off) " + sql).given)
        runs = self.prepared if sql.startswith("EXECUTE") else sql
        # (a SELECT breaks no other constraints than those of domains); run once more, it must change nothing
        if plain.code or not re.match("22|23514", ours.code) or not re.match("SELECT|WITH|\\(|EXECUTE|UPDATE|DELETE", sql) or \
           (WRITES.search(runs) and not plain.status.endswith(" 0")):
            return False
        return "(never executed)" in str(self.plain.run("EXPLAIN (ANALYZE, TIMING off) " + sql).given)

    def other_way(self, sql, plain, ordered):
        """The same by the other plans that a setting chooses."""
        setting = self.r.choice(self.other_ways)
        if self.is_slow:
            return
        self.node.must("SET " + setting)
        ours = self.node.run(sql)
        self.counts["other ways"] += 1
        if answer(ours, ordered) != answer(plain, ordered) and ours.code not in ("57014", "SX003"):
            self.report("SET %s;\n%s" % (setting, sql), ours, plain)
        self.node.must("RESET " + setting.split()[0])

    def cursor(self, statement):
        """A cursor over the statement, to and fro."""
        if not statement.ordered:
            return self.run(statement, True, True)
        worked = self.both("DECLARE c SCROLL CURSOR FOR " + statement.literal(), False)
        for _ in range(5):
            way = self.r.choice(["FETCH 2", "FETCH", "FETCH BACKWARD 2", "FETCH PRIOR", "MOVE 1", "FETCH FIRST", "FETCH LAST", "FETCH ABSOLUTE 2", "FETCH ALL"])
            worked = worked and self.both(way + " FROM c", True, True)
        return worked and self.both("CLOSE c", False)

    def run(self, statement, savepoint, in_transaction=False):
        """One statement, once with literals or seven times prepared; false if the transaction is broken."""
        if savepoint:
            self.both("SAVEPOINT s", False)
        if not in_transaction and self.r.random() < 0.05:
            plan = self.node.run("EXPLAIN (VERBOSE) " + statement.literal())
            self.counts["routed" if "Shard Route" in str(plan) else "not routed"] += not plan.code
            if plan.code == "XX000":
                self.report("EXPLAIN (VERBOSE) " + statement.literal(), plan, "")
        if self.r.random() < 0.7:
            worked = self.both(statement.literal(), ordered=statement.ordered)
        else:
            prepare, executes = statement.prepared()
            generic = "SET plan_cache_mode = " + self.r.choice(["auto", "force_generic_plan"])
            self.told.append(generic)
            for connection in (self.node, self.plain):
                if not in_transaction:
                    connection.must(generic)
            self.prepared = prepare
            worked = self.both(prepare, False)
            for execute in executes if worked else []:
                worked = worked and self.both(execute, ordered=statement.ordered)
                if not worked or self.is_slow:
                    break
        if savepoint:
            if not worked:
                for connection in (self.node, self.plain):
                    connection.must("ROLLBACK TO s")
                worked = True
            self.both("RELEASE s", False)
        return worked

    def script(self, script):
        """Several statements, one after the other, until one fails."""
        for step in script.steps:
            sql, data = (step, "") if isinstance(step, str) else step
            if not self.both(sql, True, "ORDER BY" in sql or sql.startswith("FETCH"), data):
                break
        for connection in (self.node, self.plain):
            connection.must("ROLLBACK; CLOSE ALL")
            for sql in script.after:
                connection.run(sql)

    def compared(self):
        return self.counts["statements"] + self.counts["errors"]

    def statement(self):
        writes = self.r.random() < self.options.writes
        if writes and self.r.random() < self.options.scripts and not self.in_block:
            return self.writer.script(), writes
        return (self.writer.write() if writes else self.writer.select()), writes

    def discard(self):
        for connection in (self.node, self.plain):
            connection.run("DEALLOCATE ALL")

    def step(self):
        self.node = self.r.choice(self.nodes)
        statement, writes = self.statement()
        before, self.told = self.differences, []
        if statement.home:
            self.node = self.nodes[0]
        setting = self.r.choice(self.other_ways) if self.r.random() < 0.15 else None
        if setting:
            self.told.append("SET " + setting)
            self.node.must("SET " + setting)
        if isinstance(statement, Script):
            self.in_block = True
            self.script(statement)
            self.in_block = False
        elif self.r.random() >= self.options.transactions or statement.home:
            self.run(statement, False)
            self.discard()
        else:
            writes = self.in_block = True
            self.both("BEGIN" + self.r.choice(["", "", " ISOLATION LEVEL REPEATABLE READ", " ISOLATION LEVEL SERIALIZABLE"]), False)
            if self.r.random() < 0.2:
                self.told.append("SET LOCAL shardext.snapshot = cluster")
                self.node.must(self.told[-1])
            if self.r.random() < 0.25:
                self.both("SET LOCAL ROLE reader", False)
            for _ in range(self.r.randint(2, 5)):
                if not statement.home or self.node is self.nodes[0]:
                    worked = self.cursor(statement) if self.r.random() < 0.15 else self.run(statement, self.r.random() < 0.7, True)
                    if not worked:
                        break
                    self.discard()
                statement, _ = self.statement()
            end = self.r.choice(["COMMIT", "COMMIT", "ROLLBACK"]) if worked else "ROLLBACK"
            for connection in (self.node, self.plain):
                connection.must(end)
            self.in_block = False
            self.discard()
        if setting:
            self.node.must("RESET " + setting.split()[0])
        if writes and self.r.random() < 0.2:
            self.compare_tables()
            self.shorten()
        if self.r.random() < 0.01:
            self.both("ANALYZE " + self.r.choice([table for table in TABLES if table != "home" and not table.startswith("v_")]), False)
        if self.differences > before:
            print("-- all of it, on %s:\n%s;" % (self.node.name, ";\n".join(self.told)), flush=True)

    def shorten(self):
        """Triggers fill it without end (nor do two tables have a unique key); joined with itself it would have millions of rows."""
        for table in ("trail", "moods", "comp2"):
            self.both("DELETE FROM {0} WHERE (SELECT count(*) FROM {0}) > 1000".format(table), False)

    def compare_tables(self):
        self.node = self.r.choice(self.nodes)
        for table in TABLES:
            if table not in ("home", "v_users", "v_photos"):
                self.both("SELECT '%s', count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM %s t" % (table, table), False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--statements", type=int, default=0)
    parser.add_argument("--writes", type=float, default=0.3)
    parser.add_argument("--scripts", type=float, default=0.15, help="of what writes")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--depth", type=int, default=2, help="of sub-SELECTs")
    parser.add_argument("--stop", type=int, default=10)
    parser.add_argument("--transactions", type=float, default=0.2)
    options = parser.parse_args()
    differ = Differ(options)
    start, steps = time.time(), 0
    while (differ.compared() < options.statements or not options.statements) and \
            (time.time() - start < options.seconds or not options.seconds):
        differ.step()
        steps += 1
        if options.seconds > 60 and steps % 100 == 0:
            print("# %d steps, %d statements, %d s" % (steps, differ.compared(), time.time() - start), flush=True)
        if differ.differences >= options.stop:
            break
    differ.compare_tables()
    for reason, count in differ.refused.most_common(12):
        print("# refused %4d times: %s" % (count, reason))
    print("# seed %d, %d steps: %s" % (options.seed, steps, dict(differ.counts)))
    print("%s - random statements give what plain tables give" % ("not ok" if differ.differences else "ok"))
    return 1 if differ.differences else 0


if __name__ == "__main__":
    sys.exit(main())
