/*
 * fault_points.h
 *	  Every fault point of the code, by the folder that has it. A point that is
 *	  not listed here is an error when it is reached.
 */
#ifndef SHARDEXT_FAULT_POINTS_H
#define SHARDEXT_FAULT_POINTS_H

#define FAULT_POINTS \
	/* catalog */ \
	"shard_map_reload", \
	/* cluster */ \
	"add_node_before_catalog", \
	"add_node_before_commit", \
	/* worker */ \
	"worker_duty",

#endif
