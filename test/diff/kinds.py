"""The families of types that random statements speak of: their SQL types, values, and what else they may be compared as.

Ids of users and photos are families of their own ("id", "pid"), so that joins by them make sense.
"""
SQLTYPE = {"id": "bigint", "pid": "bigint", "int": "int", "text": "text", "num": "numeric", "uuid": "uuid", "date": "date",
           "mood": "mood", "span": "int4range", "list": "int[]", "json": "jsonb", "place": "place", "ts": "timestamptz", "long": "interval", "bool": "boolean",
           "code": "char(4)", "bits": "bit(3)"}
NUMBERS = {"id", "pid", "int", "num"}
# without min() and max()
NO_EXTREME = {"uuid", "span", "json", "place", "bool", "bits"}
# other types of the same value
CASTS = {"id": ["bigint", "numeric"], "pid": ["bigint", "numeric"], "int": ["bigint", "numeric", "smallint", "float8", "whole"],
         "text": ["varchar", "name", "bpchar", "word"], "num": ["numeric", "float8", "int"], "date": ["date", "timestamp", "timestamptz"],
         "ts": ["timestamptz", "timestamp", "date"], "list": ["int[]", "bigint[]"], "mood": ["mood", "good_mood"],
         "code": ["char(4)", "bpchar", "text"], "bits": ["bit(3)", "varbit"]}
# texts of values; equal ones look alike
TEXTS = {"mood": ("sad", "ok", "happy", "glad"), "span": ("empty", "[1,5)", "[3,9)", "(,4)", "[2,)"), "list": ("{}", "{1,2}", "{3}", "{2,NULL,5}", "{{1,2},{3,4}}"),
         "json": ("{}", "null", "[1, 7]", '{"x": 1}', '{"x": 3, "y": [1, 2]}', '"t4"'), "place": ("(t1,1)", "(t2,)", "(,)", "(t1,7)"),
         "ts": tuple("2024-02-2%d %02d:00:00+00" % (day, hour) for day in (1, 4, 7) for hour in (0, 7, 23)), "long": ("1 day", "3 days", "02:00:00", "-01:30:00"), "bool": ("t", "f"),
         "code": ("c001", "c002", "c003", "C004"), "bits": ("101", "011", "110", "000")}


def typed(kind, text):
    return "'%s'::%s" % (text, SQLTYPE[kind])


def odd_value(r, kind):
    """A value of one of the kinds in TEXTS."""
    return typed(kind, r.choice(TEXTS[kind]))


def extreme(r, expression, kind):
    """min() or max() of it, and the type to cast that to, if any."""
    call = "%s(%s)" % (r.choice(("min", "max")), "%s::text" % expression if kind in NO_EXTREME else expression)
    return call, SQLTYPE[kind] if kind in NO_EXTREME else None
