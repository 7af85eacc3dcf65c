/*
 * planner_hook.h
 *	  Where PostgreSQL hands us statements: parse analysis and planning.
 *
 * The ways that are tried, in order, are the table in plan_cascade.c; their
 * type is PlanWay (plan_way.h).
 */
#ifndef SHARDEXT_PLANNER_HOOK_H
#define SHARDEXT_PLANNER_HOOK_H

#include "postgres.h"

extern void planner_hook_preload(void);

#endif
