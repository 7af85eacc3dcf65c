"""Random statements of the forms that generate.py and writes.py do not make, and short scripts, for run.py.

Joins by USING and nested ones, grouping by expressions, functions that return rows or read sharded tables, user-defined
aggregates, chains of set operations, VALUES and TABLE; writes by views, to fields and array elements, with other values for
shard keys, with several WITH clauses that write, by ctid; in scripts COPY, cursors that are held or written by, temporary tables,
TRUNCATE, DDL between the runs of a prepared statement. As there, every statement has one right answer.
"""
from generate import KEYS, TABLES, Statement
from kinds import NO_EXTREME, SQLTYPE, TEXTS
from writes import FREE, UNIQUE, Writer

# tables with columns of one name
SAME_NAMES = [("acc", "moves", "no"), ("docs", "days", "key"), ("days", "sums", "num"), ("comp", "comp2", "a, b"), ("users", "v_users", "id"),
              ("goods", "parts", "no"), ("acc", "goods", "no"), ("goods", "trail", "no"), ("docs", "sums", "day"), ("tags", "acc", None),
              ("wide", "bags", "list"), ("wide", "moods", "mood"), ("bags", "moods", "mood"), ("wide", "bags", "span, mood"), ("wide", "goods", "no"), ("wide", "moods", "seen, at")]
JOINS = ("JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
# views that can be written, with what their rows are made of
WRITABLE_VIEWS = {"w_acc": ("acc", ["no", "holder", "bal", "ref"]), "w_goods": ("goods", ["no", "k", "note"]), "w_moves": ("moves", ["no", "seq", "amount"])}


class Script:
    """Statements for one session, one after the other, until one fails; an item may be (COPY statement, data). after: run in any case."""

    def __init__(self, steps, home, after=()):
        self.steps, self.home, self.after = steps, home, after


class Forms(Writer):
    # -- parts of SELECT
    def expr(self, scopes, kind, depth):
        if depth >= 0 and self.chance(0.05):
            column = self.column(scopes, kind)
            if kind == "int":
                return self.pick("n_of((%s)::int)", "stab(%s)", "imm(x => %s)", "n_in((%s)::int)", "sql_add((%s)::int, 2)", "(ARRAY[1, %s, 3])[2]", "(jsonb_build_object('x', %s) ->> 'x')::int") % super().expr(scopes, kind, -1)
            if kind == "text":
                return self.pick("holder_of(length(%s))", "(xpath('/a/text()', xmlelement(name a, %s)))[1]::text", "upper(%s) COLLATE \"C\"") % super().expr(scopes, kind, -1)
            if column and column[0].count(".") == 1:
                alias, name = column[0].split(".")
                if alias in self.bases and kind in ("text", "bool"):
                    return self.pick("%s.tableoid::regclass::text", "%s::text") % alias if kind == "text" else \
                        self.pick("(%s.ctid IS NOT NULL)", "(%s.xmin <> '1')", "(%s = %s)", "(%s IS DISTINCT FROM %s)", "(%s IS NULL)").replace("%s", alias)
                if kind in TEXTS:
                    return self.of_kind(column[0], kind)
                return "(to_jsonb(%s) ->> '%s')::%s" % (alias, name, SQLTYPE[kind])
        return super().expr(scopes, kind, depth)

    def of_kind(self, column, kind):
        """An expression over a column of a rarer type, of the same type."""
        return self.pick(*{"mood": ("(enum_range(NULL, {0}))[1]", "({0}::text)::mood", "(ARRAY[{0}, 'ok'])[2]"), "span": ("{0} * '[2,6)'", "range_merge({0}, '[1,2)')", "({0} + '[0,9)')", "unnest(int4multirange({0}))"),
                           "list": ("({0} || 4)", "{0}[1:2]", "array_remove({0}, 2)", "ARRAY(SELECT unnest({0}) ORDER BY 1)", "string_to_array('1,2', ',')::int[]"),
                           "json": ("({0} -> 'x')", "({0} || '{{\"z\": 5}}')", "jsonb_path_query_first({0}, '$.y[*] ? (@ > 1)')", "jsonb_build_object('a', {0})", "to_jsonb({0})"),
                           "place": ("ROW(({0}).street, 3)::place", "jsonb_populate_record({0}, '{{\"no\": 8}}')"), "ts": ("({0} + interval '1 day')", "date_trunc('day', {0})", "({0} - make_interval(hours => 30))", "({0} AT TIME ZONE 'UTC')::timestamptz"),
                           "long": ("({0} * 2)", "justify_hours({0})", "-{0}"), "bool": ("(NOT {0})", "({0} IS TRUE)", "({0} AND true)"),
                           "code": ("upper({0})::char(4)", "(left({0}, 3) || 'z')::char(4)", "coalesce({0}, 'c009')"), "bits": ("~{0}", "({0} & B'101')", "(B'1' || {0})::bit(3)")}[kind]).format(column)

    def odd_condition(self, a):
        """A condition with an operator of its own on a column of a rarer type."""
        return self.pick(*{"mood": ("{0} > 'sad'", "{0} = ANY (enum_range('ok'::mood, NULL))"), "span": ("{0} @> 3", "{0} && '[2,4)'", "isempty({0})", "{0} -|- '[9,10)'", "lower({0}) > 1"),
                           "list": ("{0} @> '{{1}}'", "2 = ANY ({0})", "{0} && '{{3,5}}'", "cardinality({0}) > 1", "{0}[1] = 1"),
                           "json": ("{0} ? 'x'", "{0} @> '{{\"x\": 1}}'", "{0} @? '$.y'", "jsonb_typeof({0}) = 'object'", "({0} ->> 'x')::int > 1"),
                           "place": ("({0}).no > 1", "{0} IS NULL", "{0} *= ROW('t1'::text, 1)::place"), "ts": ("extract(hour FROM {0}) > 3", "{0}::date = '2024-02-24'", "({0}, '2 days'::interval) OVERLAPS ('2024-02-22'::timestamptz, '2024-02-23'::timestamptz)"),
                           "long": ("{0} > '0'", "extract(epoch FROM {0}) > 3600"), "bool": ("{0}", "{0} IS NOT TRUE", "{0} IS UNKNOWN"),
                           "code": ("{0} < 'c003'", "length({0}) = 4", "position('3' IN {0}) > 0"), "bits": ("get_bit({0}, 0) = 1", "{0} > B'010'", "position(B'11' IN {0}) > 0")}[a[1]]).format(a[0])

    def pred(self, scopes, depth):
        a = self.column(scopes)
        if a and a[1] in TEXTS and self.chance(0.4):
            return self.odd_condition(a)
        if depth > 0 and a and self.chance(0.08):
            sub = self.query(depth - 1, scopes, [a[1]])[0]
            return self.pick("%s = ANY (ARRAY(%s))" % (a[0], sub), "%s > ALL (%s)" % (a[0], sub), "%s <= ANY (%s)" % (a[0], sub),
                             "ROW(%s, 1) %s (SELECT %s, 1 FROM (%s) q(c))" % (a[0], self.pick("=", "<>", "<="), self.extreme("c", a[1]), sub),
                             "(%s, 1) >= (%s, %s)" % (a[0], self.const(a[1]), self.const("int")))
        return super().pred(scopes, depth)

    def item(self, scopes, depth, lateral):
        if self.chance(0.06):
            made = self.pick(self.using, self.nested, self.called)(scopes, depth, lateral)
            if made:
                return made
        return super().item(scopes, depth, lateral)

    def using(self, scopes, depth, lateral):
        """A join by columns of one name."""
        fit = [pair for pair in SAME_NAMES if pair[2] and pair[0] in self.group and pair[1] in self.group]
        if not fit:
            return None
        left, right, names = self.r.choice(fit)
        a, b, both = self.name(), self.name(), self.name()
        join = self.r.choice(JOINS)
        columns = [("%s.%s" % (alias, c), kind, c in KEYS[table]) for alias, table in ((a, left), (b, right)) for c, kind in TABLES[table]]
        kinds = dict(TABLES[left])
        columns += [("%s.%s" % (both, c), kinds[c], join != "FULL JOIN") for c in names.split(", ")]
        return "(%s %s %s %s %s USING (%s) AS %s)" % (left, a, join, right, b, names, both), columns

    def nested(self, scopes, depth, lateral):
        """A join in parentheses."""
        a, left = super().item(scopes, depth - 1, None)
        b, right = super().item(scopes, depth - 1, None)
        pairs = [(x[0], y[0]) for x in left for y in right if x[1] == y[1]]
        return ("(%s %s %s ON %s = %s)" % ((a, self.r.choice(JOINS), b) + self.r.choice(pairs)), left + right) if pairs else None

    def called(self, scopes, depth, lateral):
        """Rows of a function."""
        alias, inner = self.name(), [c[0] for c in lateral or [] if c[1] == "int"]
        argument = self.r.choice(inner) if inner else self.const("int") + "::int"
        text, kind = self.pick(("rows_of((%s)::int)", "int"), ("rows_in((%s)::int)", "int"), ("jsonb_array_elements_text(jsonb_build_array(%s, 7))", "text"),
                               ("xmltable('/r' PASSING xmlelement(name r, %s) COLUMNS c0 text PATH '.')", "text"),
                               ("jsonb_to_recordset(jsonb_build_array(jsonb_build_object('c0', %s), '{\"c0\": 4}'::jsonb)) AS", "int"), ("regexp_split_to_table((%s)::text, '')", "text"),
                               ("jsonb_object_keys(jsonb_build_object('t1', %s, 't5', 2))", "text"), ("jsonb_path_query(jsonb_build_array(%s, 9, null), '$[*]')", "json"))
        if text.endswith(" AS"):
            return "%s %s(c0 int)" % (text % argument, alias), [(alias + ".c0", kind, True)]
        if text.startswith("rows"):
            return "%s %s(c0, c1)" % (text % argument, alias), [(alias + ".c0", "int", True), (alias + ".c1", "int", False)]
        return "%s %s(c0)" % (text % argument, alias), [(alias + ".c0", kind, True)]

    def aggregate_call(self, columns, kind):
        numbers = [c[0] for c in columns if c[1] in ("int", "num")]
        fit = [c[0] for c in columns if c[1] == kind]
        if self.chance(0.12):
            whole = sorted({c[0].split(".")[0] for c in columns if c[0].split(".")[0] in self.bases})
            if whole and kind in ("int", "text") and self.chance(0.3):
                alias = self.r.choice(whole)
                if kind == "int":
                    return self.pick("count(%s)", "count(DISTINCT %s::text)", "count(%s.ctid)", "count(DISTINCT %s.ctid)", "count(DISTINCT %s.tableoid)") % alias, "int"
                return self.pick("string_agg({0}::text, ';' ORDER BY {0}::text)", "max({0}::text)", "json_agg({0} ORDER BY {0}::text)", "xmlagg(xmlelement(name r, {0}::text) ORDER BY {0}::text)").format(alias), "text"
            if kind in ("span", "list", "json", "bool", "long") and fit:
                a = self.r.choice(fit)
                return {"span": ("range_intersect_agg({0})",) * 2, "list": ("array_agg(cardinality({0}) ORDER BY {0})", "min({0})"), "json": ("jsonb_agg({0} ORDER BY {0})", "jsonb_object_agg(coalesce({0}::text, ''), 1)"),
                        "bool": ("bool_and({0})", "every({0} IS NULL)"), "long": ("sum({0})", "max({0})")}[kind][0 if self.chance(0.5) and kind != "span" else 1].format(a), None
            if kind in ("int", "num") and numbers:
                return self.pick("total(%s)", "total(DISTINCT %s)", "total(abs(%s) + 1)") % self.r.choice(numbers), SQLTYPE[kind]
            if kind == "text" and fit:
                return self.pick("glued(%s ORDER BY %s DESC)", "glued(DISTINCT %s ORDER BY %s)") % ((self.r.choice(fit),) * 2), "text"
            if kind == "int":
                a, a_kind, _ = self.r.choice(columns)
                b, b_kind, _ = self.r.choice(columns)
                if self.chance(0.3):
                    return "(percent_rank(%s, %s) WITHIN GROUP (ORDER BY %s, %s NULLS FIRST)) * 7" % (self.value(a_kind), self.value(b_kind), a, b), "int"
                return self.pick("dense_rank(%s) WITHIN GROUP (ORDER BY %s DESC)", "(cume_dist(%s) WITHIN GROUP (ORDER BY %s)) * 2") % (self.value(a_kind), a), "int"
        return super().aggregate_call(columns, kind)

    def plain_select(self, depth, outer, kinds):
        x = self.r.random()
        if x > 0.12:
            return super().plain_select(depth, outer, kinds)
        items, columns = self.from_list(outer, depth)
        where = self.where([columns] + outer, depth)
        if x < 0.06:
            return self.grouped_by_expression(items, columns, where, outer, kinds)
        if x < 0.09:
            out = [self.rows_out([columns] + outer, kind) for kind in kinds]
            return "SELECT %s FROM %s%s" % (", ".join(out), items, where)
        order = ", ".join(c[0] for c in columns)
        out = []
        for kind in kinds:
            fit = [c[0] for c in columns if c[1] == kind]
            out.append("max(%s) FILTER (WHERE %s) OVER %s" % (self.r.choice(fit), self.pred([columns], 0), self.pick("w", "(w ROWS 2 PRECEDING)"))
                       if fit and kind not in NO_EXTREME else "(count(*) OVER w)::int" if kind == "int" else "NULL::" + SQLTYPE[kind])
        return "SELECT %s FROM %s%s WINDOW w AS (PARTITION BY %s ORDER BY %s)" % (", ".join(out), items, where, self.r.choice(columns)[0], order)

    def rows_out(self, scopes, kind):
        """A set-returning function in the target list."""
        inner = super().expr(scopes, kind, 0)
        if kind == "int":
            return self.pick("generate_series(1, least(%s, 2))", "unnest(ARRAY[%s, 3])", "(rows_of((%s)::int)).no") % inner
        return "unnest(ARRAY[%s, NULL])" % inner

    def grouped_by_expression(self, items, columns, where, outer, kinds):
        keys = []
        for c in self.r.sample(columns, min(len(columns), self.r.randint(1, 2))):
            made = {"int": ["%s %% 3", "imm(%s)", "stab(%s)"], "text": ["upper(%s)", "length(%s)::text"], "num": ["round(%s)"], "date": ["%s + 1"], "ts": ["date_trunc('day', %s)"], "list": ["%s[1:1]"], "place": ["ROW((%s).street, 1)::place"]}.get(c[1], ["%s"])
            keys.append((self.pick("coalesce(%s, %s)" % (c[0], self.const(c[1], 0.9)), "(%s)" % (self.r.choice(made) % c[0])), c[1], False))
        out = []
        for kind in kinds:
            fit = [k[0] for k in keys if k[1] == kind]
            out.append(fit[0] if fit and self.chance(0.7) else self.aggregate(columns, kind))
        names = ", ".join(k[0] for k in keys)
        group = self.pick(names, names, names, "ROLLUP (%s)" % names, "DISTINCT ROLLUP (%s), CUBE (%s)" % (names, names), "%s, GROUPING SETS (%s, ())" % (names, keys[0][0]))
        return "SELECT %s FROM %s%s GROUP BY %s" % (", ".join(out), items, where, group)

    def query(self, depth, outer=(), kinds=None):
        if depth > 0 and self.chance(0.03):
            kinds = kinds or [self.r.choice(self.kinds) for _ in range(self.r.randint(1, 3))]
            legs = ["(%s)" % super(Forms, self).query(depth - 1, outer, kinds)[0] for _ in range(self.pick(3, 4))]
            text = legs[0]
            for leg in legs[1:]:
                text += " %s%s %s" % (self.pick("UNION", "UNION", "INTERSECT", "EXCEPT"), self.pick("", " ALL"), leg)
            return text, kinds
        return super().query(depth, outer, kinds)

    def recursive(self, outer):
        text = super().recursive(outer)
        if self.chance(0.3):
            text = text[:-1] + self.pick(" SEARCH BREADTH FIRST BY c0, c1 SET ord ", " SEARCH DEPTH FIRST BY c0 SET ord ", " CYCLE c0 SET seen USING way ")
        return text

    # -- SELECT
    def select(self):
        x = self.r.random()
        if x > 0.08:
            return super().select()
        self.start()
        if x < 0.02:
            return Statement(self.locking(), self.constants, self.home)
        if x < 0.04:
            rows = ["(%s, %s)" % (self.expr([], "int", 1), self.scalar([], "int", 1)) for _ in range(self.pick(1, 2, 3))]
            return Statement("VALUES %s" % ", ".join(rows), self.constants, self.home)
        if x < 0.045:
            table = self.relation()
            return Statement("TABLE %s" % table, [], self.home)
        sql, kinds = self.query(1)
        names = ["c%d" % i for i in range(len(kinds))]
        order = self.scalar([[("s." + n, kind, True) for n, kind in zip(names, kinds)]], self.pick("int", "text"), 1)
        return Statement("SELECT * FROM (%s) s(%s) ORDER BY %s%s, %s LIMIT %s" % (
            sql, ", ".join(names), order, self.pick("", " DESC NULLS LAST"), ", ".join(str(i + 1) for i in range(len(names))), self.pick("1", "3", "ALL", "NULL")),
            self.constants, self.home, True)

    def locking(self):
        """Row locks in joins and below other rows."""
        tables = [t for t in self.group if not t.startswith("v_")] or ["acc"]
        a, b = self.r.choice(tables), self.r.choice(tables)
        self.home = self.home or "home" in (a, b)
        own, more = self.columns_of(a, "x"), self.columns_of(b, "y")
        lock = self.pick("UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE") + " OF x" + self.pick("", " NOWAIT", " SKIP LOCKED")
        pairs = [(p[0], q[0]) for p in own for q in more if p[1] == q[1]]
        if not pairs or self.chance(0.3):
            return "SELECT * FROM (SELECT x.* FROM %s x%s FOR %s) s" % (a, self.where([own], 1), lock)
        return "SELECT x.*, y.%s FROM %s x %s %s y ON %s = %s%s FOR %s" % ((
            TABLES[b][0][0], a, self.pick("JOIN", "LEFT JOIN"), b) + self.r.choice(pairs) + (self.where([own], 1), lock))

    # -- writes
    def write(self):
        x = self.r.random()
        if x > 0.22:
            return super().write()
        self.start()
        self.group = self.pick(["goods", "parts", "trail", "acc"], ["acc", "moves", "countries"], ["comp", "comp2", "tags"])
        if x < 0.03:
            return Statement("SELECT %s(%s)" % (self.pick("bump", "walk", "settle"), self.const("int")), self.constants, self.home)
        made = self.pick(self.by_view, self.parts_of_columns, self.parts_of_columns, self.key_by_join, self.merge_tables, self.several_with, self.conflict_with_rows,
                         self.by_ctid, self.by_ctid)
        return Statement(made(), self.constants, self.home)

    def by_view(self):
        view = self.pick(*WRITABLE_VIEWS)
        table, columns = WRITABLE_VIEWS[view]
        own = [("t." + c, dict(TABLES[table])[c], c in KEYS[table]) for c in columns]
        x = self.r.random()
        if x < 0.4:
            conflict = self.pick("", " ON CONFLICT DO NOTHING", " ON CONFLICT (%s) DO UPDATE SET %s = excluded.%s" % (", ".join(UNIQUE[table]), columns[-1], columns[-1]))
            return "INSERT INTO %s AS t (%s) VALUES %s%s%s" % (view, ", ".join(columns), self.values(table, self.pick(1, 1, 3)), conflict, self.pick("", " RETURNING t.*"))
        if x < 0.8:
            column = self.pick(*FREE[table])
            return "UPDATE %s t SET %s = %s%s%s" % (view, column, self.expr([own], dict(TABLES[table])[column], 1), self.where([own], 1), self.pick("", " RETURNING t.*"))
        return "DELETE FROM %s t%s%s" % (view, self.where([own], 1, 1) or " WHERE false", self.pick("", " RETURNING t.*"))

    def by_ctid(self):
        """The first rows of a table, found by their ctid: what queues do."""
        table = self.pick("acc", "goods", "moves", "comp2", "tags", "wide", "moods")
        own = [(c[0].replace("t.", "x."), c[1], c[2]) for c in self.columns_of(table, "t")]
        found = "SELECT x.ctid FROM %s x%s ORDER BY %s LIMIT %s%s" % (table, self.where([own], 1), ", ".join("x." + c for c, _ in TABLES[table]), self.pick("1", "3", "ALL"), self.pick(
            "", " FOR UPDATE", " FOR UPDATE SKIP LOCKED", " FOR NO KEY UPDATE"))
        if table in ("comp2", "moods"):  # rows that are alike
            found = "SELECT x.ctid FROM %s x%s" % (table, self.where([own], 1))
        where = self.pick("t.ctid IN (%s)", "t.ctid = ANY (ARRAY(%s))", "EXISTS (SELECT FROM (%s) q WHERE q.ctid = t.ctid)") % found
        column = self.pick(*FREE[table])
        return self.pick("DELETE FROM %s t WHERE %s%s" % (table, where, self.returning(table, "t")),
                         "UPDATE %s t SET %s = %s WHERE %s%s" % (table, column, self.const(dict(TABLES[table])[column]), where, self.returning(table, "t")),
                         "WITH q AS MATERIALIZED (%s) UPDATE %s t SET %s = DEFAULT FROM q WHERE q.ctid = t.ctid%s" % (found, table, column, self.returning(table, "t")))

    def parts_of_columns(self):
        """Fields, array elements, defaults of the table goods."""
        own = self.columns_of("goods", "t")
        number, text = self.expr([own], "int", 1), self.expr([own], "text", 1)
        where = self.where([own], 1)
        returning = self.pick("", " RETURNING t.*", " RETURNING t.no, (t.at).street, t.list[2], t.twice", " RETURNING t", " RETURNING t.tableoid::regclass, %s" % self.scalar([own], "int", 1))
        if self.chance(0.45):
            rows = ["(%d, %s, %s, %s)" % (no, self.pick("DEFAULT", self.const("int")), self.pick("DEFAULT", "'s'", "NULL"), self.pick("DEFAULT", "4", "vol(5)"))
                    for no in sorted({self.r.randint(0, 40) for _ in range(self.pick(1, 1, 2, 6))})]
            columns = self.pick("no, k, at.street, list[2]", "no, k, note, made", "no, k, at.street, at.no")
            return "INSERT INTO goods AS t (%s) VALUES %s ON CONFLICT %s%s" % (
                columns, ", ".join(rows) if columns.endswith("made") else ", ".join(rows).replace("DEFAULT", "NULL"), self.pick(
                    "DO NOTHING", "(no) DO UPDATE SET k = excluded.k, list[3] = t.k", "ON CONSTRAINT goods_pkey DO UPDATE SET at.no = coalesce(excluded.k, 1), made = DEFAULT"), returning)
        sets = self.pick("at.street = %s" % text, "at.no = %s, k = 7" % number, "list[2] = %s" % number, "list[1:2] = ARRAY[%s, 5], at.no = 3" % number,
                         "at = ROW(%s, %s)::place" % (text, number), "k = DEFAULT, note = DEFAULT", "(k, note) = (%s, %s)" % (number, text), "list = list || %s" % number,
                         "(k, at.street) = (SELECT max(q.n), max(q.part::text) FROM parts q WHERE q.no = t.no)")
        return "UPDATE goods t SET %s%s%s" % (sets, where, returning)

    def key_by_join(self):
        """Another value for the shard key, from other tables; only where no constraint can break in some order."""
        own = self.columns_of("comp2", "t")
        x = self.r.random()
        if x < 0.4:
            return "UPDATE comp2 t SET a = %s FROM countries s WHERE s.id = t.d%s%s" % (
                self.pick("s.id", "t.a + s.id", "length(s.name)"), self.pick("", " AND %s" % self.pred([own], 1)), self.returning("comp2", "t"))
        if x < 0.7:
            return "UPDATE comp2 t SET (a, b) = (SELECT coalesce(max(x.a), 1), coalesce(min(x.b), 'n') FROM comp x WHERE x.c = t.d)%s%s" % (self.where([own], 1), self.returning("comp2", "t"))
        return "UPDATE goods t SET no = %s + 1000%s%s" % (
            self.pick("t.no", "(SELECT max(no) FROM goods)", "t.no + (SELECT count(*) FROM acc)"), " WHERE t.no = %s" % self.const("int"), self.returning("goods", "t"))

    def merge_tables(self):
        """MERGE of one table into another, with all actions; a row of the source meets one of the target at most."""
        target, source, on, key, value, new = self.pick(
            ("acc", "goods", "t.no = s.no", "s.no", "s.k", "s.no, s.note, s.k, 1"), ("goods", "acc", "t.no = s.no", "s.no", "s.ref", "s.no, s.ref, s.holder"),
            ("sums", "countries", "t.num = s.id", "s.id", "s.id", "s.id, 1, s.since"), ("goods", "countries", "t.no = s.id", "s.id", "length(s.name)", "s.id, 5, s.name"))
        column = {"acc": "ref", "goods": "k", "sums": "n"}[target]
        if self.chance(0.4):
            source = "(SELECT * FROM %s%s)" % (source, self.pick("", " WHERE %s > 3" % key.split(".")[1]))
        # the new key is nobody's, whichever row comes first
        own = on.split(" ")[0]
        far = "%s < 500 AND " % own, "UPDATE SET %s = %s + %d" % (own[2:], own, 1000 * self.r.randint(1, 200000))
        actions = []
        for _ in range(self.pick(0, 1, 1, 2)):
            more, action = self.pick(("", "DELETE"), ("", "UPDATE SET %s = %s" % (column, value)), ("", "DO NOTHING"), far)
            actions.append(" WHEN MATCHED AND %s%s THEN %s" % (more, self.pick("t.%s > 4" % column, "%s IS NULL" % value, "%s %% 3 = 0" % key), action))
        actions += self.pick([], [" WHEN MATCHED THEN UPDATE SET %s = (SELECT count(*) FROM countries)" % column], [" WHEN MATCHED THEN UPDATE SET %s = DEFAULT" % column])
        actions += self.pick([], [" WHEN NOT MATCHED AND %s < 20 THEN INSERT VALUES (%s)" % (key, new)],
                             [" WHEN NOT MATCHED THEN INSERT (%s) VALUES (%s)" % (on.split(" ")[0][2:], key)])
        with_clause = self.pick("", "", "WITH w AS (SELECT count(*) AS n FROM moves) ")
        more = " AND (SELECT n FROM w) IS NOT NULL" if with_clause else ""
        return "%sMERGE INTO %s t USING %s s ON %s%s%s" % (with_clause, target, source, on, more, "".join(actions or [" WHEN MATCHED THEN DELETE"]))

    def several_with(self):
        """WITH clauses that write different tables, and a statement that uses what they return."""
        own = lambda table: self.where([self.columns_of(table, "t")], 1, 1) or " WHERE false"
        parts = {"acc": self.pick("UPDATE acc t SET ref = ref + 1%s RETURNING t.no AS n, t.ref AS m" % own("acc"), "DELETE FROM acc t%s RETURNING t.no, t.ref" % own("acc")),
                 "moves": self.pick("DELETE FROM moves t%s RETURNING t.no::int, t.seq" % own("moves"), "UPDATE moves t SET amount = 1%s RETURNING t.no::int, t.seq" % own("moves")),
                 "comp2": self.pick("INSERT INTO comp2 AS t VALUES %s RETURNING t.a::int, t.d" % self.values("comp2", 2), "UPDATE comp2 t SET a = a + 1%s RETURNING t.a::int, t.d" % own("comp2"))}
        names = self.r.sample(sorted(parts), self.pick(1, 2, 2, 3))
        text = "WITH " + ", ".join("w%d(n, m) AS (%s)" % (i, parts[name]) for i, name in enumerate(names)) + " "
        last = "w%d" % (len(names) - 1)
        return text + self.pick(
            "SELECT * FROM w0 a FULL JOIN %s b USING (n)" % last, "INSERT INTO tags AS t SELECT DISTINCT ON (n) 'w' || n, m, 'x' FROM w0 ORDER BY n, m ON CONFLICT (tag) DO UPDATE SET n = excluded.n RETURNING t.*",
            "UPDATE sums t SET n = (SELECT max(m) FROM %s) WHERE t.num IN (SELECT n FROM w0) RETURNING t.*" % last, "DELETE FROM docs t USING w0 WHERE t.n = w0.n RETURNING t.*",
            "SELECT count(*), (SELECT sum(m) FROM w0) FROM countries c JOIN %s b ON b.n = c.id" % last)

    def conflict_with_rows(self):
        """ON CONFLICT DO UPDATE that reads other tables, for one row and for many."""
        sub = self.pick("(SELECT max(g.k) FROM goods g WHERE g.no = t.no)", "(SELECT count(*) FROM moves m WHERE m.no = excluded.no)", "n_of(t.no)", "(SELECT count(*) FROM acc)")
        sets = self.pick("ref = %s" % sub, "(ref, holder) = (SELECT max(g.k), max(g.note) FROM goods g WHERE g.no >= excluded.no)", "ref = coalesce(t.ref, 0) + %s" % sub)
        where = self.pick("", " WHERE t.ref IS DISTINCT FROM excluded.ref", " WHERE EXISTS (SELECT FROM countries c WHERE c.id = t.no % 5)")
        source = "VALUES " + self.values("acc", self.pick(1, 3, 6)) if self.chance(0.6) else "SELECT no, note, 1.5, k FROM goods WHERE no < 30"
        return "INSERT INTO acc AS t %s ON CONFLICT (no) DO UPDATE SET %s%s%s" % (source, sets, where, self.returning("acc", "t"))

    # -- scripts
    def script(self):
        self.start()
        made = self.pick(self.held_cursor, self.current_of, self.copied, self.copied, self.temporary, self.truncated, self.altered, self.altered)()
        return made if isinstance(made, Script) else Script(made, self.home)

    def ordered_query(self, depth=1):
        sql, kinds = self.query(depth)
        for i, (_, values) in enumerate(self.constants):
            sql = sql.replace("\x01%d\x02" % i, values[0])
        return "SELECT * FROM (%s) s ORDER BY %s" % (sql, ", ".join(str(i + 1) for i in range(len(kinds)))), kinds

    def held_cursor(self):
        sql, _ = self.ordered_query()
        steps = ["BEGIN", "DECLARE h SCROLL CURSOR WITH HOLD FOR " + sql, "FETCH 2 FROM h", self.pick("COMMIT", "COMMIT", "ROLLBACK")]
        return steps + self.r.sample(["FETCH ALL FROM h", "FETCH BACKWARD 2 FROM h", "FETCH LAST FROM h", "MOVE 1 FROM h", "FETCH FIRST FROM h"], 3) + ["CLOSE h"]

    def current_of(self):
        table = self.pick("acc", "moves", "tags", "goods", "comp2", "wide")
        order = ", ".join("x." + c for c, _ in TABLES[table])
        column, kind = [(c, dict(TABLES[table])[c]) for c in FREE[table]][0]
        key = KEYS[table][0]
        sets = "%s = %s" % (key, {"int": "%s + 200" % key, "text": key + " || 'z'"}[dict(TABLES[table])[key]]) if self.chance(0.2) else \
            "%s = %s" % (column, self.value(kind))
        act = self.pick("UPDATE %s SET %s WHERE CURRENT OF c" % (table, sets), "UPDATE %s SET %s WHERE CURRENT OF c RETURNING *" % (table, sets), "DELETE FROM %s WHERE CURRENT OF c" % table)
        return ["BEGIN", "DECLARE c CURSOR FOR SELECT * FROM %s x ORDER BY %s FOR UPDATE" % (table, order), "FETCH %d FROM c" % self.pick(1, 2, 5), act,
                "FETCH c", self.pick(act, "UPDATE %s SET %s WHERE CURRENT OF c" % (table, sets)), "FETCH 2 FROM c", "CLOSE c", self.pick("COMMIT", "ROLLBACK")]

    def altered(self):
        """DDL between the runs of a prepared statement, undone afterwards or rolled back."""
        table = self.pick("acc", "goods", "tags", "wide", "moods", "countries")
        names, key, free = ", ".join(c for c, _ in TABLES[table]), KEYS[table][0], FREE[table][-1]
        made, undo = self.pick(
            ("ALTER TABLE {t} ADD COLUMN extra int DEFAULT 5", "ALTER TABLE {t} DROP COLUMN IF EXISTS extra"), ("ALTER TABLE {t} ADD COLUMN extra text", "ALTER TABLE {t} DROP COLUMN IF EXISTS extra CASCADE"),
            ("CREATE INDEX {t}_made ON {t} ({f}, {k})", "DROP INDEX IF EXISTS {t}_made"), ("CREATE INDEX {t}_made ON {t} (({f}::text)) WHERE {f} IS NOT NULL", "DROP INDEX IF EXISTS {t}_made"),
            ("ALTER TABLE {t} ADD CONSTRAINT made CHECK ({f}::text <> 'x') NOT VALID", "ALTER TABLE {t} DROP CONSTRAINT IF EXISTS made"), ("ALTER TABLE {t} ALTER {f} SET DEFAULT NULL", "ALTER TABLE {t} ALTER {f} DROP DEFAULT"),
            ("ALTER TABLE {t} RENAME COLUMN {f} TO {f}_2", None), ("ALTER TABLE {t} RENAME TO {t}_2", None), ("CREATE STATISTICS {t}_made ON {k}, {f} FROM {t}", "DROP STATISTICS IF EXISTS {t}_made"),
            ("CREATE VIEW made_view AS SELECT {k}, {f} FROM {t}", "DROP VIEW IF EXISTS made_view"), ("ANALYZE {t}", "ANALYZE {t}"), ("ALTER TABLE {t} ALTER {f} SET NOT NULL", "ALTER TABLE {t} ALTER {f} DROP NOT NULL"),
            ("ALTER TABLE {t} ALTER {f} TYPE text USING {f}::text", None), ("CREATE RULE made AS ON DELETE TO countries DO NOTHING", None) if table == "countries" else ("ANALYZE {t} ({k})", "ANALYZE {t}"))
        made, undo = [text and text.format(t=table, f=free, k=key) for text in (made, undo)]
        prepare = "PREPARE q AS SELECT %s FROM %s ORDER BY %s" % (names, table, names)
        more = ["EXECUTE q", "DELETE FROM %s WHERE %s IS NULL" % (table, free), "SELECT * FROM %s t ORDER BY %s" % (table, names),
                "INSERT INTO %s AS t (%s) VALUES %s ON CONFLICT DO NOTHING RETURNING t.*" % (table, names, self.values(table, 2)), self.ordered_query()[0]]
        if table == "goods":
            more.append("INSERT INTO goods (no) VALUES (%s) ON CONFLICT DO NOTHING" % self.r.randint(0, 40))
        rest = self.r.sample(more, 3)
        if undo is None or self.chance(0.4):
            return Script([prepare, "EXECUTE q", "BEGIN", made] + rest + ["ROLLBACK", "EXECUTE q"], self.home, ["DEALLOCATE q"])
        return Script([prepare, "EXECUTE q", made] + rest, self.home, [undo, "EXECUTE q", "DEALLOCATE q"])

    def copied(self):
        if self.chance(0.4):
            return ["COPY (%s) TO STDOUT%s" % (self.ordered_query()[0], self.pick("", " (FORMAT csv, HEADER)", " (FORMAT csv, FORCE_QUOTE *)"))]
        table = self.pick("acc", "moves", "goods", "comp2", "tags", "sums", "parts", "countries", "wide", "bags", "moods")
        names = [c for c, _ in TABLES[table]]
        seen, lines = set(), []
        for _ in range(self.pick(1, 3, 20)):
            row = ["\\N" if v == "NULL" else v.split("::")[0].strip("'") for v in self.row(table)]
            key = tuple(v for v, c in zip(row, names) if c in UNIQUE.get(table, []))
            if not key or key not in seen:
                lines.append("\t".join(row))
            seen.add(key)
        where = self.pick("", " WHERE %s::text < '4'" % names[0], " WHERE %s IS NOT NULL AND %s::text <> '7'" % (names[0], names[-1]))
        return [("COPY %s (%s) FROM STDIN%s" % (table, ", ".join(names), where), "\n".join(lines) + "\n"), "TABLE " + table]

    def temporary(self):
        sql, kinds = self.ordered_query()
        names = ", ".join("c%d" % i for i in range(len(kinds)))
        table, key = self.pick(("acc", "no"), ("goods", "no"), ("tags", "tag"), ("countries", "id"))
        return ["BEGIN", "CREATE TEMP TABLE mine(%s) ON COMMIT DROP AS %s" % (names, sql), "SELECT m.*, x.* FROM mine m %s %s x ON x.%s::text = m.c0::text" % (self.pick("JOIN", "LEFT JOIN"), table, key),
                "DELETE FROM %s x USING mine m WHERE x.%s::text = m.c0::text" % (table, key), "DELETE FROM mine m WHERE EXISTS (SELECT FROM %s x WHERE x.%s::text < m.c0::text)" % (table, key),
                "TABLE mine", self.pick("ROLLBACK", "COMMIT")]

    def truncated(self):
        table = self.pick("moves", "goods, parts", "countries", "comp")
        first = table.split(",")[0]
        return ["BEGIN", "TRUNCATE " + table, "TABLE " + first, "SAVEPOINT a", "INSERT INTO %s VALUES %s" % (first, self.values(first, 3)), "TABLE " + first,
                "ROLLBACK TO a", "TABLE " + first, "ROLLBACK", "TABLE " + first]
