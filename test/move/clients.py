"""Clients that use a cluster while its logical shards move; all that they were told is kept, for the account.

A world has: servers, seed, calm (no faults: no client may be told of an error), stopping and pausing (Events), pace (seconds a
client rests after each deed, at most), users (ids), complain(text).

Rows of clients are texts of their own, never used twice: "client.number". What became of each is said by the answer: done,
not done, or unknown (the connection was lost by the statement that commits, or 08007).
"""
import collections
import random
import threading
import time

from pq import Lost, Refused, Session

SCHEMA = """
CREATE TABLE load_users (id bigint PRIMARY KEY DEFAULT shardext.next_id(), name text NOT NULL, visits int NOT NULL DEFAULT 0);
SELECT shardext.shard_table('load_users', 'id');
CREATE TABLE load_notes (id bigint PRIMARY KEY DEFAULT shardext.next_id(), owner bigint NOT NULL, note text NOT NULL);
CREATE INDEX load_notes_owner ON load_notes (owner);
SELECT shardext.shard_table('load_notes', 'owner', 'id', ARRAY['id']);
ALTER TABLE load_notes ADD FOREIGN KEY (owner) REFERENCES load_users;
CREATE TABLE load_log (k text, n bigint);
SELECT shardext.shard_table('load_log', 'k');
"""
FUNCTION = """
CREATE FUNCTION load_note(the_owner bigint, the_note text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE load_users SET visits = visits + 0 WHERE id = the_owner;
    INSERT INTO load_notes (owner, note) VALUES (the_owner, the_note);
END $$
"""
# What a client may be told while servers die.
EXPECTED = ("08", "40", "57P0", "57014", "55P03", "53300", "SX002", "25P02")


def make_tables(world, rows):
    admin = Session(world.servers[0].dsn, 60)
    for statement in SCHEMA.strip().split(";\n"):
        admin.run(statement, seconds=180)
    admin.run("INSERT INTO load_users (name) SELECT 'u' || i FROM generate_series(1, %d) i" % rows, seconds=180)
    world.users = [row[0] for row in admin.run("SELECT id FROM load_users")]
    admin.run(FUNCTION)
    admin.close()


class Client(threading.Thread):
    """One connection at a time. told: row -> True (it is there), None (unknown); counted: user -> [visits sure, visits possible]."""

    def __init__(self, world, number):
        super().__init__(name="client %d" % number, daemon=True)
        self.world, self.number = world, number
        self.rng = random.Random(world.seed * 1000 + number)
        self.session, self.server, self.rows = None, None, 0
        self.told, self.counted = {"load_notes": {}, "load_log": {}}, {}
        self.idle = threading.Event()
        self.times, self.acknowledged = [], []
        self.codes = collections.Counter()      # of errors, "lost" for a connection that ended without one
        self.deeds = [(self.visit, 6), (self.prepared, 4), (self.note, 5), (self.procedure, 3), (self.block, 3), (self.many, 2),
                      (self.log, 3), (self.copy, 2), (self.lock, 3), (self.read, 5), (self.scan, 1), (self.repeatable, 2),
                      (self.cursor, 2)]

    def run(self):
        deeds, weights = [deed for deed, _ in self.deeds], [weight for _, weight in self.deeds]
        while not self.world.stopping.is_set():
            if self.world.pausing.is_set():
                self.idle.set()
                time.sleep(0.01)
                continue
            self.idle.clear()
            deed = self.rng.choices(deeds, weights)[0]
            begun = time.monotonic()
            try:
                self.connect()
                deed()
                self.times.append((time.monotonic() - begun, begun, deed.__name__))
            except Lost as lost:
                self.trouble(deed, lost.code, str(lost))
                self.session = None
                time.sleep(self.rng.uniform(0.05, 0.3))
            except Refused as refused:
                self.trouble(deed, refused.code, str(refused))
            except Exception as error:      # a client that ends unseen would make the run worth less
                self.world.complain("%s, %s: %r" % (self.name, deed.__name__, error))
                self.session = None
            if self.world.pace:
                time.sleep(self.rng.uniform(0, self.world.pace))
        self.idle.set()

    def connect(self):
        if self.session is None:
            self.server = self.world.servers[self.number % 3] if self.world.calm else self.rng.choice(self.world.servers)
            self.session = Session(self.server.dsn, 60 if self.world.calm else 5)
            self.session.patience = 200 if self.world.calm else 60
            self.session.run("PREPARE visit(bigint) AS UPDATE load_users SET visits = visits + 1 WHERE id = $1")

    def trouble(self, deed, code, message):
        self.codes[code or "lost"] += 1
        if self.world.calm or (code and not code.startswith(EXPECTED) and "fault point" not in message):
            self.world.complain("%s on %s, %s: %s %s" % (self.name, self.server.name, deed.__name__, code, message))

    # What was done

    def user(self):
        return self.rng.choice(self.world.users)

    def new_row(self):
        self.rows += 1
        return "%d.%d" % (self.number, self.rows)

    def write(self, act, rows=(), table="", users=()):
        """Runs act(), which commits; keeps what its end says of these rows of the table, and of visits to these users."""
        for row in rows:
            self.told[table][row] = None
        for user in users:
            self.counted.setdefault(user, [0, 0])[1] += 1
        try:
            act()
        except Refused as refused:
            if refused.code != "08007":
                for row in rows:
                    del self.told[table][row]
                for user in users:
                    self.counted[user][1] -= 1
            raise
        for row in rows:
            self.told[table][row] = True
        for user in users:
            self.counted[user][0] += 1
        self.acknowledged.append(time.monotonic())

    def within(self, *statements, begin="BEGIN"):
        """A transaction; None among its statements is passed over. The rows of the last one."""
        rows = []
        self.session.run(begin)
        try:
            for statement in statements:
                rows = self.session.run(statement) if statement else rows
            self.session.run("COMMIT")
        except Refused as refused:
            if refused.code != "08007":
                self.session.run("ROLLBACK")
            raise
        return rows

    # Deeds

    def visit(self):
        user = self.user()
        self.write(lambda: self.session.run("UPDATE load_users SET visits = visits + 1 WHERE id = " + user), users=[user])

    def prepared(self):
        user = self.user()
        self.write(lambda: self.session.run("EXECUTE visit(%s)" % user), users=[user])

    def note(self):
        row = self.new_row()
        self.write(lambda: self.session.run("INSERT INTO load_notes (owner, note) VALUES ($1, $2)", [self.user(), row]),
                   [row], "load_notes")

    def procedure(self):
        row = self.new_row()
        self.write(lambda: self.session.run("SELECT load_note(%s, '%s')" % (self.user(), row)), [row], "load_notes")

    def block(self):
        """Two users in one transaction, mostly of two nodes."""
        users = sorted({self.user(), self.user()})
        self.write(lambda: self.within(*["UPDATE load_users SET visits = visits + 1 WHERE id = " + user for user in users]),
                   users=users)

    def many(self):
        """One statement over several shards; locks in one order only if there is one statement at a time."""
        users = sorted({self.user() for _ in range(3)})
        self.write(lambda: self.within("SELECT id FROM load_users WHERE id IN (%s) ORDER BY id FOR UPDATE" % ", ".join(users),
                                       "UPDATE load_users SET visits = visits + 1 WHERE id IN (%s)" % ", ".join(users)), users=users)

    def log(self):
        rows = [self.new_row() for _ in range(3)]
        self.write(lambda: self.session.run("INSERT INTO load_log VALUES " + ", ".join("('%s', 1)" % row for row in rows)),
                   rows, "load_log")

    def copy(self):
        rows = [self.new_row() for _ in range(10)]
        self.write(lambda: self.session.copy("COPY load_log FROM STDIN", "".join("%s\t2\n" % row for row in rows)),
                   rows, "load_log")

    def lock(self):
        user = self.user()
        self.write(lambda: self.within("SELECT visits FROM load_users WHERE id = %s FOR UPDATE" % user,
                                       "UPDATE load_users SET visits = visits + 1 WHERE id = " + user), users=[user])

    def read(self):
        user = self.user()
        known = self.counted.get(user, [0, 0])[0]
        rows = self.session.run("SELECT visits FROM load_users WHERE id = " + user)
        if len(rows) != 1 or int(rows[0][0]) < known:
            self.world.complain("%s on %s: user %s is %s, with %d visits of ours" % (self.name, self.server.name, user, rows, known))

    def scan(self):
        found = int(self.session.run("SELECT count(*) FROM load_users")[0][0])
        if found != len(self.world.users):
            self.world.complain("%s on %s: %d users, not %d" % (self.name, self.server.name, found, len(self.world.users)))

    def repeatable(self):
        user = self.user()
        look = "SELECT (SELECT count(*) FROM load_users), (SELECT visits FROM load_users WHERE id = %s)" % user
        self.session.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
        try:
            first, again = self.session.run(look), self.session.run(look)
            self.session.run("COMMIT")
        except Refused as refused:
            self.session.run("ROLLBACK")
            if refused.code != "40001":
                raise
            self.codes["40001"] += 1
            return
        if first != again or int(first[0][0]) != len(self.world.users):
            self.world.complain("%s on %s: REPEATABLE READ sees %s, then %s" % (self.name, self.server.name, first, again))

    def cursor(self):
        self.session.run("BEGIN")
        try:
            self.session.run("DECLARE c CURSOR FOR SELECT id FROM load_users")
            found = len(self.session.run("FETCH 10 FROM c"))
            found += len(self.session.run("FETCH ALL FROM c"))
            self.session.run("COMMIT")
        except Refused:
            self.session.run("ROLLBACK")
            raise
        if found != len(self.world.users):
            self.world.complain("%s on %s: a cursor gives %d users, not %d" % (self.name, self.server.name, found, len(self.world.users)))


def account(session, world, clients):
    """What was acknowledged against what is there, both ways."""
    findings, sure, possible = [], {}, {}
    for client in clients:
        for user, (least, most) in client.counted.items():
            sure[user], possible[user] = sure.get(user, 0) + least, possible.get(user, 0) + most
    present = dict(session.run("SELECT id, visits FROM load_users", seconds=200))
    if set(present) != set(world.users):
        findings.append("%d users, not %d" % (len(present), len(world.users)))
    wrong = [user for user, visits in present.items() if not sure.get(user, 0) <= int(visits) <= possible.get(user, 0)]
    if wrong:
        findings.append("visits of %d users are wrong, such as %s: %s, acknowledged %d to %d" % (
            len(wrong), wrong[0], present[wrong[0]], sure.get(wrong[0], 0), possible.get(wrong[0], 0)))
    for table, column in (("load_notes", "note"), ("load_log", "k")):
        rows = [row[0] for row in session.run("SELECT %s FROM %s" % (column, table), seconds=200)]
        there, told = set(rows), {}
        for client in clients:
            told.update(client.told[table])
        lost = [row for row, known in told.items() if known and row not in there]
        strange = [row for row in there if row not in told]
        if len(rows) != len(there):
            findings.append("%s: %d rows twice" % (table, len(rows) - len(there)))
        if lost or strange:
            findings.append("%s: %d acknowledged rows are missing %s, %d are there that were refused %s" % (
                table, len(lost), lost[:3], len(strange), strange[:3]))
    return findings


def begin_anew(session, clients):
    """Rows that were compared go; those that may yet come, because nobody knows, are remembered."""
    for table in ("load_notes", "load_log"):
        session.run("TRUNCATE " + table, seconds=200)
        for client in clients:
            client.told[table] = {row: None for row, known in client.told[table].items() if known is None}


def longest_gap(clients, begin, end):
    """The longest time that a client waited for its next acknowledgement in that time, in ms."""
    longest = 0
    for client in clients:
        moments = [moment for moment in client.acknowledged if begin <= moment <= end]
        longest = max([longest] + [later - earlier for earlier, later in zip(moments, moments[1:])])
    return longest * 1000
