#!/usr/bin/env python3
"""Reads the JSON logs of servers that sqlsmith has worked on, and says what must not have happened.

    test/fuzz/report.py --port PORT --sources SRC --out FILE DATADIR ...

A finding is: a crash, a failed assertion or a PANIC; a leak that PostgreSQL warns of; XX... raised by our sources, or by
PostgreSQL where the same statement on plain tables (database plain at PORT) does not raise it; a message to fuzz_user that
shows a row hidden from them; and any other error that a statement gives on the cluster, again when it is repeated, and
not on the plain tables, unless which error comes first is PostgreSQL's choice (a value out of range and the like) or the
error is a documented refusal (SX003 of a write). FILE gets the statements. Status 1 if there is a finding.
"""
import argparse
import collections
import functools
import glob
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from pq import Connection

CRASH = re.compile(r"was terminated by (signal|exception)|TRAP: |stack smashing|AddressSanitizer|runtime error:")
LEAK = re.compile(r"leak|still referenced|problem in alloc set|detected write past|bogus|not closed|still registered")
SECRET = re.compile(r"hidden_row_")
# What depends on the order in which PostgreSQL evaluates things, on the time, or on the data that others write.
UNSTEADY = re.compile(r"^(21|22|23|38|40|53|54|55|57|58)")
# The rows themselves are a matter of chance.
RANDOM = re.compile(r"tablesample|random|clock_timestamp|pg_stat_|pg_backend_pid", re.I)
EXAMPLES = 4


class Report:
    def __init__(self, options):
        self.options = options
        self.ours = {name for _, _, files in os.walk(options.sources) for name in files if name.endswith((".c", ".h"))}
        self.codes = collections.Counter()
        self.findings = []

    def finding(self, kind, text, statement=None):
        self.findings.append((kind, text, statement))

    def template(self, entry):
        message = re.sub(r'"[^"]*"|\d+|\([^)]*\)', "..", entry.get("message", ""))
        return entry.get("state_code", ""), message, entry.get("file_name", "")

    def read_text(self, path):
        """The part of a log that is not JSON: assertions, sanitizers."""
        with open(path, errors="replace") as lines:
            for line in lines:
                if CRASH.search(line):
                    self.finding("crash", line.strip())

    def read_json(self, path):
        with open(path, errors="replace") as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                yield entry

    def read(self, directory):
        errors = []
        for path in sorted(glob.glob(os.path.join(directory, "log", "*"))):
            if not path.endswith(".json"):
                self.read_text(path)
                continue
            for entry in self.read_json(path):
                self.look(entry)
                if entry.get("error_severity") in ("ERROR", "FATAL", "PANIC"):
                    errors.append(entry)
        return errors

    def look(self, entry):
        severity, message = entry.get("error_severity"), entry.get("message", "")
        if severity == "PANIC" or (severity == "LOG" and CRASH.search(message)):
            self.finding("crash", message + " " + entry.get("detail", ""), entry.get("statement"))
        if severity == "WARNING" and LEAK.search(message):
            self.finding("leak", message, entry.get("statement"))
        if entry.get("user") == "fuzz_user":
            shown = " ".join(entry.get(field, "") for field in ("message", "detail", "hint"))
            if severity in ("ERROR", "FATAL", "WARNING", "NOTICE") and SECRET.search(shown):
                self.finding("hidden row shown", shown, entry.get("statement"))

    def replay(self, connection, statement):
        connection.run("ROLLBACK")
        connection.run("BEGIN")
        result = connection.run(statement)
        connection.run("ROLLBACK")
        return result

    @functools.cache
    def connect(self, node, user):
        connection = Connection(self.options.port + max(node, 0), "plain" if node < 0 else "postgres", user)
        connection.run("SET statement_timeout = '4s'; SET client_min_messages = error")
        return connection

    def judge(self, key, examples, node, user):
        """Repeats up to EXAMPLES statements here and on plain tables; a finding if they always differ in the same way."""
        code, message, file = key
        internal = code.startswith("XX")
        if internal and file in self.ours:
            self.finding("internal error of ours", "%s: %s (%s)" % (code, examples[0]["message"], file),
                         examples[0].get("statement"))
            return
        if not internal and UNSTEADY.search(code):
            return
        here, plain = self.connect(node, user), self.connect(-1, user)
        for entry in examples:
            statement = entry.get("statement", "")
            if "shardext." in statement or "shard_0" in statement or not statement:
                continue
            if not internal and RANDOM.search(statement):
                continue
            if code == "SX003" and re.match(r"\s*(insert|update|delete|merge|with)", statement, re.I):
                continue
            again = self.replay(here, statement)
            if not again.code.startswith(code[:2]):
                continue
            other = self.replay(plain, statement)
            if other.code == again.code or (other.code and UNSTEADY.search(other.code)):
                continue
            self.finding("internal error" if internal else "error only here",
                         "%s: %s (%s) - plain: %s" % (code, entry["message"], file, (other.code + " " + other.message).strip()),
                         statement)
            return

    def run(self):
        users = {}
        for node, directory in enumerate(self.options.directories):
            groups = collections.defaultdict(list)
            for entry in self.read(directory):
                self.codes[entry.get("state_code", "")] += 1
                if entry.get("application_name", "").startswith("sqlsmith"):
                    groups[self.template(entry), entry.get("user", "")].append(entry)
                elif entry.get("state_code", "").startswith("XX") and entry.get("file_name") in self.ours:
                    self.finding("internal error of ours", "%s: %s (%s, %s)" % (
                        entry["state_code"], entry["message"], entry["file_name"], entry.get("backend_type")),
                        entry.get("statement"))
            for (key, user), examples in sorted(groups.items()):
                users[user] = users.get(user, 0) + len(examples)
                examples.sort(key=lambda entry: len(entry.get("statement", "")))
                self.judge(key, examples[:EXAMPLES], node, user)
        self.show(users)

    def show(self, users):
        print("# errors by SQLSTATE: %s" % ", ".join("%s %d" % pair for pair in self.codes.most_common()))
        print("# errors of sqlsmith's sessions: %s" % users)
        kinds = collections.defaultdict(dict)
        for kind, text, statement in self.findings:
            kinds[kind].setdefault(re.sub(r"\d+", "0", text), []).append((text, statement))
        with open(self.options.out, "w") as out:
            for kind, texts in sorted(kinds.items()):
                for found in texts.values():
                    text, statement = min(found, key=lambda one: len(one[1] or ""))
                    print("not ok - %s, %d times: %s" % (kind, len(found), text[:400]))
                    out.write("-- %s: %s\n%s;\n\n" % (kind, text, (statement or "").strip().rstrip(";")))
        if kinds:
            print("statements: " + self.options.out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sources", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("directories", nargs="+")
    report = Report(parser.parse_args())
    report.run()
    print("%s - %d findings" % ("not ok" if report.findings else "ok", len(report.findings)))
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
