"""Random writing statements, for run.py. What they do does not depend on the order of rows."""
from generate import KEYS, PEOPLE, TABLES, Generator, Statement, make_id, user_id
from kinds import SQLTYPE, odd_value

WRITTEN = ["users", "photos", "likes", "albums", "acc", "acc", "moves", "tags", "comp", "comp2", "countries", "docs", "days", "sums", "goods", "parts", "wide", "bags", "moods"]
UNIQUE = {"users": ["id"], "photos": ["id"], "likes": ["photo_id", "user_id"], "albums": ["id"], "acc": ["no"],
          "moves": ["no", "seq"], "tags": ["tag"], "comp": ["a", "b", "c"], "countries": ["id"], "docs": ["key"], "days": ["day", "n"], "sums": ["num"], "goods": ["no"],
          "parts": ["no", "part"], "wide": ["no"], "bags": ["list", "n"]}
FREE = {"users": ["country", "age"], "photos": ["views"], "likes": ["n"], "albums": ["n"], "acc": ["ref"],
        "moves": ["amount"], "tags": ["n", "v"], "comp": [], "comp2": ["d"], "countries": ["name", "since"], "docs": ["n", "day", "v"], "days": ["key", "num"],
        "sums": ["n", "day"], "goods": ["k", "note"], "parts": ["n"], "wide": ["mood", "span", "list", "data", "at", "seen", "long", "ok", "code", "bits"],
        "bags": ["span", "mood"], "moods": ["seen", "at", "note"]}

# columns of shard keys that no constraint ties to others
MOVED = {"acc": "no", "moves": "no", "tags": "tag", "comp": "a", "comp2": "a", "sums": "num", "days": "day", "docs": "key", "goods": "no", "parts": "no", "wide": "no", "bags": "list",
         "moods": "mood"}

# expressions of the same value
SAME = {"int": ["%s + 0", "abs(%s)", "sql_add(%s, 0)", "sql_add(%s - 1)", "CASE WHEN true THEN %s END"], "id": ["%s + 0", "abs(%s)", "%s::numeric::bigint"], "pid": ["%s - 1 + 1", "coalesce(%s, 0)"],
        "text": ["lower(%s)", "%s || ''", "coalesce(%s, 'z')", "concat(%s)", "%s::varchar(9)"], "num": ["%s + 0", "abs(%s)", "greatest(%s, 0)"],
        "date": ["date %s + 0", "%s::timestamp"], "uuid": ["%s::uuid", "lower(%s)::uuid"], "list": ["%s || '{}'"]}

# .. and of others
OTHER = {"int": ["vol(%s)", "vol(%s, 0)", "imm(%s)", "imm(%s, 2)", "stab(more => 5, x => %s)", "n_of(%s)", "-%s"], "text": ["holder_of(length(%s))", "upper(%s)"], "num": ["%s / 3", "round(%s)"]}


class Writer(Generator):
    def row(self, table):
        """A row whose ids are consistent, sometimes of a unique value that is already there."""
        if table in ("wide", "bags", "moods"):
            return [str(self.r.randint(0, 40)) if kind == "int" else "'t%d'" % self.r.randint(0, 25) if kind == "text" else "NULL" if name not in KEYS[table] and self.chance(0.1)
                    else odd_value(self.r, kind) for name, kind in TABLES[table]]
        i = self.r.randint(1, PEOPLE)
        self.fresh += 1
        new = make_id(user_id(i) >> 10 & 8191, self.fresh) if self.chance(0.7) else make_id(user_id(i) >> 10 & 8191, 100 * i + 1)
        date, uuid = (lambda: "'2024-02-%02d'" % self.r.randint(18, 29)), (lambda: "'00000000-0000-4000-8000-0000000000%02d'" % self.r.randint(0, 30))
        small, text = (lambda: str(self.r.randint(0, 25))), (lambda: "'t%d'" % self.r.randint(0, 25))
        number = {"users": lambda: [user_id(i) if self.chance(0.4) else new, small(), text(), small()],
                  "photos": lambda: [new, user_id(i), text(), small()],
                  "albums": lambda: [new, user_id(i), self.pick("NULL", str(make_id(user_id(i) >> 10 & 8191, 100 * i + 2))), small()],
                  "likes": lambda: [new, user_id(self.r.randint(1, PEOPLE)), small()],
                  "acc": lambda: [small(), text(), small() + ".5", small()],
                  "moves": lambda: [small(), small(), small() + ".5"],
                  "tags": lambda: [text(), small(), text()],
                  "comp": lambda: [small(), text(), small()], "comp2": lambda: [small(), text(), small()],
                  "goods": lambda: [small(), small(), text()], "parts": lambda: [small(), str(self.r.randint(1, 4)), small()],
                  "countries": lambda: [small(), text(), date()], "docs": lambda: [uuid(), date(), small(), text()],
                  "days": lambda: [date(), small() + ".5", small(), uuid()], "sums": lambda: [small() + self.pick(".5", ".0", ""), small(), date()]}[table]
        return [str(v) for v in number()]

    def forms(self, table):
        """How a statement writes the values of each column: in one way, as programs do, so that some statements have nothing but constants, parameters and calls."""
        return [self.pick("%s", "parameter", *SAME.get(kind, []) + ([] if column in KEYS[table] + UNIQUE.get(table, []) else OTHER.get(kind, []) + ["DEFAULT", "any"]))
                for column, kind in TABLES[table]]

    def written(self, value, kind, form):
        if value == "NULL" or self.chance(0.1):
            return value
        if form == "any":
            return self.expr([], kind, 0)
        if form == "parameter":
            self.constants.append((kind, [value] * 7))
            return "\x01%d\x02" % (len(self.constants) - 1)
        return form % value if "%s" in form else form

    def values(self, table, count, computed=False):
        rows, seen, forms = [], set(), self.forms(table) if computed else ["%s"] * len(TABLES[table])
        for _ in range(count):
            row = self.row(table)
            unique = tuple(v for v, (c, _) in zip(row, TABLES[table]) if c in UNIQUE.get(table, []))
            if unique not in seen or not unique:
                seen.add(unique)
                rows.append("(%s)" % ", ".join(self.written(value, kind, form) for value, (_, kind), form in zip(row, TABLES[table], forms)))
        return ", ".join(rows)

    def columns_of(self, table, alias):
        return [("%s.%s" % (alias, c), kind, c in KEYS[table]) for c, kind in TABLES[table]]

    def returning(self, table, alias):
        if self.chance(0.5):
            return ""
        return " RETURNING " + self.pick(alias + ".*", self.expr([self.columns_of(table, alias)], self.pick("int", "text"), 0))

    def assignment(self, table, alias, scopes):
        column = self.pick(*FREE[table])
        kind = dict(TABLES[table])[column]
        if kind == "int" and self.chance(0.15):
            return "%s = %s(%s)" % (column, self.pick("vol", "vol", "stab"), self.expr(scopes, "int", 1))
        if len(FREE[table]) > 1 and self.chance(0.2):
            kinds = [dict(TABLES[table])[c] for c in FREE[table][:2]]
            sub, _ = self.query(1, scopes, kinds)
            return "(%s) = (SELECT %s, %s FROM (%s) s(x, y))" % (
                ", ".join(FREE[table][:2]), self.extreme("x", kinds[0]), self.extreme("y", kinds[1]), sub)
        return "%s = %s" % (column, self.pick(
            "%s.%s + 1" % (alias, column) if kind in ("int", "num", "date") else self.const(kind), self.const(kind),
            self.expr([self.columns_of(table, alias)], kind, 1)))

    def insert(self, table):
        if self.chance(0.25):
            # rows of another query: those of the table itself, moved away
            kinds = [kind for _, kind in TABLES[table]]
            if table in ("acc", "moves", "comp", "comp2", "tags", "docs", "days", "sums", "goods", "parts", "wide", "bags", "moods"):
                sub, _ = self.query(1, [], kinds)
                source = "SELECT DISTINCT ON (%s) * FROM (%s) s(%s) ORDER BY %s" % (
                    ", ".join(UNIQUE.get(table, KEYS[table][:1])), sub, ", ".join(c for c, _ in TABLES[table]),
                    ", ".join(UNIQUE.get(table, KEYS[table][:1]) + [c for c, _ in TABLES[table]]))
            else:
                source = "SELECT * FROM (VALUES %s) v WHERE %s" % (self.values(table, 3), self.pred([], 1))
        else:
            source = "VALUES " + self.values(table, self.pick(1, 1, 1, 3, 8, 20, 40), self.chance(0.5))
        conflict, x = "", self.r.random()
        target = "(%s)" % ", ".join(UNIQUE.get(table, []))
        if x < 0.4:
            conflict = " ON CONFLICT %sDO NOTHING" % (target + " " if table in UNIQUE and self.chance(0.5) else "")
        elif x < 0.8 and FREE[table] and table in UNIQUE:
            column = self.pick(*FREE[table])
            conflict = " ON CONFLICT %s DO UPDATE SET %s = %s" % (target, column, self.pick(
                "excluded." + column, "t." + column, self.const(dict(TABLES[table])[column]),
                "(SELECT count(*) FROM countries)" if dict(TABLES[table])[column] == "int" else "excluded." + column))
            if self.chance(0.3):
                conflict += " WHERE t.%s::text > '3'" % column
        return "INSERT INTO %s AS t %s%s%s" % (table, source, conflict, self.returning(table, "t"))

    def groups(self):
        """Groups, or different rows, of one table or two that are joined: a sub-SELECT for FROM, and its columns."""
        table, other = self.pick(*WRITTEN), self.pick(*WRITTEN)
        columns = self.columns_of(table, "s")
        keys = [self.pick(*columns) for _ in range(self.r.randint(1, 2))]
        kinds = [kind for _, kind, _ in keys]
        listed = ", ".join(column for column, _, _ in keys)
        pairs = [(a[0], b[0]) for a in columns for b in self.columns_of(other, "o") if a[1] == b[1]]
        source = "%s s" % table
        if pairs and self.chance(0.4):
            source += " %s %s o ON %s = %s" % ((self.pick("JOIN", "LEFT JOIN"), other) + self.r.choice(pairs))
        source += self.where([columns], 1) if self.chance(0.3) else ""
        if self.chance(0.7):
            kinds.append("int")
            text = "SELECT %s, count(*)::int FROM %s GROUP BY %s%s" % (listed, source, listed, self.pick("", "", " HAVING count(*) > 1"))
        else:
            text = "SELECT DISTINCT %s FROM %s" % (listed, source)
        if self.chance(0.15):
            text += " ORDER BY %s LIMIT %d" % (", ".join(str(i + 1) for i in range(len(kinds))), self.r.randint(1, 20))
        name = self.name()
        names = ["c%d" % i for i in range(len(kinds))]
        return "(%s) %s(%s)" % (text, name, ", ".join(names)), [("%s.%s" % (name, n), kind, False) for n, kind in zip(names, kinds)]

    def joined(self):
        return self.groups() if self.chance(0.3) else self.from_list([], 1, few=True)

    def update(self, table):
        own = self.columns_of(table, "t")
        if table in MOVED and self.chance(0.25):
            return self.move_rows(table, own)
        if not FREE[table]:
            return self.delete(table)
        sets = self.assignment(table, "t", [own])
        if self.chance(0.3):
            items, more = self.joined()
            key = self.pick(*[c for c in own if c[2]])
            join = [c for c in more if c[1] == key[1]] or [key]
            return "UPDATE %s t SET %s FROM %s%s" % (table, sets, items, self.where([own + more], 1, 1) or " WHERE true") + \
                " AND %s = %s%s" % (key[0], self.pick(*join)[0], self.returning(table, "t"))
        return "UPDATE %s t SET %s%s%s" % (table, sets, self.where([own], 1), self.returning(table, "t"))

    def move_rows(self, table, own):
        """An UPDATE of the shard key: rows go to other shards. At most one row if the key must stay unique."""
        column, step = MOVED[table], self.pick("%s + 100", "%s + 1", "%s - 100")
        kind = dict(TABLES[table])[column]
        value = step % ("t." + column) if kind in ("int", "num") else self.const(kind)
        where = self.where([own], 1) if table not in UNIQUE else " WHERE " + " AND ".join(
            "t.%s = %s" % (c, self.const(dict(TABLES[table])[c])) for c in UNIQUE[table])
        more = ", " + self.assignment(table, "t", [own]) if FREE[table] and self.chance(0.4) else ""
        if more.startswith(", (") or more.startswith(", %s =" % column):
            more = ""
        return "UPDATE %s t SET %s = %s%s%s%s" % (table, column, value, more, where, self.returning(table, "t"))

    def delete(self, table):
        own = self.columns_of(table, "t")
        if self.chance(0.3):
            items, more = self.joined()
            return "DELETE FROM %s t USING %s%s%s" % (table, items, self.where([own + more], 1, 1) or " WHERE false", self.returning(table, "t"))
        return "DELETE FROM %s t%s%s" % (table, self.where([own], 1, 1) or " WHERE false", self.returning(table, "t"))

    def merge(self, table):
        names = [c for c, _ in TABLES[table]]
        if not FREE[table] or table not in UNIQUE:
            return self.insert(table)
        source = "(VALUES %s) s(%s)" % (self.values(table, self.pick(1, 1, 3)), ", ".join(names))
        if self.chance(0.3) and "id" not in names and "photo_id" not in names:
            kinds = [kind for _, kind in TABLES[table]]
            source = "(SELECT DISTINCT ON (%s) * FROM (%s) s(%s) ORDER BY %s) s" % (
                ", ".join(UNIQUE[table]), self.query(1, [], kinds)[0], ", ".join(names), ", ".join(UNIQUE[table] + names))
        actions = [" WHEN MATCHED%s THEN %s" % (self.pick("", " AND t.%s::text > '4'" % FREE[table][0]), self.pick(
            "DELETE", "UPDATE SET %s = s.%s::%s" % (FREE[table][0], FREE[table][0], SQLTYPE[dict(TABLES[table])[FREE[table][0]]]), "DO NOTHING"))] if self.chance(0.8) else []
        if actions and " AND " in actions[0] and self.chance(0.4):
            actions.append(" WHEN MATCHED THEN %s" % self.pick("DELETE", "DO NOTHING"))
        if self.chance(0.2):
            actions.append(" WHEN NOT MATCHED AND s.%s IS NULL THEN DO NOTHING" % UNIQUE[table][0])
        if self.chance(0.8) or not actions:
            actions.append(" WHEN NOT MATCHED THEN INSERT VALUES (%s)" % ", ".join("s.%s::%s" % (c, SQLTYPE[kind]) for c, kind in TABLES[table]))
        on = " AND ".join("t.%s = s.%s::%s" % (c, c, SQLTYPE[dict(TABLES[table])[c]]) for c in UNIQUE[table])
        if self.chance(0.3):
            on += " AND t.%s = %s" % (KEYS[table][0], self.const(dict(TABLES[table])[KEYS[table][0]]))
        return "MERGE INTO %s t USING %s ON %s%s" % (table, source, on, "".join(actions))

    def write(self):
        self.start()
        table = self.pick(*WRITTEN)
        if self.chance(0.7):
            self.group = [table, table, "countries"]
        sql = self.pick(self.insert, self.insert, self.update, self.update, self.delete, self.merge)(table)
        if self.chance(0.12) and not sql.startswith("MERGE") and "RETURNING t.*" in sql:
            sql = "WITH w AS (%s) SELECT %s" % (sql, self.pick("* FROM w", "count(*) FROM w", "w.* FROM w JOIN %s x ON x.%s = w.%s" % (
                table, KEYS[table][0], KEYS[table][0]), "(SELECT count(*) FROM w), count(*) FROM countries"))
        return Statement(sql, self.constants, self.home)
