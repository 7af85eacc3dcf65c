/*
 * cluster_secret.h
 *	  What only nodes of the cluster know, and what they prove by it.
 */
#ifndef SHARDEXT_CLUSTER_SECRET_H
#define SHARDEXT_CLUSTER_SECRET_H

#include "postgres.h"
#include "catalog/node_map.h"

#define PROOF_LENGTH	64		/* hexadecimal digits */

/* A new secret for a new cluster. */
extern void cluster_secret_make(char secret[SECRET_LENGTH + 1]);

/*
 * For a connection about to be opened as the role: value of shardext.proof, ""
 * if this node is in no cluster.
 */
extern const char *session_proof(const char *forwarded, const char *role);

/* Did a node of this cluster open this (forwarded) session? Needs a transaction. */
extern bool session_is_proven(void);
extern void session_require_proven(void);	/* ERROR 28000 */

/*
 * Proof, in this backend's words, that the session behind a connection whose
 * other end is that process shall act as the role; valid once.
 */
extern void act_as_proof(int backend_pid, uint64 number, const char *role, char proof[PROOF_LENGTH + 1]);

/* Is that the proof of it, for this session? */
extern bool act_as_is_proven(uint64 number, const char *role, const char *proof);

#endif
