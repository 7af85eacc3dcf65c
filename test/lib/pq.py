"""The little of libpq that the tests in Python need: text results with their SQLSTATE, over ctypes.

Connection is for tests whose servers stay well: whatever goes wrong ends the program. Session is for tests that break
servers: it has a deadline for everything, and tells an error from a lost connection.
"""
import ctypes
import ctypes.util
import select
import time

pq = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
POINTER, INT, TEXT = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
for name, result, arguments in (
        ("PQconnectdb", POINTER, [TEXT]),
        ("PQconnectStart", POINTER, [TEXT]),
        ("PQconnectPoll", INT, [POINTER]),
        ("PQstatus", INT, [POINTER]),
        ("PQsocket", INT, [POINTER]),
        ("PQfinish", None, [POINTER]),
        ("PQerrorMessage", TEXT, [POINTER]),
        ("PQbackendPID", INT, [POINTER]),
        ("PQexec", POINTER, [POINTER, TEXT]),
        ("PQsendQuery", INT, [POINTER, TEXT]),
        ("PQsendQueryParams", INT, [POINTER, TEXT, INT, POINTER, ctypes.POINTER(TEXT), POINTER, POINTER, INT]),
        ("PQconsumeInput", INT, [POINTER]),
        ("PQisBusy", INT, [POINTER]),
        ("PQgetResult", POINTER, [POINTER]),
        ("PQsetNoticeProcessor", POINTER, [POINTER, POINTER, POINTER]),
        ("PQresultErrorField", TEXT, [POINTER, INT]),
        ("PQresultErrorMessage", TEXT, [POINTER]),
        ("PQresultStatus", INT, [POINTER]),
        ("PQcmdStatus", TEXT, [POINTER]),
        ("PQntuples", INT, [POINTER]),
        ("PQnfields", INT, [POINTER]),
        ("PQgetisnull", INT, [POINTER, INT, INT]),
        ("PQgetvalue", TEXT, [POINTER, INT, INT]),
        ("PQputCopyData", INT, [POINTER, TEXT, INT]),
        ("PQputCopyEnd", INT, [POINTER, TEXT]),
        ("PQgetCopyData", INT, [POINTER, POINTER, INT]),
        ("PQfreemem", None, [POINTER]),
        ("PQclear", None, [POINTER])):
    function = getattr(pq, name)
    function.restype, function.argtypes = result, arguments

quiet = ctypes.CFUNCTYPE(None, POINTER, POINTER)(lambda arg, message: None)
CONNECTION_OK, CONNECTION_BAD = 0, 1
POLL_FAILED, POLL_WRITING, POLL_OK = 0, 2, 3
FATAL_ERROR = 7
COPY_OUT, COPY_IN = 3, 4


def field(res, letter):
    return (pq.PQresultErrorField(res, ord(letter)) or b"").decode()


def rows_of(res, null):
    return [tuple(null if pq.PQgetisnull(res, row, column) else pq.PQgetvalue(res, row, column).decode()
                  for column in range(pq.PQnfields(res)))
            for row in range(pq.PQntuples(res))]


class Result:
    """What a statement gave: code (SQLSTATE, "" when it worked), message, status (INSERT 0 1), rows in no order, given as they came."""

    def __init__(self, res):
        self.code, self.message, self.detail = field(res, "C"), field(res, "M"), field(res, "D")
        self.status = pq.PQcmdStatus(res).decode()
        self.given = rows_of(res, "\\N")
        self.rows = sorted(self.given)
        pq.PQclear(res)

    def same(self, other):
        return (self.code, self.status, self.rows) == (other.code, other.status, other.rows)

    def __str__(self):
        if self.code:
            return "%s: %s %s" % (self.code, self.message, self.detail)
        return "%s, %d rows: %s" % (self.status, len(self.rows), " ".join(map(str, self.rows[:8])))


class Connection:
    def __init__(self, port, database, user="postgres"):
        self.conn = pq.PQconnectdb(("host=127.0.0.1 port=%d dbname=%s user=%s" % (port, database, user)).encode())
        self.name = database
        if pq.PQstatus(self.conn) != CONNECTION_OK:
            raise SystemExit(pq.PQerrorMessage(self.conn).decode())
        pq.PQsetNoticeProcessor(self.conn, ctypes.cast(quiet, POINTER), None)

    def run(self, sql, data=""):
        """data: what COPY FROM STDIN reads. Lines of COPY TO STDOUT are rows of one column."""
        res = pq.PQexec(self.conn, sql.encode())
        if pq.PQresultStatus(res) not in (COPY_IN, COPY_OUT):
            return Result(res)
        lines = self._copied(pq.PQresultStatus(res) == COPY_IN, data.encode())
        pq.PQclear(res)
        result = Result(pq.PQgetResult(self.conn))
        while (res := pq.PQgetResult(self.conn)):
            pq.PQclear(res)
        result.given, result.rows = lines, sorted(lines)
        return result

    def _copied(self, into, data):
        if into:
            pq.PQputCopyData(self.conn, data, len(data))
            pq.PQputCopyEnd(self.conn, None)
            return []
        lines, line = [], POINTER()
        while (length := pq.PQgetCopyData(self.conn, ctypes.byref(line), 0)) > 0:
            lines.append((ctypes.string_at(line, length).decode(),))
            pq.PQfreemem(line)
        return lines

    def must(self, sql):
        result = self.run(sql)
        if result.code:
            raise SystemExit("%s: %s\n%s" % (self.name, result, sql))
        return result


class Refused(Exception):
    """The server has answered with an error; the session goes on. code: its SQLSTATE."""

    def __init__(self, code, message, statement):
        super().__init__("%s: %s [%s]" % (code, message, statement[:200]))
        self.code, self.message = code, message


class Lost(Exception):
    """The connection is gone, or could not be made. code: the SQLSTATE of a FATAL error that said so, or ''."""

    def __init__(self, code, message):
        super().__init__("%s %s" % (code, message))
        self.code = code


class Late(Lost):
    """No answer before the deadline; the connection has been closed."""


class Session:
    """A connection to the server that the libpq string names; used by one thread.

    patience is how many seconds an answer may take unless run() is told otherwise.
    """
    patience = 30

    def __init__(self, dsn, connect_seconds=5):
        self.conn = pq.PQconnectStart(dsn.encode())
        pq.PQsetNoticeProcessor(self.conn, ctypes.cast(quiet, POINTER), None)
        try:
            self._connect(time.monotonic() + connect_seconds)
        except Lost:
            self.close()
            raise
        self.pid, self.tag = pq.PQbackendPID(self.conn), ""

    def close(self):
        if self.conn:
            pq.PQfinish(self.conn)
            self.conn = None

    def _message(self):
        return (pq.PQerrorMessage(self.conn) or b"").decode().strip()

    def _wait(self, deadline, writing=False):
        left = deadline - time.monotonic()
        if left <= 0:
            self.close()
            raise Late("", "no answer in time")
        poller = select.poll()
        poller.register(pq.PQsocket(self.conn), select.POLLOUT if writing else select.POLLIN)
        poller.poll(left * 1000)

    def _connect(self, deadline):
        state = POLL_FAILED if pq.PQstatus(self.conn) == CONNECTION_BAD else POLL_WRITING
        while state not in (POLL_FAILED, POLL_OK):
            self._wait(deadline, state == POLL_WRITING)
            state = pq.PQconnectPoll(self.conn)
        if state == POLL_FAILED:
            raise Lost("", self._message())

    def run(self, sql, params=None, seconds=None):
        """The rows of the (last) statement, as tuples of text or None; its tag in self.tag. Raises Refused, Lost or Late."""
        if self.conn is None:
            raise Lost("", "not connected")
        if params is None:
            sent = pq.PQsendQuery(self.conn, sql.encode())
        else:
            values = (TEXT * len(params))(*[None if p is None else str(p).encode() for p in params])
            sent = pq.PQsendQueryParams(self.conn, sql.encode(), len(params), None, values, None, None, 0)
        if not sent:
            raise self._lost("")
        return self._answers(sql, time.monotonic() + (seconds or self.patience))

    def _lost(self, code):
        error = Lost(code, self._message())
        self.close()
        return error

    def _answers(self, sql, deadline):
        rows, error = [], None
        while True:
            while pq.PQisBusy(self.conn):
                self._wait(deadline)
                if not pq.PQconsumeInput(self.conn):
                    raise self._lost("")
            res = pq.PQgetResult(self.conn)
            if not res:
                break
            if pq.PQresultStatus(res) == FATAL_ERROR:
                error = (field(res, "C"), field(res, "M") or pq.PQresultErrorMessage(res).decode(), field(res, "V"))
            else:
                rows, self.tag = rows_of(res, None), pq.PQcmdStatus(res).decode()
            pq.PQclear(res)
        if pq.PQstatus(self.conn) != CONNECTION_OK or error and error[2] in ("FATAL", "PANIC"):
            raise self._lost(error[0] if error else "")
        if error:
            raise Refused(error[0], error[1], sql)
        return rows

    def copy(self, sql, data, seconds=None):
        """COPY .. FROM STDIN of the data, which is text; the tag in self.tag."""
        if self.conn is None:
            raise Lost("", "not connected")
        deadline = time.monotonic() + (seconds or self.patience)
        if not pq.PQsendQuery(self.conn, sql.encode()):
            raise self._lost("")
        while pq.PQisBusy(self.conn):
            self._wait(deadline)
            if not pq.PQconsumeInput(self.conn):
                raise self._lost("")
        res = pq.PQgetResult(self.conn)
        status, error = pq.PQresultStatus(res), (field(res, "C"), field(res, "M"))
        pq.PQclear(res)
        if status != COPY_IN:
            self._answers(sql, deadline)
            raise Refused(error[0], error[1], sql)
        if pq.PQputCopyData(self.conn, data.encode(), len(data.encode())) != 1 or pq.PQputCopyEnd(self.conn, None) != 1:
            raise self._lost("")
        self._answers(sql, deadline)
