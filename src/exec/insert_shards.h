/*
 * insert_shards.h
 *	  Custom Scan (Shard Insert): rows of a child plan, each inserted into its
 *	  shard.
 */
#ifndef SHARDEXT_INSERT_SHARDS_H
#define SHARDEXT_INSERT_SHARDS_H

#include "postgres.h"
#include "base/errors.h"
#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

#include "exec/kept_plan.h"
#include "exec/node_work.h"

/* Number of rows of a statement that takes them as arrays, or from the tuplestore INSERT_ROWS_TABLE. */
#define INSERT_ANY_ROWS		0

/*
 * The statement for a batch of nrows rows, which gives a value for each column
 * of InsertForm.attnos but those whose position (from 0) is in made_by_owner.
 * Parameters first_param + 1 ... are the values, row by row;
 * with INSERT_ANY_ROWS an array per column and one of the rows' shards.
 */
typedef struct InsertShape
{
	const char *remote_sql;
	List	   *remote_params;	/* expressions for $1.. of remote_sql, the values' Params among them */
	Query	   *local_query;
} InsertShape;

/* What stays the same for all batches of one INSERT, or of rows changed by their ctid (exec/modify_rows.h). */
typedef struct InsertForm
{
	CmdType		command;
	Oid			table;
	Query	   *text_query;		/* as the user wrote it: the text for other nodes is made from it */
	Query	   *run_query;		/* rewritten: what runs in local shards is made from it */
	List	   *attnos;			/* int list: columns whose values the child plan computes, in its order */
	bool		everywhere;		/* a reference table: every row goes to every node, in order */
	int			first_param;	/* values of a batch are the parameters after this one */

	/* INSERT into a sharded table: the statement for any number of rows that give all of attnos, made with the plan. */
	const InsertShape *whole;
	KeptPlan   *whole_plan;		/* what its local plan is kept in */

	/*
	 * UPDATE and DELETE: attnos are ctid, the columns assigned, and 0 for the row's ordinal if rows are returned:
	 * these Vars of the table, as the row is afterwards, and the ordinal.
	 */
	List	   *returned;
	WorkMeter  *meter;			/* of the execution; NULL: nothing is measured */
} InsertForm;

typedef const InsertShape *(*InsertShapeMaker) (const InsertForm *form, const Bitmapset *made_by_owner, int nrows);

/* plan registers how a shape is made (it needs SQL text). */
extern void insert_shards_set_maker(InsertShapeMaker maker);
extern InsertShapeMaker insert_shards_maker(void);

typedef struct InsertParts
{
	InsertForm	form;
	Plan	   *child;			/* yields the values of form.attnos */
	const char *query_string;
	List	   *target_list;	/* what the batches return, or NIL */
	List	   *result;			/* RETURNING over that (INDEX_VAR) if it is evaluated here; NIL: it is that */
	bool		spool;			/* read the child to its end before the first row is written */
	bool		one_statement;	/* ON CONFLICT DO UPDATE: all rows of a shard in one statement */
	bool		here;			/* on a node that was sent the rows: behind form.attnos comes the row's shard */
} InsertParts;

extern CustomScan *insert_shards_make(const InsertParts *parts);
extern void insert_shards_preload(void);

#endif
