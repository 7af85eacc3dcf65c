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
	bool		per_backend;	/* size is that of one backend's part */
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

/* Known only when the libraries have been loaded. */
static Size
size_of(const Piece *piece)
{
	return piece->per_backend ? mul_size(piece->size, MaxBackends) : piece->size;
}

static void
request(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(Registry)));
	for (int i = 0; i < npieces; i++)
		RequestAddinShmemSpace(add_size(size_of(&pieces[i]), PG_CACHE_LINE_SIZE));
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
		void	   *memory = ShmemInitStruct(pieces[i].name, size_of(&pieces[i]), &found);

		*pieces[i].pointer = memory;
		if (found)
			continue;
		memset(memory, 0, size_of(&pieces[i]));
		if (pieces[i].init)
			pieces[i].init(memory);
	}
	LWLockRelease(AddinShmemInitLock);
}

static void
add_piece(Piece piece)
{
	if (!process_shared_preload_libraries_in_progress)
		elog(ERROR, "shared memory \"%s\" requested after preload", piece.name);
	if (npieces == MAX_PIECES)
		elog(ERROR, "too many pieces of shared memory");

	if (npieces == 0)
	{
		previous_request_hook = shmem_request_hook;
		shmem_request_hook = request;
		previous_startup_hook = shmem_startup_hook;
		shmem_startup_hook = startup;
	}
	pieces[npieces++] = piece;
}

void
shmem_register(const char *name, Size size, void **pointer, void (*init) (void *memory))
{
	Piece		piece = {.name = name, .size = size, .pointer = pointer, .init = init};

	add_piece(piece);
}

void
shmem_register_per_backend(const char *name, Size size, void **pointer)
{
	Piece		piece = {.name = name, .size = size, .per_backend = true, .pointer = pointer};

	add_piece(piece);
}

int
shmem_lwlock_tranche(void)
{
	library_require_preloaded();
	Assert(registry != NULL);
	return registry->tranche;
}
