"""What is done to the servers while clients work, and how they must be afterwards.

Each kind of fault is a method of Nemesis: it breaks something, waits, and mends it. After each, every node must be usable
without a restart of ours and nothing that was prepared before may be left, both within world.settle seconds.
"""
import random
import re
import signal
import threading
import time
from pathlib import Path

import router
from pq import Lost, Refused, Session
from workloads import Transferrer

FAULT_POINTS = Path(__file__).parent.parent.parent / "src" / "base" / "fault_points.h"
CUTS = ("cut_connection", "cut_off", "cut_one_way", "die_cut_off")
SEVERAL = re.compile("_one_|between_")      # passed once per participant


def commit_points():
    """Names of the fault points of the two-phase commit: of the coordinator, of participants, and of recovery."""
    points = re.findall(r'"(dxact_\w+)"', FAULT_POINTS.read_text())
    return ([point for point in points if not point.startswith(("dxact_part_", "dxact_recover_"))],
            [point for point in points if point.startswith("dxact_part_")],
            [point for point in points if point.startswith("dxact_recover_")])


class Nemesis:
    def __init__(self, world, kinds):
        self.world, self.rng = world, random.Random(world.seed)
        self.saboteur = Transferrer(world, 90)
        self.points, self.part_points, self.recovery_points = commit_points()
        self.deck = []
        self.cards = [card for kind in kinds for card in self.cards_of(kind)]
        self.done = []

    def cards_of(self, kind):
        """One card per fault to be seen in each round: kinds that depend on a point have one per point."""
        if kind == "error_at_point":
            # nothing can raise an error once it is decided
            points = self.points[:self.points.index("dxact_after_decision") + 1]
        elif kind == "recovery_dies_at_point":
            points = self.recovery_points
        elif kind in ("part_crashes_at_point", "coordinator_dies_at_part_point"):
            points = self.part_points
        elif kind in ("crash_at_point", "participant_dies_at_point", "slow_at_point"):
            points = self.points
        elif kind in CUTS and not router.available(self.world.servers) or \
                kind == "power_off" and not router.has_namespaces(self.world.servers):
            return []
        else:
            return [(kind,)] * 3
        return [(kind, point) for point in points]

    def next_fault(self):
        """Runs one fault, heals, and waits until all is well again; returns its description."""
        if not self.deck:
            self.deck = self.cards[:]
            self.rng.shuffle(self.deck)
        kind, *arguments = self.deck.pop()
        server = self.rng.choice(self.world.servers)
        what = " ".join([kind, server.name] + arguments)
        detail = getattr(self, kind)(server, *arguments)
        what += " " + detail if detail else ""
        self.done.append(what)
        self.settle(what)
        return what

    # Afterwards

    def settle(self, what):
        """All nodes work, and nothing that was prepared before now is left."""
        healed = time.time()
        end = time.monotonic() + self.world.settle
        for server in self.world.servers:
            problem = self.until(end, lambda: self.probe(server))
            if problem:
                self.world.complain("after %s: %s is not usable: %s" % (what, server.name, problem))
        for server in self.world.servers:
            problem = self.until(end, lambda: self.left_prepared(server, healed))
            if problem:
                self.world.complain("after %s: still prepared on %s: %s" % (what, server.name, problem))

    def until(self, end, problem):
        """Waits until problem() returns None; what it says at the end of the time otherwise."""
        while True:
            try:
                last = problem()
            except (Lost, Refused) as error:
                last = str(error)
            if last is None or time.monotonic() > end:
                return last
            time.sleep(0.1)

    def probe(self, server):
        session = Session(server.dsn)
        try:
            session.run("SET statement_timeout = '5s'")
            session.run("UPDATE probe SET n = n + 1", seconds=8)
        finally:
            session.close()
        return None

    def left_prepared(self, server, healed):
        session = Session(server.dsn)
        try:
            rows = session.run("SELECT gid, prepared FROM pg_prepared_xacts WHERE prepared < to_timestamp(%f)" % healed)
        finally:
            session.close()
        return str(rows) if rows else None

    def other(self, server):
        return self.rng.choice([other for other in self.world.servers if other is not server] or [server])

    def alive(self, server):
        """Waits until a server that restarts by itself, or that was started, accepts connections."""
        def problem():
            Session(server.dsn, connect_seconds=2).close()

        return self.until(time.monotonic() + max(60, self.world.settle), problem) is None

    def backend(self, server, condition):
        """The process id of some backend; None if there is none."""
        try:
            session = Session(server.dsn)
            rows = session.run("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND " + condition)
            session.close()
        except (Lost, Refused):
            rows = []
        return int(self.rng.choice(rows)[0]) if rows else None

    # Servers

    def kill_server(self, server):
        server.kill()
        time.sleep(self.rng.choice((0.1, 0.5, 2)))
        server.start()

    def kill_two_servers(self, server):
        other = self.other(server)
        server.kill()
        time.sleep(self.rng.choice((0, 0.1, 1)))
        if other is not server:
            other.kill()
        time.sleep(0.3)
        server.start()
        other.start()
        return "and " + other.name

    def restart_server(self, server):
        mode = self.rng.choice(("immediate", "fast"))
        server.pg_ctl("-m", mode, "restart")
        server.start(1)
        return mode

    def freeze_server(self, server):
        frozen = server.freeze()
        time.sleep(10)
        server.thaw(frozen)

    # Logical shards

    def move_shard(self, server):
        """One to this server, and perhaps back; nobody may be told of it."""
        rows = self.ask(server, "SELECT shard, node FROM shardext.shards WHERE node <> '%s'" % server.name)
        shard, node = self.rng.choice(rows)
        job = self.ask(server, "SELECT shardext.move_shard(%s, '%s')" % (shard, server.name))[0][0]
        self.ask(server, "SELECT shardext.wait_job(%s)" % job)
        back = self.rng.random() < 0.4
        self.until_ok(lambda: self.ask(server, "SELECT shardext.%s(%s)" % ("reverse_move" if back else "finish_move", job)))

        def problem():
            state = self.ask(server, "SELECT state FROM shardext.internal_local_jobs WHERE job = %s" % job)[0][0]
            return None if state == "done" else "job %s is in state %s" % (job, state)

        trouble = self.until(time.monotonic() + max(60, self.world.settle), problem)
        if trouble:
            self.world.complain(trouble)
        return "shard %s from %s%s" % (shard, node, " and back" if back else "")

    def ask(self, server, sql):
        session = Session(server.dsn)
        try:
            return session.run(sql, seconds=max(60, self.world.settle))
        finally:
            session.close()

    def until_ok(self, act):
        self.until(time.monotonic() + max(60, self.world.settle), lambda: act() and None)

    # Processes

    def kill_backend(self, server):
        pid = self.backend(server, "backend_type = 'client backend' AND state <> 'idle'")
        server.signal([pid], signal.SIGKILL)
        time.sleep(0.5)
        self.alive(server)

    def kill_committing_backend(self, server):
        """One that prepares, or ends what is prepared, for another node, or has just done so."""
        pid = self.backend(server, "query ~ '^(PREPARE TRANSACTION|COMMIT PREPARED)' AND state_change > now() - interval '1 s'")
        server.signal([pid], signal.SIGKILL)
        time.sleep(0.5)
        self.alive(server)
        return "" if pid else "(none found)"

    def end_backends(self, server):
        for number in range(5):
            pid = self.backend(server, "backend_type = 'client backend' AND state <> 'idle'")
            server.signal([pid], self.rng.choice((signal.SIGTERM, signal.SIGINT)))
            time.sleep(0.1)

    def freeze_backend(self, server):
        pid = self.backend(server, "backend_type = 'client backend' AND state <> 'idle'")
        server.signal([pid], signal.SIGSTOP)
        time.sleep(self.rng.choice((1, 3, 10)))
        server.signal([pid], signal.SIGCONT)

    def kill_worker(self, server):
        pid = self.backend(server, "backend_type LIKE 'shardext%'")
        number = self.rng.choice((signal.SIGKILL, signal.SIGTERM))
        server.signal([pid], number)
        time.sleep(0.5)
        self.alive(server)
        return number.name if pid else "(none found)"

    # Points of the commit

    def sabotage(self, server, point, action):
        """A transfer over all nodes from this one, with the fault set for its COMMIT."""
        client = self.saboteur
        client.disconnect()
        client.server = server
        try:
            client.session = Session(server.dsn)
        except Lost:
            return "unreachable"
        arm = "SET shardext.fault = '%s:%s'" % (point, action) if action else "SELECT"
        return client.transfer(lambda session: session.run(arm), spread=True)

    def crash_at_point(self, server, point):
        passes = self.rng.choice((":1", ":2")) if SEVERAL.search(point) else ":1"
        kind = self.sabotage(server, point, "crash" + passes)
        time.sleep(0.3)
        self.alive(server)
        return "%s (%s)" % (passes, kind)

    def error_at_point(self, server, point):
        return "(%s)" % self.sabotage(server, point, "error")

    def slow_at_point(self, server, point):
        """Recovery must not take a coordinator that takes its time for one that has gone."""
        release = server.data / ("shardext_fault." + point)
        thread = threading.Thread(target=self.sabotage, args=(server, point, "wait:1"), daemon=True)
        thread.start()
        time.sleep(4)
        release.touch()
        thread.join(2 * Session.patience)
        release.unlink(missing_ok=True)

    def participant_dies_at_point(self, server, point):
        other = self.other(server)
        release = server.data / ("shardext_fault." + point)
        thread = threading.Thread(target=self.sabotage, args=(server, point, "wait:1"), daemon=True)
        thread.start()
        time.sleep(0.6)
        other.kill()
        time.sleep(0.2)
        release.touch()
        if self.rng.random() < 0.5:
            time.sleep(1)
        other.start()
        thread.join(2 * Session.patience)
        if thread.is_alive():
            self.world.complain("COMMIT on %s hangs: %s had died at %s" % (server.name, other.name, point))
        release.unlink(missing_ok=True)
        return "killed: " + other.name

    def part_crashes_at_point(self, server, point):
        """A participant dies at its own step."""
        other = self.other(server)
        self.set_system(other, "ALTER SYSTEM SET shardext.fault = '%s:crash:1'" % point)
        kind = self.sabotage(server, point, "")
        self.set_system(other, "ALTER SYSTEM RESET shardext.fault")
        return "of %s (%s)" % (other.name, kind)

    def coordinator_dies_at_part_point(self, server, point):
        """The coordinator dies while a participant is at its step, and the participant goes on before it is back."""
        other = self.other(server)
        self.set_system(other, "ALTER SYSTEM SET shardext.fault = '%s:wait'" % point)
        thread = threading.Thread(target=self.sabotage, args=(server, point, ""), daemon=True)
        thread.start()
        time.sleep(0.6)
        server.kill()
        time.sleep(self.rng.choice((0.1, 1)))
        self.set_system(other, "ALTER SYSTEM RESET shardext.fault")
        server.start()
        thread.join(2 * Session.patience)
        return "participant: " + other.name

    def recovery_dies_at_point(self, server, point):
        """The coordinator dies when it has decided; whoever recovers dies, too."""
        other = self.other(server)
        dying = other if point == "dxact_recover_finish" else server
        self.set_system(dying, "ALTER SYSTEM SET shardext.fault = '%s:crash:1'" % point)
        kind = self.sabotage(server, "dxact_after_local_commit", "crash")
        time.sleep(3)
        self.set_system(dying, "ALTER SYSTEM RESET shardext.fault")
        self.alive(server)
        return "of %s (%s)" % (dying.name, kind)

    def set_system(self, server, sql):
        def problem():
            session = Session(server.dsn, connect_seconds=2)
            session.run(sql)
            session.run("SELECT pg_reload_conf()")
            session.close()

        if self.until(time.monotonic() + max(30, self.world.settle), problem):
            self.world.complain("%s cannot be told %s" % (server.name, sql))

    # The network

    def while_cut(self, pairs, act=lambda: None):
        how = self.rng.choice(("blackhole", "blackhole", "prohibit"))
        seconds = self.rng.choice((0.5, 2, 5, 12))
        cut = router.Cut(self.world.servers, pairs, how)
        cut.cut()
        try:
            time.sleep(seconds / 2)
            act()
            time.sleep(seconds / 2)
        finally:
            cut.heal()
        return "for %s s (%s)" % (seconds, how)

    def cut_connection(self, server):
        other = self.other(server)
        return "from %s %s" % (other.name, self.while_cut(router.both_ways(server, [other])))

    def cut_off(self, server):
        """From all other servers; clients still reach it."""
        return self.while_cut(router.both_ways(server, [other for other in self.world.servers if other is not server]))

    def cut_one_way(self, server):
        other = self.other(server)
        return "to %s %s" % (other.name, self.while_cut([(server, other)]))

    def die_cut_off(self, server):
        """kill -9 while nobody can be told."""
        what = self.while_cut(router.both_ways(server, [other for other in self.world.servers if other is not server]),
                              server.kill)
        server.start()
        return what

    def power_off(self, server):
        router.power_off(server)
        time.sleep(self.rng.choice((0.1, 1, 5)))
        router.power_on(server)
        time.sleep(10)      # its connections are found dead by keep-alives
