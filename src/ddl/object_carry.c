/*
 * object_carry.c
 *	  Carries statements over schemas, types, functions, views, extensions and the like to
 *	  every node.
 *
 * On the coordinator: lock the catalog of the cluster; run the statement as
 * PostgreSQL does; if it made something that needs what exists here only
 * (object_definition.c), it stays here; else send it to the other nodes, in the
 * distributed transaction. A statement that changes or drops objects is looked
 * at before: it travels unless all it names are of this node only.
 *
 * On the others: the text runs with the schemas that the coordinator searches. What
 * is to be made and is there already with the same definition is left alone; with
 * another, PostgreSQL says so (CREATE OR REPLACE apart). What is to be changed or
 * dropped and is not there, or needs what exists there only, is passed over. No
 * CASCADE of another node reaches ordinary tables.
 *
 * An extension is made in the version that it has here; its members are its script's business, on each node.
 *
 * What it does not do: objects of extensions while CREATE EXTENSION runs, statements in
 * sessions that other nodes have opened (there they are local), kinds of doc/limits.md.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_cast.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/settings.h"
#include "catalog/node_map.h"
#include "ddl/default_rights.h"
#include "ddl/object_carry.h"
#include "ddl/object_definition.h"
#include "ddl/object_targets.h"
#include "ddl/other_nodes.h"
#include "ddl/shard_apply.h"
#include "dxact/dxact.h"

/* New objects of one class, while a statement runs. */
typedef struct MadeObjects
{
	Oid			classid;
	Oid			first;
	Oid			last;
} MadeObjects;

static MadeObjects *watched = NULL;
static bool receiving = false;

void
object_carry_note(Oid classid, Oid object)
{
	if (watched == NULL || watched->classid != classid)
		return;
	if (!OidIsValid(watched->first))
		watched->first = object;
	watched->last = object;
}

bool
object_carry_is_receiving(void)
{
	return receiving;
}

/* ------------------------------------------------------------------------
 * On the coordinator
 * ------------------------------------------------------------------------
 */

/* Is this a session whose statements travel at all? */
static bool
session_carries(void)
{
	/* whoever changes what initdb has made means this server */
	return setting_carry_objects && !allowSystemTableMods && !session_is_forwarded() && !creating_extension &&
		!XactReadOnly && !RecoveryInProgress() && list_length(node_list()) > 1;
}

static bool
any_everywhere(List *targets)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		const ObjectAddress *target = lfirst(lc);

		/* IF EXISTS: it may be on another node */
		if (!OidIsValid(target->objectId) || !object_is_local(target))
			return true;
	}
	return false;
}

static void
run_as_is(void *call, Node *statement)
{
	utility_run_as_is(call, statement);
}

/* The statement on this node; returns what it has made, of the class. */
static ObjectAddress
run_watched(UtilityCall *call, Oid classid)
{
	MadeObjects made = {classid};
	MadeObjects *outer = watched;
	Node	   *statement = call->pstmt->utilityStmt;
	Node	   *original = copyObject(statement);

	watched = &made;
	PG_TRY();
	{
		/* checks the rows of all tables with such columns: those of shards are in the shard tables */
		if (IsA(statement, AlterDomainStmt))
			ddl_stand_aside(run_as_is, call, statement);
		else
			utility_run_as_is(call, statement);
	}
	PG_FINALLY();
	{
		watched = outer;
	}
	PG_END_TRY();
	CommandCounterIncrement();
	return OidIsValid(classid) ? object_made(original, made.first, made.last) : InvalidObjectAddress;
}

/* The schemas searched, in order; those of temporary objects are nobody else's. */
static List *
schemas_searched(void)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, fetch_search_path(false))
	{
		if (!isAnyTempNamespace(lfirst_oid(lc)))
			names = lappend(names, get_namespace_name(lfirst_oid(lc)));
	}
	return names;
}

static Oid
schema_owner(Oid schema)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema %u", schema);
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* CREATE SCHEMA without what it contains, which stays here. */
static char *
schema_text(const CreateSchemaStmt *stmt, Oid schema)
{
	return psprintf("CREATE SCHEMA %s%s AUTHORIZATION %s", stmt->if_not_exists ? "IF NOT EXISTS " : "",
					quote_identifier(get_namespace_name(schema)),
					quote_identifier(GetUserNameFromId(schema_owner(schema), false)));
}

/* What the other nodes run: the text of the statement, or what it means here. */
static char *
text_to_send(UtilityCall *call, const ObjectAddress *made)
{
	Node	   *statement = call->pstmt->utilityStmt;

	switch (nodeTag(statement))
	{
		case T_CreateSchemaStmt:
			return schema_text(castNode(CreateSchemaStmt, statement), made->objectId);
		case T_CreateExtensionStmt:
			/* what it requires may be here already, and not there */
			return extension_statement(castNode(CreateExtensionStmt, statement)->extname,
									   castNode(CreateExtensionStmt, statement)->if_not_exists ?
									   "CREATE EXTENSION IF NOT EXISTS %1$I SCHEMA %2$I VERSION %3$L CASCADE" :
									   "CREATE EXTENSION %1$I SCHEMA %2$I VERSION %3$L CASCADE");
		case T_AlterExtensionStmt:
			return extension_statement(castNode(AlterExtensionStmt, statement)->extname,
									   "ALTER EXTENSION %1$I UPDATE TO %3$L");
		default:
			return utility_text(call);
	}
}

static void
send(const char *text, List *path, const ObjectAddress *made)
{
	RemoteCall	call = {"SELECT shardext.internal_object($1, $2, $3, $4, $5, $6, $7)"};
	bool		is_made = OidIsValid(made->objectId);

	remote_call_text(&call, text);
	remote_call_texts(&call, path);
	remote_call_text(&call, GetUserNameFromId(GetSessionUserId(), false));
	remote_call_text(&call, is_made ? get_rel_name(made->classId) : NULL);
	remote_call_text(&call, is_made ? object_identity(made) : NULL);
	remote_call_text(&call, is_made ? object_definition(made) : NULL);
	remote_call_text(&call, is_made ? object_rights(made) : NULL);
	remote_call_everywhere(&call);
}

bool
object_carry(UtilityCall *call)
{
	Node	   *statement = call->pstmt->utilityStmt;
	Oid			classid = object_made_class(statement);
	ObjectAddress made;
	List	   *path;

	if (!session_carries() || (!OidIsValid(classid) && !any_everywhere(object_targets(statement))))
		return false;
	dxact_lock_catalog();
	path = schemas_searched();
	made = run_watched(call, classid);
	if (OidIsValid(classid) && (!OidIsValid(made.objectId) || object_is_local(&made)))
		return true;
	send(text_to_send(call, &made), path, &made);
	return true;
}

void
object_carry_done(Oid view, const char *text)
{
	ObjectAddress object;

	ObjectAddressSet(object, RelationRelationId, view);
	if (!session_carries() || object_is_local(&object))
		return;
	dxact_lock_catalog();
	send(text, schemas_searched(), &InvalidObjectAddress);
}

/* ------------------------------------------------------------------------
 * On the others
 * ------------------------------------------------------------------------
 */

static bool
is_everywhere(const ObjectAddress *object)
{
	return !object_is_local(object);
}

/* SESSION_USER is the client's. */
static void
bind_role(RoleSpec *role, char *session_user)
{
	if (role == NULL || role->roletype != ROLESPEC_SESSION_USER)
		return;
	role->roletype = ROLESPEC_CSTRING;
	role->rolename = session_user;
}

static void
bind_roles(Node *statement, char *session_user)
{
	ListCell   *lc;

	if (IsA(statement, AlterOwnerStmt))
		bind_role(castNode(AlterOwnerStmt, statement)->newowner, session_user);
	else if (IsA(statement, AlterTableStmt))
	{
		foreach(lc, castNode(AlterTableStmt, statement)->cmds)
			bind_role(lfirst_node(AlterTableCmd, lc)->newowner, session_user);
	}
	else if (IsA(statement, GrantStmt))
	{
		foreach(lc, castNode(GrantStmt, statement)->grantees)
			bind_role(lfirst_node(RoleSpec, lc), session_user);
		bind_role(castNode(GrantStmt, statement)->grantor, session_user);
	}
}

/* Names mean here what they mean there, and bodies of functions were checked there. */
static int
push_settings(List *path)
{
	int			nestlevel = NewGUCNestLevel();
	StringInfoData schemas;
	ListCell   *lc;

	initStringInfo(&schemas);
	foreach(lc, path)
		appendStringInfo(&schemas, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 quote_identifier(lfirst(lc)));
	setting_save("search_path", schemas.data);
	setting_save("check_function_bodies", "off");
	if (client_min_messages < WARNING)
		setting_save("client_min_messages", "warning");
	return nestlevel;
}

typedef struct Making
{
	Node	   *statement;
	const ObjectOrder *order;
} Making;

static void
run_making(void *arg)
{
	Making	   *making = arg;

	ddl_run_guarded(making->statement, making->order->statement);
	CommandCounterIncrement();
}

static void
run_rights(const ObjectOrder *order)
{
	ListCell   *lc;

	if (order->rights == NULL)
		return;
	foreach(lc, raw_parser(order->rights, RAW_PARSE_DEFAULT))
	{
		ddl_run_guarded((Node *) castNode(GrantStmt, lfirst_node(RawStmt, lc)->stmt), order->rights);
		CommandCounterIncrement();
	}
}

static void
require_made(const ObjectOrder *order, Oid classid)
{
	if (order->definition == NULL || OidIsValid(object_by_identity(classid, order->identity)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_SCHEMA),
			 errmsg("%s would be made in another schema on node \"%s\"", order->identity, node_name(node_self())),
			 errdetail("The schemas of search_path do not all exist there."),
			 errhint("Create the schema on all nodes, or write it before the name.")));
}

static void
receive_made(Node *statement, const ObjectOrder *order)
{
	ObjectAddress there = InvalidObjectAddress;
	Making		making = {statement, order};
	char	   *definition;

	ObjectAddressSet(there, get_relname_relid(order->catalog, PG_CATALOG_NAMESPACE), InvalidOid);
	there.objectId = object_by_identity(there.classId, order->identity);
	if (OidIsValid(there.objectId))
	{
		definition = object_definition(&there);
		if (object_may_exist(statement) || definition == NULL || order->definition == NULL ||
			strcmp(definition, order->definition) != 0)
			run_making(&making);
		return;
	}
	default_rights_run_without(run_making, &making);
	if (there.classId != CastRelationId)
		require_made(order, there.classId);
	run_rights(order);
}

void
object_carry_receive(const ObjectOrder *order)
{
	Node	   *statement = linitial(ddl_parse(list_make1(order->statement)));
	int			nestlevel = push_settings(order->path);
	bool		was_receiving = receiving;

	bind_roles(statement, order->session_user);
	receiving = true;
	PG_TRY();
	{
		if (order->identity != NULL && order->catalog != NULL)
			receive_made(statement, order);
		else if (object_targets_filter(statement, is_everywhere))
		{
			if (IsA(statement, AlterDomainStmt))
				ddl_run(statement, order->statement);
			else
				ddl_run_guarded(statement, order->statement);
		}
	}
	PG_FINALLY();
	{
		receiving = was_receiving;
	}
	PG_END_TRY();
	AtEOXact_GUC(true, nestlevel);
}
