/*
 * shmem.c
 *	  Registry of the modules' shared memory.
 *
 * Modules register at preload; the request hook asks PostgreSQL for the sum,
 * the startup hook hands the pieces out, zeroed and initialised once. Nothing
 * here is used after server start.
 */
#include "postgres.h"

#include "base/module.h"
#include "base/shmem.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#define MAX_PIECES 16

typedef struct Piece
{
	const char *name;
	Size		size;
	void	  **pointer;
	void		(*init) (void *memory);
} Piece;

/* What all processes must agree on. */
typedef struct Registry
{
	int			tranche;
} Registry;

static Piece pieces[MAX_PIECES];
static int	npieces = 0;
static Registry *registry = NULL;

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(Registry)));
	for (int i = 0; i < npieces; i++)
		RequestAddinShmemSpace(add_size(pieces[i].size, PG_CACHE_LINE_SIZE));
}

static void
startup(void)
{
	bool		found;

	if (previous_startup_hook)
		previous_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	registry = ShmemInitStruct("shardext registry", sizeof(Registry), &found);
	if (!found)
		registry->tranche = LWLockNewTrancheId();
	LWLockRegisterTranche(registry->tranche, "shardext");

	for (int i = 0; i < npieces; i++)
	{
		void	   *memory = ShmemInitStruct(pieces[i].name, pieces[i].size, &found);

		*pieces[i].pointer = memory;
		if (found)
			continue;
		memset(memory, 0, pieces[i].size);
		if (pieces[i].init)
			pieces[i].init(memory);
	}
	LWLockRelease(AddinShmemInitLock);
}

void
shmem_register(const char *name, Size size, void **pointer, void (*init) (void *memory))
{
	if (!process_shared_preload_libraries_in_progress)
		elog(ERROR, "shared memory \"%s\" requested after preload", name);
	if (npieces == MAX_PIECES)
		elog(ERROR, "too many pieces of shared memory");

	if (npieces == 0)
	{
		previous_request_hook = shmem_request_hook;
		shmem_request_hook = request;
		previous_startup_hook = shmem_startup_hook;
		shmem_startup_hook = startup;
	}
	pieces[npieces++] = (Piece)
	{
		.name = name, .size = size, .pointer = pointer, .init = init
	};
}

int
shmem_lwlock_tranche(void)
{
	library_require_preloaded();
	Assert(registry != NULL);
	return registry->tranche;
}
