"""How the servers must be at the end: nothing in doubt, no bad line in a log, no broken page."""
import os
import re
import subprocess
import time

from pq import Lost, Refused, Session

BAD_LINE = re.compile(r"PANIC|TRAP:|WARNING: .*(leak|AbortTransaction)|XX000|signal (4|6|7|8|11)\b|could not open relation"
                      r"|part of committed transaction|invalid page|unexpected EOF within|missing chunk")
LEFT = {
    "prepared transactions": "SELECT gid FROM pg_prepared_xacts",
    "lost parts": "SELECT gid, node, state FROM shardext.transactions WHERE state <> 'prepared'",
    "problems that check() tells": "SELECT severity, object, problem FROM shardext.check()",
    "decision records": "SELECT * FROM shardext.catalog_decision",
    "locks": "SELECT c.relname, l.mode, l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
             " WHERE c.relname IN ('account', 'ledger', 'counter', 'list', 'element', 'fork', 'probe', 'note')",
    "connections": "SELECT pid, application_name, state, query FROM pg_stat_activity"
                   " WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()",
}


def left_over(world):
    """What is still there when all clients have gone and world.settle seconds have passed."""
    end = time.monotonic() + world.settle
    findings = []
    for server in world.servers:
        for what, sql in LEFT.items():
            if world.plain and "shardext" in sql:
                continue
            rows = ["not looked at"]
            while rows and (rows == ["not looked at"] or time.monotonic() < end):
                try:
                    session = Session(server.dsn)
                    rows = session.run(sql)
                    session.close()
                except (Lost, Refused) as error:
                    rows = [str(error)]
                if rows:
                    time.sleep(0.2)
            if rows:
                findings.append("%s on %s: %s" % (what, server.name, rows[:5]))
    return findings


def bad_log_lines(world):
    findings = []
    for server in world.servers:
        with open(server.log, errors="replace") as log:
            findings += ["%s: %s" % (server.name, line.strip()[:300]) for line in log
                         if BAD_LINE.search(line) and "fault point" not in line]
    return findings


def amcheck(world):
    """Heap and btree checks of all but the shells, which have no storage of their own."""
    findings = []
    for server in world.servers:
        command = [str(server.binaries / "pg_amcheck"), "-h", server.host, "-p", str(server.port), "-U", "postgres",
                   "--install-missing", "--no-dependent-indexes", "-d", "postgres"]
        done = subprocess.run(server.prefix + command, capture_output=True, text=True, env=dict(os.environ, LC_ALL="C"))
        if done.returncode:
            findings += ["%s: %s" % (server.name, line) for line in (done.stdout + done.stderr).split("\n") if line]
    return findings
