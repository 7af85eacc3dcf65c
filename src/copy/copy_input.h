/*
 * copy_input.h
 *	  What COPY FROM reads: rows of a table, column by column as far as they are
 *	  needed.
 */
#ifndef SHARDEXT_COPY_INPUT_H
#define SHARDEXT_COPY_INPUT_H

#include "postgres.h"
#include "access/attnum.h"
#include "commands/copyfrom_internal.h"
#include "nodes/execnodes.h"
#include "parser/parse_node.h"

/* Who computes a column that the input does not have? */
typedef enum CopyDefaultKind
{
	COPY_DEFAULT_ANYWHERE,		/* the same value on every node: whoever stores the row */
	COPY_DEFAULT_HERE,			/* the coordinator (now(), sequences, volatile functions) */
	COPY_DEFAULT_OWNER			/* the row's owner, in the row's shard: next_id() */
} CopyDefaultKind;

typedef struct CopyDefault
{
	AttrNumber	attno;
	CopyDefaultKind kind;
	ExprState  *expr;
} CopyDefault;

typedef struct CopyInput
{
	/* what is read */
	CopyFromState cstate;
	Relation	table;
	List	   *range_table;	/* the table's entry */
	List	   *permissions;	/* PostgreSQL 16+ */
	bool		raw;			/* text or csv: fields are converted when asked for */
	bool		numbered;		/* lines begin with a field of ours: their number in the client's input */
	bool		single;			/* expressions may look at the table: store each row before reading the next */

	/* "COPY t, line n" of errors, while it is on the stack */
	ErrorContextCallback context;

	/* columns */
	int			nsupplied;
	AttrNumber *supplied;		/* in the order of the input */
	int		   *field_of;		/* by attribute number - 1: index into supplied, -1 */
	int			ndefaults;
	CopyDefault *defaults;
	int		   *default_of;		/* by attribute number - 1: index into defaults, -1 */

	/* evaluation */
	EState	   *estate;
	ExprContext *econtext;
	ExprState  *where;
	TupleTableSlot *where_slot;

	/* the current row */
	char	  **fields;			/* raw: of supplied columns */
	Datum	   *values;
	bool	   *nulls;
	bool	   *known;			/* values and nulls are set */
} CopyInput;

/*
 * Begin reading. The caller has checked rights and holds the table's lock;
 * attlist, options, whereClause, filename as in CopyStmt (where transformed).
 */
extern CopyInput *copy_input_begin(ParseState *pstate, const CopyStmt *stmt, Relation table, Node *where);

/*
 * Errors name the line that is being read, or no longer: put the context on top
 * of the stack; take it off again (does nothing if that has been done).
 */
extern void copy_input_push_context(CopyInput *input);
extern void copy_input_pop_context(CopyInput *input);

/* Next row; false at the end of the input. Values live in the per-tuple context. */
extern bool copy_input_next(CopyInput *input);

/* The value of one column of the current row. */
extern Datum copy_input_value(CopyInput *input, AttrNumber attno, bool *isnull);

/* Give a column of the current row a value that does not depend on memory: not asked for yet, and not supplied. */
extern void copy_input_set(CopyInput *input, AttrNumber attno, Datum value);

/* All columns (values and nulls), apart from defaults of kind OWNER if those are left out. */
extern void copy_input_complete(CopyInput *input, bool owner_too);

/* The text of supplied column i as it came, NULL options applied; NULL for SQL NULL. Raw input only. */
extern const char *copy_input_field(CopyInput *input, int i);

/* Does the row satisfy WHERE? */
extern bool copy_input_matches(CopyInput *input);

extern void copy_input_end(CopyInput *input);

#endif
