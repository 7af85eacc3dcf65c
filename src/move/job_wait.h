/*
 * job_wait.h
 *	  Waiting for a job of whatever node.
 */
#ifndef SHARDEXT_JOB_WAIT_H
#define SHARDEXT_JOB_WAIT_H

#include "postgres.h"
#include "conn/conn.h"
#include "datatype/timestamp.h"
#include "utils/timestamp.h"

/*
 * Until the job of conn's node has done what it is for, and this node knows of it ("done"), was cancelled, or the
 * deadline has come: its state then. ERROR 55000 if it has failed, 42704 if there is none.
 */
extern char *job_wait(NodeConn *conn, int64 job, TimestampTz deadline);

#endif
