"""A table of faults: every state of a move, before and after what it does is written down, times everything that can break.

A case is (state, moment, kind). The move's process is stopped at a fault point of that state, then something is broken and
the process goes on; afterwards the job must come to an end by itself.
"""
import os
import signal
import time

import router
from pq import Lost, Refused, Session

STATES = "prepare backfill build stream verify cutover turn back clean".split()
WITHIN = (("backfill", "between_tables"), ("cutover", "fenced"), ("cutover", "before_commit"), ("cutover", "after_commit"),
          ("back", "fenced"), ("back", "before_commit"), ("back", "after_commit"), ("turn", "before_back_stream"))
MOMENTS = ("begins", "done", "written")
KINDS = ("kill_source kill_target kill_authority kill_process end_process stop_source stop_target cut drop_sessions pause cancel"
         ).split()
REVERSIBLE = STATES[:STATES.index("turn")]


def all_cases():
    cases = [(state, moment, kind) for state in STATES for moment in MOMENTS for kind in KINDS]
    cases += [(state, moment, kind) for state, moment in WITHIN for kind in KINDS]
    # later it is refused, which is said once
    return [case for case in cases if case[2] != "cancel" or case[0] in REVERSIBLE or case[:2] == ("turn", "begins")]


SHORT = [("prepare", "written", "kill_target"), ("backfill", "between_tables", "kill_source"), ("build", "done", "end_process"),
         ("stream", "done", "drop_sessions"), ("verify", "written", "stop_source"), ("cutover", "fenced", "kill_source"),
         ("cutover", "before_commit", "kill_target"), ("cutover", "written", "kill_authority"), ("cutover", "done", "cancel"),
         ("turn", "begins", "kill_source"), ("back", "before_commit", "cut"), ("clean", "begins", "kill_process")]


def point_of(case):
    state, moment, _ = case
    return "move_" + (moment if (state, moment) in WITHIN else "%s_%s" % (state, moment))


class Breaker:
    """One case at a time, on given servers: source, target and authority of the move."""

    def __init__(self, world, source, target, authority):
        self.world, self.source, self.target, self.authority = world, source, target, authority
        self.point = None

    # Fault points of the target, whose server runs the job

    def arm(self, case):
        self.point = point_of(case)
        self.told(self.target, "ALTER SYSTEM SET shardext.fault = '%s:wait'" % self.point)
        self.told(self.target, "SELECT pg_reload_conf()")

    def arrived(self):
        return (self.target.data / ("shardext_fault.%s.waits" % self.point)).exists()

    def disarm(self):
        """Whoever waits goes on; a server that is down comes up without the point."""
        settings = self.target.data / "postgresql.auto.conf"
        settings.write_text("".join(line for line in settings.read_text().splitlines(True) if "shardext.fault" not in line))
        for postmaster in [self.target.postmaster()]:
            if postmaster:
                self.target.signal([postmaster], signal.SIGHUP)

    def told(self, server, sql):
        session = Session(server.dsn, 60)
        session.run(sql)
        session.close()

    # Kinds: each leaves everything as it was, but for the move

    def run(self, case):
        try:
            getattr(self, case[2])()
        except Lost as lost:        # an answer that does not come is a finding, not the end of the run
            self.world.complain("%s: %s" % (" ".join(case), lost))
            self.disarm()
        for server in self.world.servers:
            for file in server.data.glob("shardext_fault.*"):
                file.unlink(missing_ok=True)

    def kill(self, server):
        self.forget_point()
        server.kill()
        self.disarm()
        time.sleep(self.world.rng.choice((0, 0.3, 1)))
        if not server.start():
            self.world.complain("%s does not start" % server.name)

    def forget_point(self):
        """A process that is stopped stands there until it dies, or reads the settings again."""

    def kill_source(self):
        self.kill(self.source)

    def kill_target(self):
        self.kill(self.target)

    def kill_authority(self):
        self.kill(self.authority)

    def job_processes(self):
        session = Session(self.target.dsn, 60)
        rows = session.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'shardext job'")
        session.close()
        return [int(row[0]) for row in rows]

    def kill_process(self):
        """The server ends all sessions, and starts anew by itself."""
        processes = self.job_processes()
        self.disarm_file()
        self.target.signal(processes, signal.SIGKILL)
        time.sleep(0.3)
        self.disarm()

    def disarm_file(self):
        settings = self.target.data / "postgresql.auto.conf"
        settings.write_text("".join(line for line in settings.read_text().splitlines(True) if "shardext.fault" not in line))

    def end_process(self):
        processes = self.job_processes()
        self.disarm_file()
        self.target.signal(processes, signal.SIGTERM)
        self.disarm()

    def stop(self, server, seconds=2):
        frozen = server.freeze()
        if server is not self.target:
            self.disarm()
        time.sleep(seconds)
        server.thaw(frozen)
        self.disarm()

    def stop_source(self):
        self.stop(self.source)

    def stop_target(self):
        self.stop(self.target)

    def cut(self):
        cut = router.Cut(self.world.servers, router.both_ways(self.target, [s for s in self.world.servers if s is not self.target]),
                         "prohibit")
        cut.cut()
        try:
            self.disarm()
            time.sleep(2)
        finally:
            cut.heal()

    def drop_sessions(self):
        """All that the job has on the source, and what sends it the stream."""
        self.told(self.source, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                  " AND (application_name LIKE 'shardext job%' OR application_name LIKE 'shardext\\_%' OR backend_type = 'walsender'"
                  f" OR application_name LIKE 'shardext %/{self.job_processes()[0]}')")
        self.disarm()

    def ask_job(self, function):
        if self.point in ("move_fenced", "move_before_commit"):
            self.disarm()       # its transaction has the job's row, and whoever asks something of it waits for that
        try:
            self.told(self.authority, "SELECT shardext.%s(%s)" % (function, self.world.job))
        except Refused as refused:
            if refused.code != "55000":
                self.world.complain("%s: %s" % (function, refused))
        self.disarm()

    def cancel(self):
        self.ask_job("cancel_job")

    def pause(self):
        """The authority dies while the job is paused."""
        self.ask_job("pause_job")
        self.kill(self.authority)
        self.ask_job("resume_job")
