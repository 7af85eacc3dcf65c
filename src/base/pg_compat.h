/*
 * pg_compat.h
 *	  The only place that tests PG_VERSION_NUM. What is defined here gives older
 *	  versions the shape of the newest API, so that other files are written for
 *	  the newest PostgreSQL.
 */
#ifndef SHARDEXT_PG_COMPAT_H
#define SHARDEXT_PG_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "shardext needs PostgreSQL 15 or later"
#endif

/* 18 puts the attribute in front of the declaration. */
#ifndef pg_noreturn
#define pg_noreturn __attribute__((noreturn))
#endif

#endif
