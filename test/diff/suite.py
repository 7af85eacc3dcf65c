#!/usr/bin/env python3
"""PostgreSQL's own regression tests on a plain server and on a cluster, compared statement by statement.

    test/diff/suite.py --port PORT --plain PORT --source DIR --regresslib FILE [--out DIR] [FILE ...]

DIR is src/test/regress of PostgreSQL's sources, --regresslib its regress.so. Both servers have a database "regression"; the
cluster's is a node of three. After each statement that makes a table the cluster makes it a sharded or a reference table
(suite.sql says how). Compared are what psql prints and the SQLSTATE, but not EXPLAIN, nor the order of rows without ORDER
BY; suite.accepted lists the differences and refusals that are known, with their reasons. --out keeps a report for each file.
Status 1 after a difference or refusal that is not listed, or if an entry of the list has come to nothing.
"""
import argparse
import collections
import difflib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from scripts import pieces

HERE = Path(__file__).parent
NULLABLE = HERE / "suite.nullable"
QUIET = ("same", "explain", "order", "fetch", "aborted")
SETUP = ["test_setup", "create_function_c", "create_misc", "create_type", "create_index", "create_aggregate", "create_view"]
FILES = """copy copyselect copydml insert insert_conflict select select_into select_distinct select_distinct_on
select_implicit select_having subselect union case join aggregates transactions portals arrays update delete rowsecurity
privileges tablesample groupingsets identity generated join_hash merge tsrf incremental_sort updatable_views triggers
select_views portals_p2 foreign_key window equivclass json jsonb jsonb_jsonpath text strings varchar char name numeric
date time timetz timestamp timestamptz interval int2 int4 int8 float4 float8 boolean uuid enum rangetypes multirangetypes
bit inet limit plpgsql copy2 prepare plancache rangefuncs rowtypes returning with xml domain polymorphism temp
truncate sequence constraints""".split()
# tables that some test uses as parents, partitions or with rules stay ordinary ones
REFERENCED = re.compile(r"\breferences\s+([\w\".]+)")
PARENTS = re.compile(r"(?:\binherits\s*\(|\binherit\s|\battach\s+partition\s|\brule\s[^;]*?\sto\s)\s*([\w\s\",.]+)")
CHILDREN = re.compile(r"\balter\s+table\s+(?:only\s+)?([\w\".]+)\s+inherit\b")
MARK = re.compile(r"^@@@ (\d+) (\S+) (\S+)$", re.M)


class Side:
    """psql on one of the servers."""

    def __init__(self, name, port, options):
        self.name, self.port, self.options = name, port, options

    def psql(self, script, seconds):
        """What psql prints for the script, and whether it came to its end."""
        source = self.options.source
        environment = dict(os.environ, PGTZ="PST8PDT", PGDATESTYLE="Postgres, MDY", PG_ABS_SRCDIR=str(source), LC_ALL="C",
                           PGOPTIONS="-c intervalstyle=postgres_verbose", PG_LIBDIR=str(self.options.regresslib.parent),
                           PG_DLSUFFIX=".so", PG_ABS_BUILDDIR=str(self.options.results))
        command = ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", "regression",
                   "-v", "HIDE_TABLEAM=on", "-v", "HIDE_TOAST_COMPRESSION=on", "-f", "-"]
        try:
            done = subprocess.run(command, input=script.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  env=environment, timeout=seconds, cwd="/", check=False)
            return done.stdout.decode(errors="replace"), done.returncode == 0
        except subprocess.TimeoutExpired as error:
            return (error.stdout or b"").decode(errors="replace"), False


def makes_something(words):
    """Tables, roles, views and functions; views and functions also go."""
    first, kinds = words[:1], set(words[:4])
    if first == ["drop"]:
        return bool({"function", "routine", "aggregate", "view"} & set(words))
    if first == ["alter"]:
        return "view" in kinds
    if first == ["create"]:
        return bool({"role", "user", "group", "function", "procedure", "aggregate", "view"} & kinds) or words[1:2] == ["schema"] or \
            "table" in kinds and not {"temp", "temporary"} & kinds
    return first == ["select"] and "into" in words


def with_marks(parts, placing):
    script = "SET statement_timeout = '60s';\n"
    for line, text, words in parts:
        script += text if text.endswith("\n") else text + "\n"
        if words or "\\" in text:
            script += "\\echo @@@ %d :SQLSTATE :ROW_COUNT\n" % line
        if placing and makes_something(words):
            script += "SELECT suite.%s() \\gset suite_\n\\echo @@@ 0 0 0\n" % placing
    return script


def answers(output):
    """{line: (printed, SQLSTATE, row count)}"""
    result, at = {}, 0
    for mark in MARK.finditer(output):
        if mark.group(1) != "0":
            result[int(mark.group(1))] = (output[at:mark.start()], mark.group(2), mark.group(3))
        at = mark.end() + 1
    return result


def normal(printed):
    """Without what differs in any two databases."""
    printed = re.sub(r"^psql:<stdin>:\d+: ", "", printed, flags=re.M)
    printed = re.sub(r"^(Access method: |CONTEXT:  |node \"|PL/pgSQL function |SQL function |SQL statement ).*\n", "", printed, flags=re.M)
    printed = re.sub(r"^-+(\+-+)*$", "--", printed, flags=re.M)
    return re.sub(r" +", " ", printed)


def is_ordered(text):
    """Has the statement an ORDER BY of its own, outside of parentheses?"""
    text, before = re.sub(r"--[^\n]*|'[^']*'", " ", text), None
    while text != before:
        text, before = re.sub(r"\([^()]*\)", " ", text), text
    return bool(re.search(r"\border\s+by\b", text, re.I)) and "\\gexec" not in text


class Suite:
    def __init__(self, options):
        self.options = options
        self.sides = [Side("plain", options.plain, options), Side("cluster", options.port, options)]
        # file | regular expression for the statement | reason
        self.used = set()
        self.accepted = [line.split(" | ") for line in (HERE / "suite.accepted").read_text().split("\n") if line.count(" | ") == 2]
        self.total, self.refused = collections.Counter(), collections.Counter()

    def set_up(self):
        script = (HERE / "suite.sql").read_text()
        for line in NULLABLE.read_text().split("\n") if NULLABLE.exists() else []:
            if line.strip():
                script += "INSERT INTO suite.nullable VALUES ('%s', '%s');\n" % tuple(line.split())
        for side in self.sides:
            if (printed := side.psql(script, 60)[0]):
                raise SystemExit(printed)

    def special_names(self, name):
        """SQL that says which tables of the file's are special: parents and such; the set-up's, if in any file."""
        files = self.options.source.glob("sql/*.sql") if name in SETUP else [self.script(name)]
        texts = [file.read_text(errors="replace").lower() for file in files]
        sql = ""
        for table, patterns in (("left_alone", (PARENTS, CHILDREN)), ("referenced", (REFERENCED,))):
            names = {(part.split() or [""])[0].split(".")[-1].strip('"') for text in texts for pattern in patterns
                     for found in pattern.finditer(text) for part in found.group(1).split(",")}
            sql += "TRUNCATE suite.%s;\n" % table
            sql += "".join("INSERT INTO suite.%s VALUES ('%s');\n" % (table, n) for n in sorted(names) if re.fullmatch(r"\w+", n))
        return sql

    def compare(self, text, words, plain, ours):
        """What kind of difference there is."""
        if ours is None or plain is None:
            return "same" if ours is plain else "missing"
        if words[:1] == ["explain"] or "explain" in words[:4]:
            return "explain"
        a, b = normal(plain[0]), normal(ours[0])
        if (a, plain[1]) == (b, ours[1]):
            return "same"
        if ours[1] == "25P02" != plain[1]:
            return "aborted"
        if ours[1] == "SX003" and "ERROR:" in b:
            return "refused"
        if plain[1] == ours[1] and sorted(a.split("\n")) == sorted(b.split("\n")):
            return "ties" if is_ordered(text) else "order"
        if plain[1] == ours[1] and words[:1] == ["fetch"] and a.count("\n") == b.count("\n"):
            return "fetch"
        return "different"

    def script(self, name):
        """A file of ours, or one of PostgreSQL's."""
        ours = HERE / "own" / (name + ".sql")
        return ours if ours.exists() else self.options.source / "sql" / (name + ".sql")

    def run_file(self, name, report):
        path = self.script(name)
        parts = pieces(path.read_text(errors="replace"))
        script = self.special_names(name) + with_marks(parts, "place" if path.parent != HERE / "own" else "spread_all")
        (plain, _), (ours, ended) = [side.psql(script, 600) for side in self.sides]
        plain, ours = answers(plain), answers(ours)
        counts = collections.Counter()
        for line, text, words in parts:
            kind = self.compare(text, words, plain.get(line), ours.get(line))
            listed = self.why_accepted(name, text) if kind in ("different", "ties", "missing", "refused") else None
            if kind == "refused" and not listed:
                self.learn(ours[line][0])
                kind = "unlisted"
            elif listed and kind != "refused":
                kind = "accepted"
            counts[kind] += bool(words)
            if kind == "refused":
                self.refused[self.reason(ours[line][0])] += 1
            if kind == "different":
                self.learn(ours[line][0])
            if kind not in QUIET:
                report.write("-- %s %s:%d%s\n%s" % (kind.upper(), name, line, ": " + listed if listed else "", text))
                if kind in ("refused", "unlisted"):
                    report.write("plain %s, refused: %s\n\n" % (plain[line][1], self.reason(ours[line][0])))
                    continue
                report.write(self.difference(plain.get(line), ours.get(line), is_ordered(text)))
        return counts, ended

    @staticmethod
    def difference(plain, ours, ordered):
        """- what plain tables give, + what ours give."""
        if not plain or not ours:
            return "%s\n" % ("nothing from plain tables" if not plain else "nothing from ours")
        a, b = [normal(side[0]).split("\n") for side in (plain, ours)]
        if not ordered and ours[1] == plain[1]:
            a, b = sorted(a), sorted(b)
        lines = [line for line in difflib.unified_diff(a, b, n=1, lineterm="") if line[:3] not in ("---", "+++", "@@ ")]
        return "plain %s, ours %s\n%s\n" % (plain[1], ours[1], "\n".join(lines[:40]))

    def why_accepted(self, name, text):
        """The reason of the first entry that fits, or None."""
        for entry in self.accepted:
            if entry[0] == name and re.search(entry[1], text, re.I | re.S):
                self.used.add(tuple(entry))
                return entry[2]
        return None

    @staticmethod
    def learn(printed):
        """A column that holds NULLs cannot be a shard key: the next run chooses another."""
        found = re.search(r'(?:null value in|It assigns to) column "(\w+)" of (?:relation )?"(\w+)"', printed)
        lines = set(NULLABLE.read_text().split("\n")) if NULLABLE.exists() else set()
        if found:
            NULLABLE.write_text("\n".join(sorted(lines - {""} | {"%s %s" % (found.group(2), found.group(1))})) + "\n")

    @staticmethod
    def reason(printed):
        found = re.search(r"^DETAIL:  (.*)$", printed, re.M) or re.search(r"ERROR:  (.*)$", printed, re.M)
        return re.sub(r'"[^"]*"|\d+', "..", found.group(1)) if found else printed[:80]

    def run(self, files):
        self.set_up()
        own = sorted(path.stem for path in (HERE / "own").glob("*.sql"))
        files = files or own + FILES
        ran = (SETUP if set(files) - set(own) else []) + files
        for name in ran:
            if not self.script(name).exists():
                continue
            start = time.time()
            with open(self.options.out / (name + ".txt"), "w") as report:
                counts, ended = self.run_file(name, report)
            print("%-20s %4.0f s %s%s" % (name, time.time() - start, dict(counts), "" if ended else " BROKEN OFF"), flush=True)
            self.total += counts
        for reason, count in self.refused.most_common(40):
            print("# refused %4d times: %s" % (count, reason))
        stale = [entry for entry in self.accepted if entry[0] in ran and tuple(entry) not in self.used]
        for entry in stale:
            print("# suite.accepted has this for nothing: %s" % " | ".join(entry))
        print("# %s" % dict(self.total))
        self.total["stale"] = len(stale)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--plain", type=int, required=True)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--regresslib", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True, help="a folder that the server may write to")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    suite = Suite(options)
    suite.run(options.files)
    return 1 if any(suite.total[kind] for kind in ("different", "missing", "unlisted", "ties", "stale")) else 0


if __name__ == "__main__":
    sys.exit(main())
