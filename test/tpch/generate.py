"""TPC-H's eight tables, filled by SQL: the published columns, numbers of rows, keys and value rules.

statements(scale) are to be run in this order on tables made by schema.sql. Every value follows from its row's key, so
that the same scale always gives the same rows. Comments are cut from a text of our own: results are not comparable with
published ones.
"""
import random

NATIONS = """ALGERIA 0, ARGENTINA 1, BRAZIL 1, CANADA 1, EGYPT 4, ETHIOPIA 0, FRANCE 3, GERMANY 3, INDIA 2, INDONESIA 2,
    IRAN 4, IRAQ 4, JAPAN 2, JORDAN 4, KENYA 0, MOROCCO 0, MOZAMBIQUE 0, PERU 1, CHINA 2, ROMANIA 3, SAUDI ARABIA 4,
    VIETNAM 2, RUSSIA 3, UNITED KINGDOM 3, UNITED STATES 1"""
REGIONS = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"]
COLOURS = """almond antique aquamarine azure beige bisque black blanched blue blush brown burlywood burnished chartreuse
    chiffon chocolate coral cornflower cornsilk cream cyan dark deep dim dodger drab firebrick floral forest frosted
    gainsboro ghost goldenrod green grey honeydew hot indian ivory khaki lace lavender lawn lemon light lime linen
    magenta maroon medium metallic midnight mint misty moccasin navajo navy olive orange orchid pale papaya peach peru
    pink plum powder puff purple red rose rosy royal saddle salmon sandy seashell sienna sky slate smoke snow spring
    steel tan thistle tomato turquoise violet wheat white yellow""".split()
TYPES = ["STANDARD SMALL MEDIUM LARGE ECONOMY PROMO".split(), "ANODIZED BURNISHED PLATED POLISHED BRUSHED".split(),
         "TIN NICKEL BRASS STEEL COPPER".split()]
CONTAINERS = ["SM LG MED JUMBO WRAP".split(), "CASE BOX BAG JAR PKG PACK CAN DRUM".split()]
SEGMENTS = "AUTOMOBILE BUILDING FURNITURE MACHINERY HOUSEHOLD".split()
PRIORITIES = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"]
INSTRUCTIONS = ["DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"]
MODES = ["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"]
WORDS = """accounts asymptotes deposits dolphins excuses foxes ideas instructions packages pinto beans platelets requests
    theodolites special express regular final ironic pending silent unusual bold carefully quickly slyly furiously
    cajole detect haggle integrate nag sleep use wake about above across after along among around""".split()

FUNCTIONS = """
CREATE FUNCTION pg_temp.draw(key bigint, salt int, low bigint, high bigint) RETURNS bigint IMMUTABLE LANGUAGE sql
    AS 'SELECT low + (hashint8extended(key, salt) & 9007199254740991) % (high - low + 1)';
CREATE FUNCTION pg_temp.one_of(key bigint, salt int, words text[]) RETURNS text IMMUTABLE LANGUAGE sql
    AS 'SELECT words[pg_temp.draw(key, salt, 1, array_length(words, 1))]';
CREATE FUNCTION pg_temp.comment(key bigint, salt int, low int, high int) RETURNS text IMMUTABLE LANGUAGE sql
    AS 'SELECT rtrim(substr({pool}, pg_temp.draw(key, salt, 1, 1900)::int, pg_temp.draw(key, salt + 1, low, high)::int))';
CREATE FUNCTION pg_temp.phone(key bigint, nation bigint) RETURNS text IMMUTABLE LANGUAGE sql
    AS 'SELECT (nation + 10) || ''-'' || pg_temp.draw(key, 91, 100, 999) || ''-'' || pg_temp.draw(key, 92, 100, 999)
        || ''-'' || pg_temp.draw(key, 93, 1000, 9999)';
CREATE FUNCTION pg_temp.price(part bigint) RETURNS numeric IMMUTABLE LANGUAGE sql
    AS 'SELECT (90000 + part / 10 % 20001 + 100 * (part % 1000)) / 100.0';
CREATE FUNCTION pg_temp.supplier_of(part bigint, i bigint) RETURNS bigint IMMUTABLE LANGUAGE sql
    AS 'SELECT (part + i * ({suppliers} / 4 + (part - 1) / {suppliers} % ({suppliers} / 12 + 1))) % {suppliers} + 1';
"""

SMALL = """
INSERT INTO region SELECT i - 1, {regions}[i], pg_temp.comment(i, 1, 31, 115) FROM generate_series(1, 5) i;
INSERT INTO nation SELECT n - 1, rtrim({nations}[n], ' 0123456789'), right({nations}[n], 1)::int, pg_temp.comment(n, 2, 31, 114)
FROM generate_series(1, 25) n;
INSERT INTO supplier
SELECT k, 'Supplier#' || lpad(k::text, 9, '0'), pg_temp.comment(k, 3, 10, 40), n, pg_temp.phone(k, n),
    pg_temp.draw(k, 5, -99999, 999999) / 100.0,
    CASE k % 500 WHEN 7 THEN 'Customer ' WHEN 9 THEN 'Customer ' ELSE '' END || pg_temp.comment(k, 6, 25, 80) ||
    CASE k % 500 WHEN 7 THEN ' Complaints' WHEN 9 THEN ' Recommends' ELSE '' END
FROM generate_series(1, {suppliers}) k, LATERAL (SELECT pg_temp.draw(k, 4, 0, 24) AS n) AS drawn;
INSERT INTO part
SELECT k, concat_ws(' ', {colours}[1 + a], {colours}[1 + (a + b) % 92], {colours}[1 + (a + 2 * b) % 92],
        {colours}[1 + (a + 3 * b) % 92], {colours}[1 + (a + 4 * b) % 92]),
    'Manufacturer#' || m, 'Brand#' || m || pg_temp.draw(k, 11, 1, 5),
    concat_ws(' ', pg_temp.one_of(k, 12, {types0}), pg_temp.one_of(k, 13, {types1}), pg_temp.one_of(k, 14, {types2})),
    pg_temp.draw(k, 15, 1, 50), concat_ws(' ', pg_temp.one_of(k, 16, {containers0}), pg_temp.one_of(k, 17, {containers1})),
    pg_temp.price(k), pg_temp.comment(k, 18, 5, 22)
FROM generate_series(1, {parts}) k,
    LATERAL (SELECT pg_temp.draw(k, 8, 0, 91) AS a, pg_temp.draw(k, 9, 1, 22) AS b, pg_temp.draw(k, 10, 1, 5) AS m) AS drawn;
INSERT INTO partsupp
SELECT k, pg_temp.supplier_of(k, i), pg_temp.draw(4 * k + i, 20, 1, 9999), pg_temp.draw(4 * k + i, 21, 100, 100000) / 100.0,
    pg_temp.comment(4 * k + i, 22, 49, 198)
FROM generate_series(1, {parts}) k, generate_series(0, 3) i;
INSERT INTO customer
SELECT k, 'Customer#' || lpad(k::text, 9, '0'), pg_temp.comment(k, 25, 10, 40), n, pg_temp.phone(k, n),
    pg_temp.draw(k, 27, -99999, 999999) / 100.0, pg_temp.one_of(k, 28, {segments}), pg_temp.comment(k, 29, 29, 116)
FROM generate_series(1, {customers}) k, LATERAL (SELECT pg_temp.draw(k, 26, 0, 24) AS n) AS drawn;
"""

LARGE = """
INSERT INTO lineitem
SELECT o, part, pg_temp.supplier_of(part, pg_temp.draw(k, 34, 0, 3)), line, quantity, quantity * pg_temp.price(part),
    pg_temp.draw(k, 35, 0, 10) / 100.0, pg_temp.draw(k, 36, 0, 8) / 100.0,
    CASE WHEN receipt <= date '1995-06-17' THEN pg_temp.one_of(k, 37, '{{R,A}}') ELSE 'N' END,
    CASE WHEN ship > date '1995-06-17' THEN 'O' ELSE 'F' END,
    ship, ordered + pg_temp.draw(k, 38, 30, 90)::int, receipt,
    pg_temp.one_of(k, 39, {instructions}), pg_temp.one_of(k, 40, {modes}), pg_temp.comment(k, 41, 10, 43)
FROM generate_series(0, {orders} - 1) i,
    LATERAL (SELECT i / 8 * 32 + i % 8 + 1 AS o) AS keys,
    LATERAL (SELECT date '1992-01-01' + pg_temp.draw(o, 50, 0, 2405)::int AS ordered) AS dates,
    LATERAL generate_series(1, pg_temp.draw(o, 51, 1, 7)) line,
    LATERAL (SELECT 8 * o + line AS k) AS lines,
    LATERAL (SELECT pg_temp.draw(k, 30, 1, {parts}) AS part, pg_temp.draw(k, 31, 1, 50) AS quantity,
        ordered + pg_temp.draw(k, 32, 1, 121)::int AS ship) AS drawn,
    LATERAL (SELECT ship + pg_temp.draw(k, 33, 1, 30)::int AS receipt) AS receipts;
INSERT INTO orders
SELECT o, 3 * pg_temp.draw(o, 52, 0, ({customers} - 2) / 3) + pg_temp.draw(o, 53, 1, 2), status, total,
    date '1992-01-01' + pg_temp.draw(o, 50, 0, 2405)::int, pg_temp.one_of(o, 54, {priorities}),
    'Clerk#' || lpad(pg_temp.draw(o, 55, 1, {clerks})::text, 9, '0'), 0, pg_temp.comment(o, 56, 19, 78)
FROM (SELECT l_orderkey AS o, CASE WHEN min(l_linestatus) = max(l_linestatus) THEN min(l_linestatus) ELSE 'P' END AS status,
        round(sum(l_extendedprice * (1 + l_tax) * (1 - l_discount)), 2) AS total
    FROM lineitem GROUP BY l_orderkey) AS sums;
"""


def array(words):
    return "'{%s}'::text[]" % ",".join(words)


def statements(scale):
    pool = random.Random(1)
    values = dict(
        suppliers=max(int(10000 * scale), 4), parts=int(200000 * scale), customers=int(150000 * scale) // 3 * 3,
        orders=int(1500000 * scale), clerks=max(int(1000 * scale), 1),
        pool="''%s''" % " ".join(pool.choice(WORDS) for _ in range(400))[:2100],
        regions="(%s)" % array(REGIONS), nations="(%s)" % array(" ".join(NATIONS.split()).split(", ")),
        colours="(%s)" % array(COLOURS), segments=array(SEGMENTS), priorities=array(PRIORITIES),
        instructions=array(INSTRUCTIONS), modes=array(MODES),
        types0=array(TYPES[0]), types1=array(TYPES[1]), types2=array(TYPES[2]),
        containers0=array(CONTAINERS[0]), containers1=array(CONTAINERS[1]))
    return [part.format(**values) for part in (FUNCTIONS, SMALL, LARGE)]
