#!/usr/bin/env python3
"""Logical shards move while clients work; after each move what clients were told is compared with what is there.

    main.py --directory DIR --binaries BIN --server NAME=HOST:PORT .. [--seed N] [--moves N] [--faults short|all|none]
            [--clients N] [--rows N] [--pace SECONDS]

--moves: so many without faults, in which no client may be told of an error; then the faults (move_faults.py). test/move/run makes
the servers. Prints what has been done, then "ok - .." or "not ok - .."; status 1 if anything was found.
"""
import argparse
import collections
import random
import re
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "txn")]
import care
import clients as load
import move_faults as faults
import router
from pq import Lost, Refused, Session
from servers import Server

PATIENCE = 180
KEPT_ROWS = 20000       # of clients: with more, the comparison takes longer than the moves
FAULTY_PACE = 5         # with faults clients rest so much longer: there shall be room for servers to come back


class World:
    def __init__(self, options, servers):
        self.servers, self.seed, self.pace = servers, options.seed, options.pace
        self.rng = random.Random(options.seed)
        self.stopping, self.pausing = threading.Event(), threading.Event()
        self.calm, self.users, self.job = True, [], None
        self.faults = collections.Counter()     # by kind
        self.plain, self.settle = False, PATIENCE      # for care.py
        self.complaints, self.lock, self.started = [], threading.Lock(), time.monotonic()

    def complain(self, text):
        with self.lock:
            self.complaints.append(text)
        print("# %7.1f %s" % (time.monotonic() - self.started, text), flush=True)


class Mover:
    """Moves shards and waits for them; asks whichever server answers."""

    def __init__(self, world):
        self.world = world
        self.by_name = {server.name: server for server in world.servers}
        self.sessions = {}

    def ask(self, sql, server=None, seconds=30):
        """The rows, as soon as a server gives them; only Refused goes on."""
        deadline = time.monotonic() + PATIENCE
        while True:
            asked = server or self.world.rng.choice(self.world.servers)
            try:
                if asked not in self.sessions:
                    self.sessions[asked] = Session(asked.dsn, 5)
                return self.sessions[asked].run(sql, seconds=seconds)
            except Lost:
                self.sessions.pop(asked, None)
                if time.monotonic() > deadline:
                    raise
            except Refused as refused:
                if not refused.code.startswith(("SX002", "57P0", "08")) or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def owner(self, shard):
        """As soon as all nodes say the same: some may not have heard of the last move yet."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            owners = {self.ask("SELECT node FROM shardext.shards WHERE shard = %d" % shard, server)[0][0]
                      for server in self.world.servers}
            if len(owners) == 1:
                return owners.pop()
            time.sleep(0.02)
        raise TimeoutError("the nodes do not agree on the owner of shard %d" % shard)

    def state(self, job):
        """Of the node that runs it: others may not know what has just happened."""
        rows = self.ask("SELECT state, error FROM shardext.internal_local_jobs WHERE job = %s" % job, self.world.runner)
        return rows[0] if rows else ("gone", None)

    def await_state(self, job, *states):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            state, error = self.state(job)
            if state in states:
                return state
            if state in ("done", "failed", "cancelled", "gone"):
                break
            time.sleep(0.02)
        self.world.complain("job %s is %s, not %s: %s" % (job, state, " or ".join(states), error))
        return None

    def wish(self, function, job):
        """reverse_move or finish_move; it may have been told before the connection was lost."""
        try:
            self.ask("SELECT shardext.%s(%s)" % (function, job))
        except Refused as refused:
            if refused.code != "55000":
                raise

    def begin(self, shard, target):
        self.world.runner = self.by_name[target]
        self.world.job = self.ask("SELECT shardext.move_shard(%d, '%s')" % (shard, target))[0][0]
        return self.world.job

    def one_move(self, case=None):
        """One shard to another node, and for good, or back again. What happened, in a line."""
        world, rng = self.world, self.world.rng
        shard = rng.randrange(16)
        source = self.owner(shard)
        target = rng.choice([name for name in self.by_name if name != source])
        back = rng.random() < 0.4 if case is None else case[0] == "back"
        authority = self.ask("SELECT node FROM shardext.nodes WHERE state = 'authority'")[0][0]
        breaker = faults.Breaker(world, self.by_name[source], self.by_name[target], self.by_name[authority])
        begun = time.monotonic()
        if case and case[0] not in ("back", "clean"):
            breaker.arm(case)
        job = self.begin(shard, target)
        if case and case[0] not in ("back", "clean"):
            self.break_at(breaker, case, job)
        state = self.await_state(job, "keep", *(("cancelled",) if case and case[2] == "cancel" else ()))
        if state == "keep":
            if case and case[0] in ("back", "clean"):
                breaker.arm(case)
            self.wish("reverse_move" if back else "finish_move", job)
            if case and case[0] in ("back", "clean"):
                self.break_at(breaker, case, job)
            self.await_state(job, "done")
        pause = self.ask("SELECT coalesce(round(pause_ms), 0) FROM shardext.catalog_job WHERE job = %s" % job, world.runner)[0][0]
        return "shard %d %s -> %s%s, %s, %.2f s, pause %s ms" % (shard, source, target, " and back" if back else "",
                                                               state, time.monotonic() - begun, pause), begun

    def break_at(self, breaker, case, job):
        deadline = time.monotonic() + PATIENCE
        while not breaker.arrived():
            over = self.state(job)[0] in ("done", "failed", "cancelled") and not breaker.arrived()
            if over or time.monotonic() > deadline:
                self.world.complain("job %s does not come to %s: %s" % (job, faults.point_of(case), self.state(job)))
                breaker.disarm()
                return
            time.sleep(0.02)
        breaker.run(case)

    def settle(self, what):
        """Every node answers, and check() has nothing to say."""
        deadline, rows = time.monotonic() + PATIENCE, None
        while rows != []:
            rows = self.ask("SELECT object, problem FROM shardext.check()", seconds=PATIENCE)
            if rows and time.monotonic() > deadline:
                self.world.complain("after %s: check() says %s" % (what, rows[:5]))
                return


def compare(world, mover, clients, what):
    """With all clients at rest."""
    world.pausing.set()
    for client in clients:
        if not client.idle.wait(PATIENCE):
            world.complain("%s does not come to rest" % client.name)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            session = Session(world.rng.choice(world.servers).dsn, 60)
            findings = load.account(session, world, clients)
            if not findings and sum(len(rows) for client in clients for rows in client.told.values()) > KEPT_ROWS:
                load.begin_anew(session, clients)
            session.close()
            break
        except (Lost, Refused) as error:
            findings = [str(error)]
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
    for finding in findings:
        world.complain("after %s: %s" % (what, finding))
    for client in clients:
        client.idle.clear()
    world.pausing.clear()


def cases_of(options, world):
    if options.faults == "none":
        return []
    cases = faults.SHORT if options.faults == "short" else faults.all_cases()
    cases = [case for case in cases if case[2] != "cut" or router.available(world.servers)]
    if options.only:
        cases = [case for case in cases if " ".join(case).startswith(options.only)]
    if options.faults == "all":
        world.rng.shuffle(cases)
    return cases


def percentile(numbers, share):
    return sorted(numbers)[int((len(numbers) - 1) * share)] if numbers else 0


def work(world, options, clients):
    mover = Mover(world)
    gaps, number = [], 0
    for number in range(1, options.moves + 1):
        what, begun = mover.one_move()
        gaps.append(load.longest_gap(clients, begun, time.monotonic()))
        print("# %7.1f move %d: %s, longest wait of a client %.0f ms" % (
            time.monotonic() - world.started, number, what, gaps[-1]), flush=True)
        compare(world, mover, clients, "move %d (%s)" % (number, what))
    if options.moves:
        mover.settle("all moves")
        print("# longest wait per move: median %.0f ms, 99 %% %.0f ms" % (percentile(gaps, .5), percentile(gaps, .99)))
    world.calm = False
    world.pace *= FAULTY_PACE
    for case in cases_of(options, world):
        number += 1
        name = " ".join(case)
        world.faults[case[2]] += 1
        what, _ = mover.one_move(case)
        print("# %7.1f move %d, %s: %s" % (time.monotonic() - world.started, number, name, what), flush=True)
        mover.settle(name)
        compare(world, mover, clients, name)
    return number


def report(what, findings):
    print("%s - %s" % ("not ok" if findings else "ok", what))
    for finding in findings[:20]:
        print("#   %s" % finding)
    return len(findings)


def counts(counter):
    return "%d%s" % (sum(counter.values()), " (%s)" % ", ".join("%s %d" % pair for pair in sorted(counter.items())) if counter else "")


def tell(world, clients, moves):
    """What there was to find something in."""
    times = [seconds * 1000 for client in clients for seconds, _, _ in client.times]
    print("# %d moves; faults: %s" % (moves, counts(world.faults)))
    print("# %d acknowledged writes of %d clients; errors they were told: %s" % (
        sum(len(client.acknowledged) for client in clients), len(clients), counts(sum((client.codes for client in clients), collections.Counter()))))
    print("# %d transactions: median %.1f ms, 99.9 %% %.0f ms, slowest %.0f ms" % (
        len(times), percentile(times, .5), percentile(times, .999), percentile(times, 1)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", required=True)
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--server", action="append", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--moves", type=int, default=10)
    parser.add_argument("--faults", choices=("none", "short", "all"), default="none")
    parser.add_argument("--only", default="", help="only cases that begin so, such as 'cutover fenced'")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--pace", type=float, default=0.02)
    options = parser.parse_args()
    servers = []
    for text in options.server:
        name, host, port = re.match("(.+)=(.+):(.+)", text).groups()
        servers.append(Server(name, options.directory, options.binaries, host, int(port)))
    world = World(options, servers)
    load.make_tables(world, options.rows)
    clients = [load.Client(world, number) for number in range(options.clients)]
    for client in clients:
        client.start()
    number = work(world, options, clients)
    world.stopping.set()
    for client in clients:
        client.join(PATIENCE)
    tell(world, clients, number)
    left = care.left_over(world)
    bad = report("%d moves: every one came to its end, nothing was lost, nothing is left, no client was told what it should not"
                 % number, world.complaints)
    bad += report("nothing is left in doubt, and check() has nothing to say", left)
    bad += report("the logs are clean", care.bad_log_lines(world))
    print("# %d findings, %d leftovers" % (bad, len(left)))
    sys.exit(1 if bad else 0)


main()
