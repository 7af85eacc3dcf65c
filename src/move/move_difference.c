/*
 * move_difference.c
 *	  Where a copy differs from its table: ranges of keys, as rows of
 *	  shardext.catalog_job_difference, which only those may read who may read all.
 *
 * The range of all keys is cut into pieces of equal numbers of the source's rows,
 * both sides are counted and hashed piece by piece, and pieces that differ are cut
 * again until they are small. All of it happens under the snapshots under which the
 * difference was found. Texts are ordered by their bytes: two servers need not
 * agree about anything else.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "move/move_difference.h"
#include "utils/builtins.h"

#define PIECES			64
#define SMALL_ROWS		16		/* are not cut again */
#define MAX_DEPTH		5
#define MAX_RANGES		100		/* of one table */

/* The first column of the primary key, or else of the shard key if its type has an order. */
#define KEY_QUERY \
	"SELECT quote_ident(a.attname) || CASE WHEN a.attcollation <> 0 THEN ' COLLATE \"C\"' ELSE '' END," \
	" format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END, -1), quote_ident(a.attname)" \
	" FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid" \
	" LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary" \
	" WHERE c.oid = %s::regclass AND t.typcategory <> 'A'" \
	" AND CASE WHEN i.indkey IS NOT NULL THEN a.attnum = i.indkey[0] ELSE t.typname IN" \
	"  ('int2', 'int4', 'int8', 'numeric', 'text', 'varchar', 'uuid', 'date', 'timestamp', 'timestamptz')" \
	"  AND a.attnum = (SELECT min(s.keys[1]) FROM shardext.catalog_table s JOIN pg_class r ON r.oid = s.relation" \
	"   WHERE s.kind = 'sharded' AND r.relname = c.relname) END"

typedef struct Search
{
	MoveLink   *source;
	MoveLink   *target;
	int64		job;
	const char *table;			/* quoted */
	const char *hash;			/* of a row, which is ROW_NAME */
	char	   *key;			/* an expression over the table's columns; NULL: there is none */
	char	   *type;
	char	   *column;			/* quoted */
	int			nfound;
} Search;

/* Keys from from to before to, in text form; NULL: no bound. */
typedef struct Range
{
	const char *from;
	const char *to;
} Range;

/* Of a piece on both sides: rows, and the sum of their hashes. */
typedef struct Piece
{
	int64		rows[2];
	char	   *sums[2];
} Piece;

static void
find_key(Search *search)
{
	PGresult   *row = move_link_rows(search->source, KEY_QUERY, quote_literal_cstr(search->table));

	if (PQntuples(row) == 1)
	{
		search->key = pstrdup(PQgetvalue(row, 0, 0));
		search->type = pstrdup(PQgetvalue(row, 0, 1));
		search->column = pstrdup(PQgetvalue(row, 0, 2));
	}
	PQclear(row);
}

static char *
literal_or_null(const char *value)
{
	return value ? quote_literal_cstr(value) : pstrdup("NULL");
}

static char *
condition(const Search *search, Range range)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, "true");
	if (range.from != NULL)
		appendStringInfo(&text, " AND %s >= %s::%s", search->key, quote_literal_cstr(range.from), search->type);
	if (range.to != NULL)
		appendStringInfo(&text, " AND %s < %s::%s", search->key, quote_literal_cstr(range.to), search->type);
	return text.data;
}

static void
note(Search *search, Range range, const Piece *piece)
{
	int			n;

	(void) job_rows(&n, "INSERT INTO shardext.catalog_job_difference VALUES (" INT64_FORMAT ", %s, %s, %s, %s, "
					INT64_FORMAT ", " INT64_FORMAT ") RETURNING 1", search->job, quote_literal_cstr(search->table),
					literal_or_null(search->column), literal_or_null(range.from), literal_or_null(range.to),
					piece->rows[0], piece->rows[1]);
	search->nfound++;
}

/* The least key of each piece but the first, in text form; what is equal comes once. */
static List *
cut(const Search *search, Range range)
{
	List	   *bounds = NIL;
	PGresult   *rows = move_link_rows(search->source, "SELECT DISTINCT key, key::text FROM (SELECT (%s)::%s AS key,"
									  " row_number() OVER (ORDER BY %s) - 1 AS number, count(*) OVER () AS n"
									  " FROM ONLY %s WHERE %s IS NOT NULL AND %s) s"
									  " WHERE number > 0 AND number %% greatest(n / %d, 1) = 0 ORDER BY 1",
									  search->key, search->type, search->key, search->table, search->key,
									  condition(search, range), PIECES);

	for (int i = 0; i < PQntuples(rows); i++)
		bounds = lappend(bounds, pstrdup(PQgetvalue(rows, i, 1)));
	PQclear(rows);
	return bounds;
}

/* Piece 0 is before the first bound; the last has rows without a key. */
static void
weigh(const Search *search, Range range, List *bounds, Piece *pieces, int side)
{
	StringInfoData array;
	PGresult   *rows;
	ListCell   *lc;

	initStringInfo(&array);
	foreach(lc, bounds)
		appendStringInfo(&array, "%s%s", array.len == 0 ? "" : ", ", quote_literal_cstr(lfirst(lc)));
	rows = move_link_rows(side == 0 ? search->source : search->target,
						  "SELECT coalesce(width_bucket(%s, ARRAY[%s]::%s[]), %d), count(*), sum(%s)"
						  " FROM ONLY %s AS " ROW_NAME " WHERE %s GROUP BY 1", search->key, array.data, search->type,
						  list_length(bounds) + 1, search->hash, search->table, condition(search, range));
	for (int i = 0; i < PQntuples(rows); i++)
	{
		Piece	   *piece = &pieces[atoi(PQgetvalue(rows, i, 0))];

		piece->rows[side] = strtoll(PQgetvalue(rows, i, 1), NULL, 10);
		piece->sums[side] = pstrdup(PQgetvalue(rows, i, 2));
	}
	PQclear(rows);
}

static bool
is_equal(const Piece *piece)
{
	return piece->rows[0] == piece->rows[1] &&
		(piece->rows[0] == 0 || strcmp(piece->sums[0], piece->sums[1]) == 0);
}

static void
search_range(Search *search, Range range, int depth)
{
	List	   *bounds = cut(search, range);
	int			n = list_length(bounds);
	Piece	   *pieces = palloc0((n + 2) * sizeof(Piece));

	weigh(search, range, bounds, pieces, 0);
	weigh(search, range, bounds, pieces, 1);
	for (int i = 0; i <= n && search->nfound < MAX_RANGES; i++)
	{
		Range		part = {
			.from = i == 0 ? range.from : list_nth(bounds, i - 1),
			.to = i == n ? range.to : list_nth(bounds, i)
		};

		if (is_equal(&pieces[i]))
			continue;
		if (n == 0 || depth == MAX_DEPTH || Max(pieces[i].rows[0], pieces[i].rows[1]) <= SMALL_ROWS)
			note(search, part, &pieces[i]);
		else
			search_range(search, part, depth + 1);
	}
	if (!is_equal(&pieces[n + 1]))
		note(search, (Range) {NULL, NULL}, &pieces[n + 1]);
}

void
move_difference_note(MoveRun *run, MoveLink *source, MoveLink *target, const char *table, const char *hash)
{
	Search		search = {
		.source = source, .target = target, .job = run->job->number, .table = table, .hash = hash
	};

	find_key(&search);
	if (search.key != NULL)
		search_range(&search, (Range) {NULL, NULL}, 1);
	if (search.nfound == 0)
	{
		/* no key to tell rows by */
		const char *count = psprintf("SELECT count(*) FROM ONLY %s", table);
		Piece		all = {
			.rows = {strtoll(move_link_value(source, "%s", count), NULL, 10),
			strtoll(move_link_value(target, "%s", count), NULL, 10)}
		};

		note(&search, (Range) {NULL, NULL}, &all);
	}
}
