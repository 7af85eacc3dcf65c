#!/usr/bin/env python3
"""One run: clients work on servers that test/txn/run has made, while faults happen; then everything is checked.

    main.py --directory DIR --binaries BIN --server NAME=HOST:PORT [--server ...] [--plain] [--seed N] [--seconds N]
            [--faults N] [--kinds K,K] [--pace SECONDS] [--settle SECONDS] [--patience SECONDS]
    main.py --check HISTORY

Prints "ok - ..." or "not ok - ..." for each thing checked; the history is DIR/history.jsonl. Status 1 if anything was found.
"""
import argparse
import collections
import re
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "lib"))
import care
from checkers import CHECKERS
from faults import Nemesis
from history import History, read_history
from plants import missed_plants
from pq import Lost, Refused, Session
from servers import Server
from workloads import make_clients, make_tables, record_final

KINDS = ("kill_server kill_two_servers restart_server freeze_server kill_backend kill_committing_backend end_backends"
         " freeze_backend kill_worker crash_at_point slow_at_point error_at_point participant_dies_at_point part_crashes_at_point"
         " coordinator_dies_at_part_point recovery_dies_at_point cut_connection cut_off cut_one_way die_cut_off power_off")
SHOWN = 10      # findings of one kind


class World:
    """What clients and faults share; see workloads.py."""

    def __init__(self, options, servers):
        self.servers, self.plain = servers, options.plain
        self.seed, self.pace, self.settle = options.seed, options.pace, options.settle
        self.history = History(Path(options.directory) / "history.jsonl")
        self.stopping = threading.Event()
        self.started = time.monotonic()
        self.complaints, self.lock = [], threading.Lock()
        self.cuts = False

    def complain(self, text):
        with self.lock:
            self.complaints.append("%.1f s: %s" % (time.monotonic() - self.started, text))
        print("# %7.1f %s" % (time.monotonic() - self.started, text), flush=True)


class Report:
    def __init__(self):
        self.bad = 0

    def result(self, what, findings):
        print("%s - %s" % ("not ok" if findings else "ok", what))
        for finding in findings[:SHOWN]:
            print("#   %s" % finding)
        if len(findings) > SHOWN:
            print("#   and %d more" % (len(findings) - SHOWN))
        self.bad += len(findings)


def has_cuts(server):
    session = Session(server.dsn, Session.patience)
    rows = session.run("SELECT 1 FROM pg_settings WHERE name = 'shardext.snapshot'")
    session.close()
    return bool(rows)


def be_evil(world, nemesis, options):
    """Faults until time or number is reached; without a number as many as the time allows."""
    end = time.monotonic() + options.seconds
    while len(nemesis.done) < options.faults if options.faults else time.monotonic() < end:
        time.sleep(nemesis.rng.uniform(0.2, 1))
        print("# %7.1f fault %d: %s" % (time.monotonic() - world.started, len(nemesis.done) + 1, nemesis.next_fault()),
              flush=True)


def work(world, options):
    """The run itself; returns the faults that were made."""
    make_tables(world)
    world.cuts = not world.plain and has_cuts(world.servers[0])
    clients = make_clients(world)
    for client in clients:
        client.start()
    nemesis = Nemesis(world, options.kinds.split(",") if options.kinds else [])
    time.sleep(2)
    if options.kinds:
        be_evil(world, nemesis, options)
    else:
        time.sleep(options.seconds)
    world.stopping.set()
    for client in clients:
        client.join(Session.patience + 15)
        if client.is_alive():
            world.complain("%s does not come to an end" % client.name)
    codes = sum((client.codes for client in clients), collections.Counter())
    print("# errors: %s" % ", ".join("%s %d" % (code or "lost", count) for code, count in sorted(codes.items())))
    return nemesis.done


def check_history(path, report):
    history = read_history(path)
    good = True
    for workload, checker in CHECKERS.items():
        verdict = checker(history)
        good = good and not verdict.findings
        report.result("%s: %s" % (workload, ", ".join("%d %s" % (count, what.replace(workload + " ", "", 1))
                                                      for what, count in sorted(verdict.counts.items()))), verdict.findings)
    if good:
        report.result("faults planted into this history are found", missed_plants(history, CHECKERS))


def run(options, report):
    servers = []
    for text in options.server:
        name, host, port = re.match("(.+)=(.+):(.+)", text).groups()
        servers.append(Server(name, options.directory, options.binaries, host, int(port)))
    world = World(options, servers)
    done = work(world, options)
    kinds = collections.Counter(what.split(" ")[0] for what in done)
    print("# %d faults: %s" % (len(done), ", ".join("%s %d" % pair for pair in sorted(kinds.items()))))
    report.result("no client was told what it should not, every node was usable after every fault", world.complaints)
    report.result("nothing is left in doubt", care.left_over(world))
    try:
        record_final(world)
    except (Lost, Refused) as error:
        report.result("everything can be read at the end", [str(error)])
    world.history.close()
    check_history(Path(options.directory) / "history.jsonl", report)
    report.result("the logs are clean", care.bad_log_lines(world))
    if options.amcheck:
        report.result("pg_amcheck finds nothing", care.amcheck(world))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory")
    parser.add_argument("--binaries")
    parser.add_argument("--server", action="append")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--faults", type=int, default=0)
    parser.add_argument("--kinds", default=KINDS.replace(" ", ","))
    parser.add_argument("--pace", type=float, default=0.1)
    parser.add_argument("--settle", type=float, default=10)
    parser.add_argument("--patience", type=float, default=Session.patience)
    parser.add_argument("--amcheck", action="store_true")
    parser.add_argument("--check")
    options = parser.parse_args()
    report = Report()
    Session.patience = options.patience
    if options.check:
        check_history(options.check, report)
    else:
        run(options, report)
    return 1 if report.bad else 0


if __name__ == "__main__":
    sys.exit(main())
