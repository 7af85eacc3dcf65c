"""Clients: each is a thread that does one thing again and again on random nodes, and writes into the history.

A world has: servers, history, seed, plain (one server without the extension), cuts (shardext.snapshot exists), pace
(seconds between two transactions of a client, at most), stopping (an Event), started (time), and complain(text) for what no
client should ever be told.
"""
import collections
import itertools
import random
import threading
import time

from pq import Late, Lost, Refused, Session

ACCOUNTS, START = 48, 1000

# What a client may be told while servers die. All else is a finding.
EXPECTED = ("08", "40", "57P0", "57014", "55P03", "53300", "SX001", "SX002", "25P02")
UNKNOWN = "08007"

TABLES = """
CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE ledger (account int, tid bigint, amount bigint NOT NULL, PRIMARY KEY (account, tid));
CREATE TABLE counter (client int PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE list (k int PRIMARY KEY, v int[] NOT NULL);
CREATE TABLE element (v int PRIMARY KEY, bucket int NOT NULL);
CREATE TABLE fork (k int PRIMARY KEY, grp int NOT NULL);
CREATE TABLE probe (k int PRIMARY KEY, n bigint NOT NULL);
"""
SHARDED = """
SELECT shardext.shard_table('account', 'id', 'hash');
SELECT shardext.shard_table('ledger', 'account', 'hash');
SELECT shardext.replicate_table('counter');
SELECT shardext.shard_table('list', 'k', 'hash');
SELECT shardext.shard_table('element', 'v', 'hash');
SELECT shardext.shard_table('fork', 'k', 'hash');
SELECT shardext.shard_table('probe', 'k', 'hash');
"""
ROWS = """
INSERT INTO account SELECT g, %d FROM generate_series(1, %d) g;
INSERT INTO counter SELECT g, 0 FROM generate_series(0, 99) g;
INSERT INTO probe SELECT g, 0 FROM generate_series(1, 32) g;
""" % (START, ACCOUNTS)


def make_tables(world):
    session = Session(world.servers[0].dsn, Session.patience)
    for statement in (TABLES + (SHARDED if not world.plain else "") + ROWS).strip().split("\n"):
        session.run(statement)
    session.close()
    for server in world.servers:
        session = Session(server.dsn, Session.patience)
        session.run("CREATE TABLE note (tid bigint PRIMARY KEY)")
        session.close()


class Client(threading.Thread):
    def __init__(self, world, number):
        super().__init__(name="%s %d" % (type(self).__name__, number), daemon=True)
        self.world, self.number = world, number
        self.rng = random.Random(world.seed * 1000 + number)
        self.session, self.server = None, None
        self.codes = collections.Counter()

    # A client's life

    def run(self):
        while not self.world.stopping.is_set():
            try:
                self.connect()
                self.step()
            except Lost as lost:
                self.note_code(lost.code, str(lost))
                self.disconnect()
                time.sleep(self.rng.uniform(0.05, 0.3))
            except Exception as error:      # a client that ends unseen would make the run worth less
                self.world.complain("%s: %r" % (self.name, error))
                self.disconnect()
                time.sleep(1)
            time.sleep(self.rng.uniform(0, self.world.pace))
        self.disconnect()

    def connect(self):
        if self.session and self.rng.random() < 0.02:
            self.disconnect()
        if self.session is None:
            self.server = self.rng.choice(self.world.servers)
            self.session = Session(self.server.dsn)
            self.session.run("SET lock_timeout = '4s'")
            if self.rng.random() < 0.2:
                self.session.run("SET statement_timeout = '1s'")

    def disconnect(self):
        if self.session:
            self.session.close()
        self.session = None

    def note_code(self, code, message):
        self.codes[code] += 1
        if code and not code.startswith(EXPECTED) and "fault point" not in message:
            self.world.complain("%s on %s was told %s" % (self.name, self.server.name, message))

    def now(self):
        return round(time.monotonic() - self.world.started, 6)

    # Transactions

    def statement(self, sql, params=None):
        """Half of the statements with parameters use the extended protocol; those without always the simple one."""
        if params and self.rng.random() < 0.5:
            sql, params = sql.replace("%d", "%s") % tuple("$%d" % (n + 1) for n in range(len(params))), params
        elif params:
            sql, params = sql % tuple(params), None
        return self.session.run(sql, params)

    def attempt(self, body, begin="BEGIN"):
        """Runs body() as one transaction: ("ok", ""), ("fail", code) or ("unknown", code), and body's value."""
        value = None
        try:
            self.session.run(begin)
            value = body()
        except Refused as error:
            self.note_code(error.code, str(error))
            self.roll_back()
            return "fail", error.code, value
        except Lost as lost:
            return "fail", self.gone(lost), value
        return self.finish("COMMIT") + (value,)

    def roll_back(self):
        try:
            self.session.run("ROLLBACK")
        except Lost as lost:
            self.gone(lost)

    def gone(self, lost):
        """The session has ended, or has been given up; returns why."""
        if isinstance(lost, Late):
            self.world.complain("%s: no answer from %s" % (self.name, self.server.name))
        self.note_code(lost.code, str(lost))
        self.disconnect()
        return lost.code or str(lost)[:60]

    def finish(self, sql, params=None):
        """Runs the statement that decides: COMMIT, or one that is its own transaction."""
        try:
            self.statement(sql, params)
            if sql == "COMMIT" and self.session.tag != "COMMIT":
                return "fail", self.session.tag
            return "ok", ""
        except Refused as error:
            self.note_code(error.code, str(error))
            return "unknown" if error.code == UNKNOWN else "fail", error.code
        except Lost as lost:
            return "unknown", self.gone(lost)

    def record(self, workload, op, began, kind, error, **fields):
        self.world.history.add(w=workload, op=op, type=kind, client=self.number, node=self.server.name, t0=began,
                               t1=self.now(), error=error, **fields)

    def choose_cut(self, levels=("",)):
        """BEGIN of a reader; is it promised one cut?"""
        level = self.rng.choice(levels)
        cut = self.world.cuts and self.rng.random() < 0.5
        begin = "BEGIN" + (" ISOLATION LEVEL " + level if level else "")
        if cut:
            begin += "; SET LOCAL shardext.snapshot = 'cluster'"
        return begin, bool(self.world.plain or cut), level


class Transferrer(Client):
    """bank: moves money between accounts of any nodes."""
    tids = itertools.count(1)

    def step(self):
        self.transfer()

    def transfer(self, before_commit=None, spread=False):
        one, other = self.rng.sample(range(1, ACCOUNTS + 1), 2)
        amount, tid = self.rng.randint(1, 100), next(self.tids)
        ref, note = self.rng.random() < 0.15 or spread, self.rng.random() < 0.3 or spread
        if one > other and self.rng.random() < 0.7:
            one, other = other, one     # mostly in an order that cannot deadlock
        began = self.now()

        def body():
            self.move(one, other, amount)
            self.statement("INSERT INTO ledger VALUES (%d, %d, %d), (%d, %d, %d)",
                           [one, tid, -amount, other, tid, amount])
            if note:
                self.statement("INSERT INTO note VALUES (%d)", [tid])
            if ref:
                self.statement("UPDATE counter SET n = n + 1 WHERE client = %d", [self.number])
            if before_commit:
                before_commit(self.session)

        kind, error, _ = self.attempt(body)
        self.record("bank", "transfer", began, kind, error, tid=tid, amount=amount, ref=ref, note=note,
                    **{"from": one, "to": other})
        return kind

    def move(self, one, other, amount):
        way = self.rng.random()
        if way < 0.2:
            self.statement("UPDATE account SET balance = balance + CASE id WHEN %d THEN %d::bigint ELSE %d::bigint END WHERE id IN (%d, %d)",
                           [one, -amount, amount, one, other])
            return
        self.statement("UPDATE account SET balance = balance - %d WHERE id = %d", [amount, one])
        if way < 0.4:
            self.session.run("SAVEPOINT s")
            self.statement("UPDATE account SET balance = balance + 1000000 WHERE id = %d", [other])
            self.session.run("ROLLBACK TO s")
        self.statement("UPDATE account SET balance = balance + %d WHERE id = %d", [amount, other])


class Auditor(Client):
    """bank: reads the total."""

    def step(self):
        began = self.now()
        begin, strict, level = self.choose_cut(("READ COMMITTED", "REPEATABLE READ"))
        kind, error, rows = self.attempt(lambda: self.session.run("SELECT sum(balance) FROM account"), begin)
        self.record("bank", "read", began, kind, error, strict=strict, level=level,
                    total=int(rows[0][0]) if rows else None)


class Appender(Client):
    """append: transactions of appends to lists and reads of lists; the lists in use change every few seconds."""
    values = itertools.count(1)
    LEVELS = {"READ COMMITTED": "RC", "REPEATABLE READ": "RR", "SERIALIZABLE": "S"}

    def step(self):
        began = self.now()
        begin, cut, level = self.choose_cut(list(self.LEVELS))
        ops = []
        kind, error, _ = self.attempt(lambda: self.operations(ops, int(began / 4) * 6), begin)
        self.record("append", "txn", began, kind, error, level=self.LEVELS[level], ops=ops, plain=self.world.plain,
                    strict=cut and level != "READ COMMITTED")

    def operations(self, ops, first):
        for key in (first + self.rng.randrange(6) for _ in range(self.rng.randint(1, 4))):
            if self.rng.random() < 0.5:
                value = next(self.values)
                ops.append(["append", key, value])
                self.statement("INSERT INTO list VALUES (%d, ARRAY[%d::int]) ON CONFLICT (k) DO UPDATE SET v = list.v || %d::int",
                               [key, value, value])
            else:
                rows = self.statement("SELECT v FROM list WHERE k = %d", [key])
                text = rows[0][0].strip("{}") if rows else ""
                ops.append(["read", key, [int(value) for value in text.split(",")] if text else []])


class Adder(Client):
    """set: unique elements, singly as autocommit statements or several in one; and reads of those added lately."""
    values = itertools.count(1)

    def step(self):
        began = self.now()
        bucket = int(began / 2)
        if self.rng.random() < 0.3:
            begin, strict, level = self.choose_cut()
            kind, error, rows = self.attempt(
                lambda: self.statement("SELECT v FROM element WHERE bucket = %d", [bucket]), begin)
            self.record("set", "read", began, kind, error, bucket=bucket, strict=strict,
                        elements=[int(row[0]) for row in rows or []])
            return
        elements = [next(self.values) for _ in range(self.rng.choice((1, 1, 3)))]
        sql = "INSERT INTO element VALUES " + ", ".join("(%d, %d)" for _ in elements)
        kind, error = self.finish(sql, [number for value in elements for number in (value, bucket)])
        self.record("set", "add", began, kind, error, bucket=bucket, elements=elements)


class Forker(Client):
    """fork: pairs of independent writes, and readers of both."""
    PERIOD = 0.25

    def __init__(self, world, number):
        super().__init__(world, number)
        self.done = None

    def step(self):
        began = self.now()
        group, key = int(began / self.PERIOD), self.number % 4
        if key < 2 and self.done != group:
            self.done = group
            kind, error = self.finish("INSERT INTO fork VALUES (%d, %d) ON CONFLICT DO NOTHING", [group * 2 + key, group])
            self.record("fork", "put", began, kind, error, group=group, key=key)
            return
        begin, strict, level = self.choose_cut(("READ COMMITTED", "REPEATABLE READ"))
        kind, error, rows = self.attempt(
            lambda: self.statement("SELECT k FROM fork WHERE k IN (%d, %d)", [group * 2, group * 2 + 1]), begin)
        self.record("fork", "read", began, kind, error, group=group, strict=strict,
                    seen=[int(row[0]) for row in rows or []])


def make_clients(world):
    kinds = [Transferrer] * 8 + [Auditor] * 2 + [Appender] * 6 + [Adder] * 3 + [Forker] * 6
    return [kind(world, number) for number, kind in enumerate(kinds)]


def record_final(world):
    """What is there at the end, as the first server sees it, and each node's own tables."""
    session = Session(world.servers[0].dsn, Session.patience)
    add = world.history.add
    on_nodes = {server.name: Session(server.dsn, Session.patience) for server in world.servers}
    add(w="bank", op="final", start=START,
        balances={row[0]: int(row[1]) for row in session.run("SELECT id, balance FROM account")},
        ledger=[[int(tid), int(account), int(amount)]
                for tid, account, amount in session.run("SELECT tid, account, amount FROM ledger")],
        ref={name: {row[0]: int(row[1]) for row in node.run("SELECT client, n FROM counter")}
             for name, node in on_nodes.items()},
        notes={name: [int(row[0]) for row in node.run("SELECT tid FROM note")] for name, node in on_nodes.items()})
    add(w="append", op="final", lists={
        row[0]: [int(value) for value in row[1].strip("{}").split(",")] for row in session.run("SELECT k, v FROM list")})
    add(w="set", op="final", elements=[int(row[0]) for row in session.run("SELECT v FROM element")])
    for node in [session, *on_nodes.values()]:
        node.close()
