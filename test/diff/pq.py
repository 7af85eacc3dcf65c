"""The little of libpq that the differential test needs: text results with their SQLSTATE, over ctypes."""
import ctypes
import ctypes.util

pq = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
for name, result, arguments in (
        ("PQconnectdb", ctypes.c_void_p, [ctypes.c_char_p]),
        ("PQstatus", ctypes.c_int, [ctypes.c_void_p]),
        ("PQerrorMessage", ctypes.c_char_p, [ctypes.c_void_p]),
        ("PQexec", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
        ("PQsetNoticeProcessor", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
        ("PQresultErrorField", ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_int]),
        ("PQcmdStatus", ctypes.c_char_p, [ctypes.c_void_p]),
        ("PQntuples", ctypes.c_int, [ctypes.c_void_p]),
        ("PQnfields", ctypes.c_int, [ctypes.c_void_p]),
        ("PQgetisnull", ctypes.c_int, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
        ("PQgetvalue", ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
        ("PQclear", None, [ctypes.c_void_p])):
    function = getattr(pq, name)
    function.restype, function.argtypes = result, arguments

quiet = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)(lambda arg, message: None)


class Result:
    """What a statement gave: code (SQLSTATE, "" when it worked), message, status (INSERT 0 1), rows in no order."""

    def __init__(self, res):
        def field(letter):
            return (pq.PQresultErrorField(res, ord(letter)) or b"").decode()

        self.code, self.message, self.detail = field("C"), field("M"), field("D")
        self.status = pq.PQcmdStatus(res).decode()
        self.rows = sorted(
            tuple("\\N" if pq.PQgetisnull(res, row, column) else pq.PQgetvalue(res, row, column).decode()
                  for column in range(pq.PQnfields(res)))
            for row in range(pq.PQntuples(res)))
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
        if pq.PQstatus(self.conn) != 0:
            raise SystemExit(pq.PQerrorMessage(self.conn).decode())
        pq.PQsetNoticeProcessor(self.conn, ctypes.cast(quiet, ctypes.c_void_p), None)

    def run(self, sql):
        return Result(pq.PQexec(self.conn, sql.encode()))

    def must(self, sql):
        result = self.run(sql)
        if result.code:
            raise SystemExit("%s: %s\n%s" % (self.name, result, sql))
        return result
