"""Random statements over the schema of run.py.

A statement holds marks instead of constants, so that the same one can be run with literals or as a prepared statement
with several sets of parameters. Types are families: "id" (ids of users), "pid" (of photos), "int", "text", "num". Most
statements are "tidy": they speak of one key value, and join by keys, so that they nearly need one shard only. Every statement has one
right answer: LIMIT orders by all columns, aggregates do not depend on the order, UPDATE FROM meets a row once or gives
it the same value.
"""
import random

from kinds import CASTS, NO_EXTREME, NUMBERS, SQLTYPE, TEXTS, extreme, odd_value

TABLES = {
    "users": [("id", "id"), ("country", "int"), ("name", "text"), ("age", "int")],
    "photos": [("id", "pid"), ("owner_id", "id"), ("title", "text"), ("views", "int")],
    "albums": [("id", "pid"), ("owner", "id"), ("cover", "pid"), ("n", "int")],
    "likes": [("photo_id", "pid"), ("user_id", "id"), ("n", "int")],
    "acc": [("no", "int"), ("holder", "text"), ("bal", "num"), ("ref", "int")],
    "moves": [("no", "int"), ("seq", "int"), ("amount", "num")],
    "tags": [("tag", "text"), ("n", "int"), ("v", "text")],
    "comp": [("a", "int"), ("b", "text"), ("c", "int")],
    "comp2": [("a", "int"), ("b", "text"), ("d", "int")],
    "docs": [("key", "uuid"), ("day", "date"), ("n", "int"), ("v", "text")],
    "days": [("day", "date"), ("num", "num"), ("n", "int"), ("key", "uuid")],
    "sums": [("num", "num"), ("n", "int"), ("day", "date")],
    "goods": [("no", "int"), ("k", "int"), ("note", "text")],
    "parts": [("no", "int"), ("part", "int"), ("n", "int")],
    "trail": [("no", "int"), ("op", "text"), ("k", "int")],
    "wide": [("no", "int"), ("mood", "mood"), ("span", "span"), ("list", "list"), ("data", "json"), ("at", "place"), ("seen", "ts"), ("long", "long"), ("ok", "bool"), ("code", "code"), ("bits", "bits")],
    "bags": [("list", "list"), ("n", "int"), ("span", "span"), ("mood", "mood")],
    "moods": [("mood", "mood"), ("seen", "ts"), ("at", "place"), ("note", "text")],
    "countries": [("id", "int"), ("name", "text"), ("since", "date")],
    "home": [("uid", "id"), ("x", "int"), ("note", "text")],
    "v_users": [("id", "id"), ("country", "int"), ("name", "text")],
    "v_photos": [("owner_id", "id"), ("photos", "int"), ("views", "int")],
}
KEYS = {"users": ["id"], "photos": ["owner_id", "id"], "albums": ["owner", "id", "cover"], "likes": ["photo_id"],
        "acc": ["no"], "moves": ["no"], "tags": ["tag"], "comp": ["a", "b"], "comp2": ["a", "b"],
        "docs": ["key"], "days": ["day"], "sums": ["num"], "goods": ["no"], "parts": ["no"], "trail": ["no"], "wide": ["no"], "bags": ["list"], "moods": ["mood"], "v_users": ["id"], "v_photos": ["owner_id"], "home": ["uid"], "countries": ["id"]}
GROUPS = [["users", "photos", "albums", "likes", "v_users", "v_photos", "countries", "home"], ["users", "photos", "likes"],
          ["users", "photos", "albums", "v_users", "v_photos"], ["acc", "moves", "countries", "acc", "moves", "comp"],
          ["acc", "moves"], ["tags", "comp", "acc"], ["tags"], ["comp", "comp2", "countries"],
          ["docs", "days", "sums", "countries"], ["docs", "days"], ["sums", "acc", "moves", "days"], ["goods", "parts", "trail", "acc"],
          ["goods", "parts"], ["wide", "bags", "moods"], ["wide", "moods", "countries", "goods"], ["bags", "wide"], list(TABLES)]
SHARDS, PEOPLE = 16, 16


def make_id(shard, number):
    return (number << 23) | (shard << 10)


def user_id(i):
    return make_id(i % SHARDS, i)


def photo_id(i, j):
    return make_id(i % SHARDS, 100 * i + j)


class Statement:
    """sql with marks; parameters: (type, seven values); ordered: by all its columns."""

    def __init__(self, sql, constants, home, ordered=False):
        self.sql, self.constants, self.home, self.ordered = sql, constants, home, ordered

    def literal(self, number=0):
        sql = self.sql
        for i, (kind, values) in enumerate(self.constants):
            sql = sql.replace("\x01%d\x02" % i, values[number])
        return sql

    def prepared(self):
        sql = self.sql
        for i in range(len(self.constants)):
            sql = sql.replace("\x01%d\x02" % i, "$%d" % (i + 1))
        types = ", ".join(SQLTYPE[kind] for kind, _ in self.constants)
        calls = [", ".join(values[n] for _, values in self.constants) for n in range(7)]
        return ("PREPARE p%s AS %s" % ("(%s)" % types if types else "", sql),
                ["EXECUTE p%s" % ("(%s)" % call if call else "") for call in calls])


class Generator:
    def __init__(self, seed, depth=2):
        self.r, self.depth = random.Random(seed), depth
        self.fresh = 5000

    def start(self):
        self.constants, self.n, self.home, self.ctes = [], 0, False, []
        self.bases = set()  # aliases of tables
        self.group = self.r.choice(GROUPS)
        self.tidy, self.ordered = self.chance(0.6), "?"
        self.kinds = sorted({kind for table in self.group for _, kind in TABLES[table]})
        self.hot = {kind: [self.value(kind) for _ in range(7)] for kind in SQLTYPE}
        people = [self.r.randint(1, PEOPLE) for _ in range(7)]
        self.hot["id"] = [str(user_id(i)) if self.chance(0.95) else "NULL" for i in people]
        self.hot["pid"] = [str(photo_id(i, self.pick(1, 2, 3, 9))) for i in people]

    def chance(self, p):
        return self.r.random() < p

    def pick(self, *choices):
        return self.r.choice(choices)

    def name(self):
        self.n += 1
        return "t%d" % self.n

    def value(self, kind):
        r = self.r
        if self.chance(0.03):
            return "NULL"
        if kind in ("id", "pid"):
            i = r.randint(1, PEOPLE)
            return str(user_id(i) if kind == "id" else photo_id(i, r.randint(1, 3)))
        if kind in TEXTS:
            return odd_value(r, kind)
        return {"int": lambda: str(r.randint(0, 12)), "num": lambda: "%d.5" % r.randint(0, 9),
                "text": lambda: "'t%d'" % r.randint(0, 12), "uuid": lambda: "'00000000-0000-4000-8000-0000000000%02d'" % r.randint(0, 12),
                "date": lambda: "'2024-02-%02d'" % r.randint(20, 29)}[kind]()

    def const(self, kind, hot=0.7):
        if self.chance(0.05):
            return self.odd_const(kind)
        if self.chance(0.95 if self.tidy else hot):
            entry = (kind, self.hot[kind])
        else:
            entry = (kind, [self.value(kind) for _ in range(7)])
        if entry not in self.constants:
            self.constants.append(entry)
        return "\x01%d\x02" % self.constants.index(entry)

    def odd_const(self, kind):
        """The hot value in another type."""
        value = self.hot[kind][0]
        if kind == "text" and self.chance(0.3):
            return "(%s::text COLLATE \"C\")" % value
        return "(%s)::%s" % (value, self.r.choice(CASTS.get(kind, [SQLTYPE[kind]])))

    # scopes are lists of lists of (expression, kind, is_key); the first is the innermost
    def column(self, scopes, kind=None, key=False):
        if not scopes:
            return None
        level = 0
        while level + 1 < len(scopes) and self.chance(0.25):
            level += 1
        found = [c for c in scopes[level] if (kind is None or c[1] == kind) and (not key or c[2])]
        found = found or [c for scope in scopes for c in scope if (kind is None or c[1] == kind)]
        return self.r.choice(found) if found else None

    def expr(self, scopes, kind, depth):
        x = self.r.random()
        column = self.column(scopes, kind)
        if column and (x < 0.65 or depth < 0):
            return column[0]
        if x < 0.72 and depth >= 0:
            return "CASE WHEN %s THEN %s ELSE %s END" % (
                self.pred(scopes, 0), self.expr(scopes, kind, -1), self.expr(scopes, kind, -1))
        if x < 0.76 and depth >= 0:
            return "coalesce(%s, %s)" % (self.expr(scopes, kind, -1), self.const(kind))
        if x < 0.80 and kind == "int" and depth >= 0:
            return self.pick("(%s + 1)", "(%s + 1)", "vol(%s)", "stab(%s)", "imm(%s)", "stab(more => 5, x => %s)", "vol(%s, 0)") % self.expr(scopes, kind, -1)
        if x < 0.82 and column and depth >= 0:
            alias, name = column[0].split(".")
            return "row_to_json(%s)::text" % alias if kind == "text" else "(%s).%s" % (alias, name)
        if x < 0.88 and depth > 0:
            return self.scalar(scopes, kind, depth - 1)
        if x < 0.90:
            return "NULL::" + SQLTYPE[kind]
        return "%s::%s" % (self.const(kind), SQLTYPE[kind])

    def scalar(self, scopes, kind, depth):
        items, scope = self.from_list(scopes, depth, few=True)
        where = self.where([scope] + scopes, depth)
        column = self.column([scope], kind)
        if kind == "int" and self.chance(0.4):
            return "(SELECT count(*) FROM %s%s)" % (items, where)
        if kind in ("int", "text") and column and self.chance(0.15):
            array = "ARRAY(SELECT %s FROM %s%s ORDER BY 1)" % (column[0], items, where)
            return "cardinality(%s)" % array if kind == "int" else array + "::text"
        if not column:
            return "%s::%s" % (self.const(kind), SQLTYPE[kind])
        if self.chance(0.6):
            return "(SELECT %s FROM %s%s)" % (self.extreme(column[0], kind), items, where)
        return "(SELECT %s FROM %s%s ORDER BY 1 LIMIT 1)" % (column[0], items, where)

    def extreme(self, expression, kind):
        call, cast = extreme(self.r, expression, kind)
        return "%s::%s" % (call, cast) if cast else call

    def equality(self, scopes, a, depth):
        kind = a[1]
        x = self.r.random()
        if x < 0.55:
            return self.pick("%s = %s", "%s = %s", "%s = %s", "%s IS NOT DISTINCT FROM %s") % (a[0], self.const(kind, 0.85))
        if x < 0.65:
            values = ", ".join(self.const(kind) for _ in range(self.pick(1, 2, 3, self.r.randint(10, 40))))
            return self.pick("%s IN (%s)", "%s = ANY (ARRAY[%s])", "%s NOT IN (%s)") % (a[0], values)
        if x < 0.72:
            return "%s = %s" % (self.const(kind), a[0])
        if x < 0.8:
            return "%s = %s" % (a[0], self.expr(scopes, kind, depth))
        b = self.column(scopes, kind, key=True)
        return "%s = %s" % (a[0], b[0])

    def pred(self, scopes, depth):
        a = self.column(scopes, key=self.chance(0.6))
        if a is None:
            return self.pick("true", "false", "%s > 3" % self.const("int"))
        x = self.r.random()
        if x < 0.45 or depth <= 0:
            return self.equality(scopes, a, 0) if x < 0.33 else self.pick(
                "%s BETWEEN %s AND %s" % (a[0], self.const(a[1]), self.const(a[1])), "%s::text LIKE '%%1%%'" % a[0], "%s IS NULL" % a[0], "%s IS NOT NULL" % a[0], "%s > %s" % (a[0], self.const(a[1])),
                "%s <> %s" % (a[0], self.const(a[1])), "%s <= %s" % (a[0], self.const(a[1])))
        if x < 0.52:
            return "(%s OR %s)" % (self.pred(scopes, depth - 1), self.pred(scopes, depth - 1))
        if x < 0.56:
            return "NOT (%s)" % self.pred(scopes, depth - 1)
        if x < 0.6:
            return "(%s AND %s)" % (self.pred(scopes, depth - 1), self.pred(scopes, depth - 1))
        if x < 0.7:
            return self.equality(scopes, a, depth)
        if x < 0.74:
            b = self.column(scopes)
            if self.chance(0.2):
                return "%s IS %sNULL" % (a[0].split(".")[0], self.pick("", "NOT "))
            if self.chance(0.5):
                return "(%s, %s) = (%s, %s)" % (a[0], b[0], self.const(a[1]), self.expr(scopes, b[1], 0))
            return "(%s, %s) IN (%s)" % (a[0], b[0], self.query(depth - 1, scopes, [a[1], b[1]])[0])
        sub, _ = self.query(depth - 1, scopes, [a[1]])
        return self.pick("%s IN (%s)", "%s IN (%s)", "%s NOT IN (%s)", "%s = ANY (%s)", "%s <> ALL (%s)") % (a[0], sub) \
            if x < 0.82 else "%sEXISTS (%s)" % (self.pick("", "", "NOT "), sub)

    def where(self, scopes, depth, p=0.8):
        quals = []
        if self.chance(p):
            key = self.column(scopes[:1], key=True)
            over = self.column(scopes[1:], key[1], True) if key and len(scopes) > 1 and self.chance(0.5) else None
            if key and key[2]:
                quals.append("%s = %s" % (key[0], over[0]) if over else
                             "%s = %s" % (key[0], self.const(key[1], 0.95)) if self.tidy or self.chance(0.8) else
                             self.equality(scopes, key, 0))
            while self.chance(0.2 if self.tidy else 0.4):
                quals.append(self.pred(scopes, depth))
        return " WHERE " + " AND ".join(quals) if quals else ""

    def relation(self):
        table = self.r.choice(self.group)
        if table == "home":
            self.home = True
        return table

    def item(self, scopes, depth, lateral):
        """One FROM item: text and columns."""
        alias = self.name()
        x = self.r.random()
        if self.ctes and x < 0.25:
            cte, columns = self.r.choice(self.ctes)
            return "%s %s" % (cte, alias), [("%s.%s" % (alias, c), kind, True) for c, kind in columns]
        if depth > 0 and x < (0.3 if self.tidy else 0.4):
            outer = scopes if not lateral else [lateral] + scopes
            sub, kinds = self.query(depth - 1, outer)
            names = ["c%d" % i for i in range(len(kinds))]
            return "%s(%s) %s(%s)" % ("LATERAL " if lateral else "", sub, alias, ", ".join(names)), \
                [("%s.%s" % (alias, n), kind, True) for n, kind in zip(names, kinds)]
        if x < 0.45:
            kind = self.pick("id", "pid", "int", "text")
            rows = ", ".join("(%s::%s)" % (self.const(kind), SQLTYPE[kind]) for _ in range(self.r.randint(1, 2)))
            return "(VALUES %s) %s(c0)" % (rows, alias), [(alias + ".c0", kind, True)]
        if x < 0.48:
            inner = [c[0] for c in lateral or [] if c[1] == "int"]
            return self.pick("generate_series(1, least(%s, 3)) %s(c0)", "unnest(ARRAY[%s, 3, NULL]) %s(c0)") % (
                self.r.choice(inner) if inner else self.const("int") + "::int", alias), [(alias + ".c0", "int", True)]
        if x < 0.5:
            return self.pick("unnest(ARRAY[%s::int, 3, NULL]) WITH ORDINALITY %s(c0, c1)", "ROWS FROM (generate_series(1, %s::int %% 3), unnest(ARRAY[7, 8])) %s(c0, c1)") % (
                self.const("int"), alias), [(alias + ".c0", "int", True), (alias + ".c1", "int", False)]
        table = self.relation()
        sample = ""
        if not table.startswith("v_"):
            self.bases.add(alias)
            if self.chance(0.02):
                sample = " TABLESAMPLE " + self.pick("SYSTEM (100)", "BERNOULLI (100)", "SYSTEM (100) REPEATABLE (5)", "BERNOULLI (100.0) REPEATABLE (7)", "BERNOULLI (0)")
        return "%s %s%s" % (table, alias, sample), [("%s.%s" % (alias, c), kind, c in KEYS[table]) for c, kind in TABLES[table]]

    def from_list(self, scopes, depth, few=False):
        text, columns = self.item(scopes, depth, None)
        for _ in range(self.r.choice([0, 0, 0, 1] if few else [0, 1, 1, 2])):
            if self.chance(0.05 if self.tidy else 0.2):
                more, new = self.item(scopes, depth, columns if self.chance(0.5) else None)
                text, columns = "%s CROSS JOIN %s" % (text, more), columns + new
                continue
            join = self.pick("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
            lateral = columns if join in ("JOIN", "LEFT JOIN") and self.chance(0.4) else None
            more, new = self.item(scopes, depth, lateral)
            pairs = [(a, b) for a in columns for b in new if a[1] == b[1]]
            keyed = [p for p in pairs if p[0][2] and p[1][2]]
            on = ["%s = %s" % tuple(c[0] for c in self.r.choice(keyed if keyed and (self.tidy or self.chance(0.8)) else pairs))] if pairs else ["true"]
            if join != "FULL JOIN" and self.chance(0.4):
                on.append(self.pred([columns + new] + scopes, depth - 1))
            elif join == "FULL JOIN" and keyed and self.chance(0.4):
                on.append("%s = %s" % tuple(c[0] for c in self.r.choice(keyed)))
            text, columns = "%s %s %s ON %s" % (text, join, more, " AND ".join(on)), columns + new
        return text, columns

    def query(self, depth, outer=(), kinds=None):
        """A SELECT and the types of its columns (those wanted, if given)."""
        outer = list(outer)
        kinds = kinds or [self.r.choice(self.kinds) for _ in range(self.r.randint(1, 3))]
        saved, text = list(self.ctes), ""
        if depth > 0 and self.chance(0.2):
            parts = []
            for _ in range(self.r.randint(1, 2)):
                sub, sub_kinds = self.query(depth - 1, outer)
                name, names = self.name(), ["c%d" % i for i in range(len(sub_kinds))]
                parts.append("%s(%s) AS %s(%s)" % (name, ", ".join(names), self.pick("", "MATERIALIZED ", "NOT MATERIALIZED "), sub))
                self.ctes.append((name, list(zip(names, sub_kinds))))
            text = "WITH %s " % ", ".join(parts)
        elif depth > 0 and self.chance(0.06):
            text = self.recursive(outer)
        if depth > 0 and self.chance(0.15):
            a, _ = self.query(depth - 1, outer, kinds)
            b, _ = self.query(depth - 1, outer, kinds)
            text += "(%s) %s%s (%s)" % (a, self.pick("UNION", "INTERSECT", "EXCEPT"), self.pick("", " ALL"), b)
        else:
            text += self.plain_select(depth, outer, kinds)
        self.ctes = saved
        if self.chance(0.15):
            if text.endswith(self.ordered):
                text = "SELECT * FROM (%s) %s" % (text, self.name())
            text += " ORDER BY %s LIMIT %s" % (", ".join(str(i + 1) + self.pick("", "", "", " DESC", " NULLS FIRST") for i in range(len(kinds))), self.pick(
                "1", "2", "3", "4", "(SELECT 1 + count(*) FROM countries)", self.limit(outer)))
            text += self.pick("", "", " OFFSET 1")
        elif self.chance(0.03):
            text = "SELECT * FROM (%s) %s ORDER BY 1%s FETCH FIRST %s ROWS WITH TIES" % (
                text, self.name(), self.pick("", " DESC"), self.pick("1", "2", "3"))
        return text, kinds

    def limit(self, outer):
        """A LIMIT that depends on the row around, if there is one."""
        column = self.column([scope for scope in outer if scope], "int")
        return self.pick("abs(%s)", "(SELECT count(*) FROM countries WHERE countries.id < %s)") % column[0] if column else "ALL"

    def recursive(self, outer):
        """WITH RECURSIVE: a walk from one column to another of the same type."""
        table, a, b = self.pick(("acc", "no", "ref"), ("users", "country", "age"), ("comp", "a", "c"), ("comp2", "d", "a"), ("moves", "seq", "no"))
        name, walker, step = self.name(), self.name(), self.name()
        columns = [("%s.%s" % (walker, c), kind, c in KEYS[table]) for c, kind in TABLES[table]]
        self.ctes.append((name, [("c0", "int"), ("c1", "int")]))
        return "WITH RECURSIVE %s(c0, c1) AS (SELECT %s.%s::int, 0 FROM %s %s%s UNION%s SELECT %s.%s::int, %s.c1 + 1 FROM %s JOIN %s %s ON %s.%s = %s.c0 WHERE %s.c1 < 2) " % (
            name, walker, b, table, walker, self.where([columns] + outer, 0), self.pick("", "", " ALL"), step, b, name, name, table, step, step, a, name, name)

    def plain_select(self, depth, outer, kinds):
        items, columns = self.from_list(outer, depth)
        scopes = [columns] + outer
        where = self.where(scopes, depth)
        x = self.r.random()
        if x < 0.15:
            return "SELECT %s FROM %s%s%s" % (", ".join(self.aggregate(columns, k) for k in kinds), items, where,
                                              self.pick("", "", " HAVING count(*) > 0", " HAVING %s IS NULL" % self.aggregate(columns, "int")))
        if x < 0.35:
            keys = self.r.sample(columns, min(len(columns), self.r.randint(1, 2)))
            out = []
            for kind in kinds:
                fit = [c[0] for c in keys if c[1] == kind]
                out.append(fit[0] if fit and self.chance(0.7) else self.of_group(keys, columns) if kind == "int" and self.chance(0.2) else
                           self.aggregate(columns, kind))
            group = ", ".join(c[0] for c in keys)
            group = self.pick(group, group, group, group, "ROLLUP (%s)" % group, "CUBE (%s)" % group, "GROUPING SETS ((%s), ())" % group)
            return "SELECT %s FROM %s%s GROUP BY %s%s" % (", ".join(out), items, where, group,
                                                          self.pick("", "", " HAVING count(*) > 1", " HAVING %s = %s" % (keys[0][0], self.const(keys[0][1])),
                                                                    self.having(keys, depth)))
        if x < 0.45:
            out = [self.window(columns, kind) for kind in kinds]
            return "SELECT %s FROM %s%s" % (", ".join(out), items, where)
        out = [self.expr(scopes, kind, depth) for kind in kinds]
        if x < 0.5:
            on = ", ".join(out)
            self.ordered = " ORDER BY (%s), %s" % (out[0], ", ".join(str(i + 1) for i in range(len(out))))
            return "SELECT DISTINCT ON ((%s)) %s FROM %s%s%s" % (out[0], on, items, where, self.ordered)
        return "SELECT %s%s FROM %s%s" % (self.pick("", "", "", "DISTINCT "), ", ".join(out), items, where)

    def of_group(self, keys, columns):
        """Of a group as such: its place among the others, an aggregate of its rows inside of a sub-SELECT, .."""
        key = self.r.choice(keys)[0]
        x = self.r.random()
        if x < 0.3:
            return "grouping(%s)" % ", ".join(c[0] for c in keys)
        if x < 0.6:
            return self.pick("(rank() OVER (ORDER BY count(*)))::int", "(sum(count(*)) OVER (PARTITION BY %s))::int" % key,
                             "(count(*) OVER (ORDER BY %s))::int" % key, "(lag(count(*)) OVER (ORDER BY %s))::int" % ", ".join(c[0] for c in keys))
        name = self.name()
        table = self.relation()
        column, kind = self.r.choice(TABLES[table])
        fit = [c[0] for c in columns if c[1] == kind and kind not in NO_EXTREME]
        condition = "%s.%s %s %s(%s)" % (name, column, self.pick("=", "<=", "<>"), self.pick("min", "max"), self.r.choice(fit)) if fit else \
            "%s.%s IS NOT NULL AND count(%s) > 1" % (name, column, key)
        return "(SELECT count(*) FROM %s %s WHERE %s)::int" % (table, name, condition)

    def having(self, keys, depth):
        """A condition over grouped columns, with a correlated sub-SELECT maybe."""
        return " HAVING %s" % self.pred([[(c[0], c[1], True) for c in keys]], max(depth - 1, 0))

    def aggregate(self, columns, kind):
        """One with a single right answer, whatever the order of rows."""
        call, cast = self.aggregate_call(columns, kind)
        if self.chance(0.12) and ") * " not in call:
            call += " FILTER (WHERE %s)" % self.pred([columns], 0)
        return "(%s)::%s" % (call, cast) if cast else call

    def aggregate_call(self, columns, kind):
        """An aggregate without FILTER, and the type to cast it to."""
        fit = [c[0] for c in columns if c[1] == kind]
        a, a_kind, _ = self.r.choice(columns)
        small = [c[0] for c in columns if c[1] in ("int", "num")]
        if kind == "int" and self.chance(0.6):
            return self.pick("count(*)", "count(%s)" % a, "count(DISTINCT %s)" % a, "rank(%s) WITHIN GROUP (ORDER BY %s)" % (
                self.value(a_kind), a), "bit_or(%s)" % fit[0] if fit else "count(*)"), None if self.chance(0.9) else "int"
        if kind == "int" and self.chance(0.15):
            b = self.r.choice(columns)[0]
            return self.pick("count(DISTINCT (%s, %s))" % (a, b), "bool_or(%s = %s)" % (a, self.value(a_kind)), "every(%s IS NULL)" % b), "int"
        if kind == "num" and small and self.chance(0.15):
            return "percentile_cont(0.25) WITHIN GROUP (ORDER BY %s)" % self.r.choice(small), "numeric(20,6)"
        if kind == "text" and self.chance(0.4):
            return self.pick("string_agg(%s::text, ',' ORDER BY %s)", "array_agg(%s ORDER BY %s DESC NULLS FIRST)", "jsonb_agg(%s ORDER BY %s)",
                             "string_agg(DISTINCT %s::text, '+' ORDER BY %s::text)") % (a, a), "text"
        if kind in ("num", "int") and small and self.chance(0.6):
            return self.pick("sum(%s)", "avg(%s)", "sum(DISTINCT %s)", "var_pop(%s)", "count(%s) * 2") % self.r.choice(small), SQLTYPE[kind]
        if fit and self.chance(0.15):
            return "percentile_disc(0.5) WITHIN GROUP (ORDER BY %s)" % self.r.choice(fit), None
        if fit:
            return extreme(self.r, self.r.choice(fit), kind)
        return "max(%s::%s)" % (self.const(kind), "text" if kind in NO_EXTREME else SQLTYPE[kind]), SQLTYPE[kind]

    def framed(self, columns, kind):
        """A window function that looks at neighbours: rows in the order of all columns."""
        fit = [c[0] for c in columns if c[1] == kind]
        order = ", ".join(c[0] + self.pick("", "", " DESC", " NULLS FIRST") for c in columns)
        part = self.pick("", "PARTITION BY %s " % self.r.choice(columns)[0])
        if not fit:
            return "(%s OVER (%sORDER BY %s))::text::%s" % (self.pick("row_number()", "ntile(2)"), part, order, SQLTYPE[kind]) \
                if kind in NUMBERS | {"text"} else "NULL::" + SQLTYPE[kind]
        frame = self.pick("", "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW",
                          "GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING")
        return self.pick("lag(%s)", "lead(%s, 2)", "first_value(%s)", "last_value(%s)", "nth_value(%s, 2)") % self.r.choice(fit) + \
            " OVER (%sORDER BY %s %s)" % (part, order, frame)

    def window(self, columns, kind):
        fit = [c[0] for c in columns if c[1] == kind]
        if self.chance(0.3):
            return self.framed(columns, kind)
        numbers = [c[0] for c in columns if c[1] in ("int", "num")]
        if kind in ("int", "num") and numbers and self.chance(0.35):
            return "(%s OVER (%sORDER BY %s %s))::%s" % (
                self.pick("count(*)", "sum(%s)" % self.r.choice(numbers), "count(%s)" % self.r.choice(columns)[0], "max(%s)" % self.r.choice(numbers)),
                self.pick("", "PARTITION BY %s " % self.r.choice(columns)[0]), self.r.choice(numbers) + self.pick("", " DESC"), self.pick(
                    "RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING", "RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING", "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW",
                    "GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW", "GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING EXCLUDE GROUP", "GROUPS 2 PRECEDING EXCLUDE TIES"), SQLTYPE[kind])
        over = "(%sORDER BY %s)" % (self.pick("", "PARTITION BY %s " % self.r.choice(columns)[0]), self.r.choice(columns)[0])
        if kind == "int" and self.chance(0.6):
            return "%s OVER %s" % (self.pick("rank()", "count(*)", "dense_rank()"), over)
        return "max(%s) OVER %s" % (self.r.choice(fit), over) if fit and kind not in NO_EXTREME and self.chance(0.5) else \
            self.r.choice(fit) if fit else "%s::%s" % (self.const(kind), SQLTYPE[kind])

    def select(self):
        self.start()
        if self.chance(0.06):
            table, alias = self.relation(), self.name()
            columns = [("%s.%s" % (alias, c), kind, c in KEYS[table]) for c, kind in TABLES[table]]
            sql = "SELECT %s FROM %s %s%s %s%s" % (self.pick(alias, alias + ".*", self.expr([columns], "int", 1)), table, alias, self.where(
                [columns], 1), self.pick("FOR UPDATE", "FOR NO KEY UPDATE", "FOR SHARE", "FOR KEY SHARE"), self.pick("", " NOWAIT", " SKIP LOCKED"))
            if not table.startswith("v_"):
                return Statement(sql, self.constants, self.home)
        sql, kinds = self.query(self.pick(1, self.depth, self.depth))
        ordered = self.chance(0.25)
        if ordered:
            sql = "SELECT * FROM (%s) s ORDER BY %s" % (sql, ", ".join(
                str(i + 1) + self.pick("", "", " DESC", " NULLS FIRST") for i in range(len(kinds))))
        return Statement(sql, self.constants, self.home, ordered)
