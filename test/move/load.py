#!/usr/bin/env python3
"""load.py: clients that write and read while logical shards move, and the account afterwards.

	load.py --ports 5001,5002,5003 [--moves 10] [--clients 8] [--seed 1] [--rows 20000]

Every acknowledged write is kept (id, value, time). After the moves, acknowledged and present are compared both ways.
Errors other than 40001 of REPEATABLE READ transactions are findings, and so is a node that ends up with rows of others.
The last line is "N passed, N failed".
"""
import argparse
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
import pq  # noqa: E402

SCHEMA = """
CREATE TABLE load_users (id bigint PRIMARY KEY DEFAULT shardext.next_id(), name text NOT NULL, visits int NOT NULL DEFAULT 0);
SELECT shardext.shard_table('load_users', 'id');
CREATE TABLE load_notes (id bigint PRIMARY KEY DEFAULT shardext.next_id(), owner bigint NOT NULL, note text);
CREATE INDEX load_notes_owner ON load_notes (owner);
SELECT shardext.shard_table('load_notes', 'owner', 'id', ARRAY['id']);
ALTER TABLE load_notes ADD FOREIGN KEY (owner) REFERENCES load_users ON DELETE CASCADE;
CREATE TABLE load_log (k text, n bigint);
SELECT shardext.shard_table('load_log', 'k');
"""


class Client(threading.Thread):
    """One connection; what it was told is done is in visits (id -> number), notes (id -> text), logged (a list)."""

    def __init__(self, number, dsn, users, seed):
        super().__init__(daemon=True)
        self.number, self.users = number, users
        self.random = random.Random(seed * 1000 + number)
        self.session = pq.Session(dsn, 30)
        self.visits, self.notes, self.logged = {}, {}, []
        self.unknown, self.errors, self.times = 0, [], []
        self.ended = threading.Event()

    def do(self, sql):
        return self.session.run(sql, seconds=60)

    def visit(self):
        user = self.random.choice(self.users)
        self.do(f"UPDATE load_users SET visits = visits + 1 WHERE id = {user}")
        self.visits[user] = self.visits.get(user, 0) + 1

    def write_note(self):
        owner = self.random.choice(self.users)
        text = f"{self.number}.{len(self.notes)}"
        got = self.do(f"INSERT INTO load_notes (owner, note) VALUES ({owner}, '{text}') RETURNING id")
        self.notes[got[0][0]] = text

    def log(self):
        keys = [f"{self.number}.{len(self.logged)}.{i}" for i in range(3)]
        self.do("INSERT INTO load_log VALUES " + ", ".join(f"('{key}', {self.number})" for key in keys))
        self.logged += keys

    def block(self):
        """Two users in one transaction, mostly of two nodes."""
        pair = sorted(self.random.sample(self.users, 2))
        self.do("BEGIN")
        try:
            for user in pair:
                self.do(f"UPDATE load_users SET visits = visits + 1 WHERE id = {user}")
            self.do("COMMIT")
        except pq.Refused:
            self.do("ROLLBACK")
            raise
        for user in pair:
            self.visits[user] = self.visits.get(user, 0) + 1

    def lock(self):
        user = self.random.choice(self.users)
        self.do("BEGIN")
        try:
            self.do(f"SELECT visits FROM load_users WHERE id = {user} FOR UPDATE")
            self.do(f"UPDATE load_users SET visits = visits + 1 WHERE id = {user}")
            self.do("COMMIT")
        except pq.Refused:
            self.do("ROLLBACK")
            raise
        self.visits[user] = self.visits.get(user, 0) + 1

    def read(self):
        user = self.random.choice(self.users)
        got = self.do(f"SELECT count(*) FROM load_users WHERE id = {user}")
        if got[0][0] != "1":
            self.errors.append(f"user {user} is missing")
        known = self.visits.get(user, 0)
        got = self.do(f"SELECT visits FROM load_users WHERE id = {user}")
        if int(got[0][0]) < known:
            self.errors.append(f"user {user} has {got[0][0]} visits, {known} of them ours")

    def scan(self):
        got = self.do("SELECT count(*) FROM load_users")
        if int(got[0][0]) != len(self.users):
            self.errors.append(f"{got[0][0]} users, not {len(self.users)}")

    def repeatable(self):
        self.do("BEGIN ISOLATION LEVEL REPEATABLE READ")
        try:
            first = self.do("SELECT count(*) FROM load_users")[0][0]
            again = self.do("SELECT count(*) FROM load_users")[0][0]
            if first != again or int(first) != len(self.users):
                self.errors.append(f"REPEATABLE READ sees {first}, then {again}")
            self.do("COMMIT")
        except pq.Refused as refused:
            self.do("ROLLBACK")
            if refused.code != "40001":
                raise

    def run(self):
        kinds = [(self.visit, 8), (self.write_note, 6), (self.log, 3), (self.block, 3), (self.lock, 3), (self.read, 6),
                 (self.scan, 1), (self.repeatable, 1)]
        while not self.ended.is_set():
            kind = self.random.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
            begun = time.monotonic()
            try:
                kind()
            except pq.Refused as refused:
                self.errors.append(f"{kind.__name__}: {refused.code} {refused}")
            except pq.Lost as lost:
                self.errors.append(f"{kind.__name__}: lost: {lost}")
                return
            self.times.append((time.monotonic() - begun, kind.__name__))


def move_about(admin, rng, shards, nodes, moves):
    """Moves of random shards, some taken back, some finished; the pauses."""
    pauses, errors, durations = [], [], []
    for i in range(moves):
        shard = rng.choice(shards)
        owner = admin.run(f"SELECT node FROM shardext.shards WHERE shard = {shard}")[0][0]
        target = rng.choice([node for node in nodes if node != owner])
        begun = time.monotonic()
        try:
            job = admin.run(f"SELECT shardext.move_shard({shard}, '{target}')")[0][0]
            admin.run(f"SELECT shardext.wait_job({job}, '3 min')", seconds=200)
            durations.append(time.monotonic() - begun)
            if rng.random() < 0.4:
                await_state(admin, job, "keep")
                admin.run(f"SELECT shardext.reverse_move({job})")
            else:
                await_state(admin, job, "keep")
                admin.run(f"SELECT shardext.finish_move({job})")
            await_state(admin, job, "done")
        except pq.Refused as refused:
            errors.append(f"move {i} of shard {shard} to {target}: {refused.code} {refused}")
        got = admin.run(f"SELECT pause_ms, error FROM shardext.jobs WHERE job = {job}")[0]
        pauses.append(float(got[0]) if got[0] else None)
        print(f"move {i}: shard {shard} {owner} -> {target}, {durations[-1] if durations else 0:.2f} s,"
              f" pause {got[0]} ms {got[1] or ''}", flush=True)
    return pauses, durations, errors


def await_state(admin, job, state):
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        now = admin.run(f"SELECT state FROM shardext.jobs WHERE job = {job}")[0][0]
        if now == state:
            return
        if now in ("failed", "cancelled"):
            raise pq.Refused("XX000", now, f"job {job}")
        time.sleep(0.05)
    raise pq.Refused("XX000", f"job {job} is not {state} but {now}", "")


def account(admin, clients, users):
    """Acknowledged against present, both ways."""
    findings = []
    visits = {}
    for client in clients:
        for user, n in client.visits.items():
            visits[user] = visits.get(user, 0) + n
    present = {row[0]: int(row[1]) for row in admin.run("SELECT id, visits FROM load_users")}
    if len(present) != len(users):
        findings.append(f"{len(present)} users, not {len(users)}")
    wrong = [user for user in users if present.get(user) != visits.get(user, 0)]
    if wrong:
        findings.append(f"visits of {len(wrong)} users differ, such as {wrong[0]}: {present.get(wrong[0])},"
                        f" acknowledged {visits.get(wrong[0], 0)}")
    for table, column, said in (("load_notes", "id", {key for c in clients for key in c.notes}),
                                ("load_log", "k", {key for c in clients for key in c.logged})):
        rows = [row[0] for row in admin.run(f"SELECT {column} FROM {table}")]
        if len(rows) != len(set(rows)):
            findings.append(f"{table}: {len(rows) - len(set(rows))} rows twice")
        if set(rows) != said:
            findings.append(f"{table}: {len(said - set(rows))} acknowledged rows are missing,"
                            f" {len(set(rows) - said)} are there that nobody was told of")
    return findings


def left_over(ports):
    findings = []
    for port in ports:
        session = pq.Session(f"host=127.0.0.1 port={port} dbname=postgres user=postgres", 30)
        for what in ("SELECT slot_name FROM pg_replication_slots", "SELECT pubname FROM pg_publication",
                     "SELECT subname FROM pg_subscription", "SELECT external_id FROM pg_replication_origin_status",
                     "SELECT gid FROM pg_prepared_xacts", "SELECT name FROM shardext.catalog_job_object",
                     "SELECT n.nspname || '.' || relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
                     " WHERE relname LIKE 'shardext_marker%'",
                     "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'shard\\_%' AND substr(nspname, 7)::int NOT IN"
                     " (SELECT shard FROM shardext.catalog_shard JOIN shardext.catalog_cluster ON owner = this_node)"):
            rows = session.run(what)
            if rows:
                findings.append(f"left on port {port}: {rows} ({what})")
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ports", required=True)
    parser.add_argument("--moves", type=int, default=10)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=2000)
    options = parser.parse_args()
    ports = [int(port) for port in options.ports.split(",")]
    dsns = [f"host=127.0.0.1 port={port} dbname=postgres user=postgres" for port in ports]
    admin = pq.Session(dsns[0], 30)
    for statement in SCHEMA.split(";\n"):
        if statement.strip():
            admin.run(statement)
    admin.run(f"INSERT INTO load_users (name) SELECT 'u' || i FROM generate_series(1, {options.rows}) i")
    users = [row[0] for row in admin.run("SELECT id FROM load_users")]
    shards = [int(row[0]) for row in admin.run("SELECT shard FROM shardext.shards")]
    nodes = [row[0] for row in admin.run("SELECT node FROM shardext.nodes")]
    clients = [Client(i, dsns[i % len(dsns)], users, options.seed) for i in range(options.clients)]
    for client in clients:
        client.start()
    pauses, durations, errors = move_about(admin, random.Random(options.seed), shards, nodes, options.moves)
    for client in clients:
        client.ended.set()
    for client in clients:
        client.join(60)
    errors += [error for client in clients for error in client.errors]
    errors += account(admin, clients, users) + left_over(ports)
    times = sorted(t for client in clients for t, _ in client.times)
    print(f"{len(times)} transactions, slowest {times[-1] * 1000:.0f} ms, 99.9 % within {times[int(len(times) * .999)] * 1000:.0f} ms;"
          f" moves {sorted(durations)[len(durations) // 2]:.2f} s; pauses {sorted(p for p in pauses if p)}")
    for error in errors[:40]:
        print("not ok -", error)
    print(f"{options.moves + len(clients)} passed, {len(errors)} failed")
    sys.exit(1 if errors else 0)


main()
