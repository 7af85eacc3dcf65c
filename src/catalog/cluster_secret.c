/*
 * cluster_secret.c
 *	  The secret of the cluster: nodes prove to each other that they are nodes.
 *
 * A role's client can log in to any node and say in the startup packet that it
 * is a node (shardext.forwarded). So what may be asked of a node by nodes only
 * is proved by a keyed digest (HMAC-SHA-256) of what is asked:
 *
 *	shardext.proof	<nonce>:<digest of "session", forwarded, role, nonce>
 *	act_as			<digest of "act", process asked, nonce, number, role>
 *
 * The nonce is the coordinator's, one per process; it ties digests to the
 * sessions of that process, the process asked to one of these, and the number,
 * which only grows, to one moment of it. The secret is made by create_cluster,
 * travels with the image of the catalog, and lies in catalog_cluster, whose
 * rows only its owner and superusers can read.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/settings.h"
#include "catalog/cluster_secret.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "miscadmin.h"
#include "port.h"
#include "utils/builtins.h"

#define NONCE_BYTES		16
#define NONCE_LENGTH	(2 * NONCE_BYTES)

static void
random_digits(char *text, int bytes)
{
	uint8		random[SECRET_LENGTH / 2];

	Assert(bytes <= (int) sizeof(random));
	if (!pg_strong_random(random, bytes))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not get random numbers")));
	(void) hex_encode((const char *) random, bytes, text);
	text[2 * bytes] = '\0';
}

void
cluster_secret_make(char secret[SECRET_LENGTH + 1])
{
	random_digits(secret, SECRET_LENGTH / 2);
}

/* This process' own nonce. */
static const char *
own_nonce(void)
{
	static char nonce[NONCE_LENGTH + 1] = "";

	if (nonce[0] == '\0')
		random_digits(nonce, NONCE_BYTES);
	return nonce;
}

static void
digest(const char *secret, const char *text, char proof[PROOF_LENGTH + 1])
{
	pg_hmac_ctx *context = pg_hmac_create(PG_SHA256);
	uint8		result[PG_SHA256_DIGEST_LENGTH];

	if (context == NULL || pg_hmac_init(context, (const uint8 *) secret, strlen(secret)) < 0 ||
		pg_hmac_update(context, (const uint8 *) text, strlen(text)) < 0 ||
		pg_hmac_final(context, result, sizeof(result)) < 0)
		elog(ERROR, "could not compute a digest");
	pg_hmac_free(context);
	(void) hex_encode((const char *) result, sizeof(result), proof);
	proof[PROOF_LENGTH] = '\0';
}

static bool
is_digest(const char *secret, const char *text, const char *proof)
{
	char		expected[PROOF_LENGTH + 1];

	digest(secret, text, expected);
	return strlen(proof) == PROOF_LENGTH && timingsafe_bcmp(expected, proof, PROOF_LENGTH) == 0;
}

static char *
session_text(const char *forwarded, const char *role, const char *nonce)
{
	return psprintf("session|%s|%s|%s", forwarded, nonce, role);
}

const char *
session_proof(const char *forwarded, const char *role)
{
	const ClusterInfo *cluster = cluster_last_known();
	char		proof[PROOF_LENGTH + 1];

	if (cluster == NULL)
		return "";
	digest(cluster->secret, session_text(forwarded, role, own_nonce()), proof);
	return psprintf("%s:%s", own_nonce(), proof);
}

/* Of the one who has opened this session; NULL if he has told none. */
static const char *
nonce_of_session(void)
{
	static char nonce[NONCE_LENGTH + 1];

	if (setting_proof == NULL || strlen(setting_proof) != NONCE_LENGTH + 1 + PROOF_LENGTH ||
		setting_proof[NONCE_LENGTH] != ':')
		return NULL;
	strlcpy(nonce, setting_proof, sizeof(nonce));
	return nonce;
}

bool
session_is_proven(void)
{
	static uint64 looked_at = PG_UINT64_MAX;
	static bool proven = false;
	static char login[NAMEDATALEN] = "";	/* the role may get another name later */
	const ClusterInfo *cluster = cluster_info();
	const char *nonce = nonce_of_session();

	if (cluster == NULL)
		return superuser();
	if (login[0] == '\0')
		strlcpy(login, GetUserNameFromId(GetSessionUserId(), false), sizeof(login));
	if (looked_at != catalog_generation())
	{
		proven = nonce != NULL &&
			is_digest(cluster->secret, session_text(setting_forwarded, login, nonce),
					  setting_proof + NONCE_LENGTH + 1);
		looked_at = catalog_generation();
	}
	return proven;
}

void
session_require_proven(void)
{
	if (!session_is_proven())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("this session was not opened by a node of the cluster"),
				 errdetail("Only nodes may ask each other for parts of statements.")));
}

static char *
act_as_text(int backend_pid, const char *nonce, uint64 number, const char *role)
{
	return psprintf("act|%d|%s|" UINT64_FORMAT "|%s", backend_pid, nonce, number, role);
}

void
act_as_proof(int backend_pid, uint64 number, const char *role, char proof[PROOF_LENGTH + 1])
{
	digest(cluster_require()->secret, act_as_text(backend_pid, own_nonce(), number, role), proof);
}

bool
act_as_is_proven(uint64 number, const char *role, const char *proof)
{
	static uint64 latest = 0;
	const char *nonce = nonce_of_session();

	if (nonce == NULL || number <= latest || cluster_info() == NULL || !session_is_proven() ||
		!is_digest(cluster_info()->secret, act_as_text(MyProcPid, nonce, number, role), proof))
		return false;
	latest = number;
	return true;
}
