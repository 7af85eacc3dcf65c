/*
 * exchange_file.c
 *	  Rows on their way from node to node, on the disk of the node that sends
 *	  them.
 *
 * Rows are collected per partition and appended to the file as chunks when
 * enough have come together (so that all partitions' buffers take work_mem at
 * most). At the end the index follows, which says where the chunks lie:
 *
 *	  chunk  chunk  chunk ..  {partition, length, offset} ..  number of chunks, magic
 *
 * The file is written by the transaction's own process and read by others of the
 * same server: those who fetch for other nodes, and the process itself. It
 * is a temporary file of PostgreSQL's (pgsql_tmp, temp_tablespaces,
 * temp_file_limit), in a FileSet of the transaction, which is deleted with its memory;
 * after a crash the server does that. A transaction that has failed has memory until it is
 * rolled back: the others that work on the statement do not fail in turn, for want of
 * rows, before the coordinator has heard why. A name has 128 random bits in it:
 * who knows it has been told.
 */
#include "postgres.h"

#include <fcntl.h>

#include "miscadmin.h"
#include "storage/buffile.h"
#include "storage/fileset.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/fault.h"
#include "base/pg_compat.h"
#include "exec/exchange_file.h"

#define FILE_MAGIC			0x53584531
#define RANDOM_BYTES		16
#define LEAST_CHUNK			1024
#define LARGEST_CHUNK		(64 * 1024)

/* What a name consists of. */
typedef struct FileName
{
	int32		creator;		/* process */
	uint32		number;
	int32		ntablespaces;
	Oid			tablespaces[8];
	uint8		random[RANDOM_BYTES];
} FileName;

typedef struct ChunkEntry
{
	uint32		partition;
	uint32		length;
	int64		offset;
} ChunkEntry;

typedef struct FileEnd
{
	int64		nchunks;
	uint32		magic;
	uint32		unused;
} FileEnd;

struct ExchangeWriter
{
	BufFile    *file;			/* NULL after the end */
	FileName	name;
	int64		offset;
	StringInfoData header;
	int			chunk_size;
	int			npartitions;
	StringInfoData *partitions; /* data NULL: nothing there yet */
	StringInfoData index;
	MemoryContext cxt;
};

struct ExchangeReader
{
	FileSet		set;
	BufFile    *file;
	ChunkEntry *chunks;			/* those asked for */
	int64		nchunks;
	int64		next;
};

/* The files of this transaction; ntablespaces 0: there are none. */
static FileSet own_set;
static MemoryContextCallback transaction_freed;

StaticAssertDecl(sizeof(FileName) == EXCHANGE_NAME_SIZE, "length of a file's name");

static char *
file_name(const FileName *name)
{
	char	   *text = palloc(2 * RANDOM_BYTES + 1);

	(void) hex_encode((const char *) name->random, RANDOM_BYTES, text);
	text[2 * RANDOM_BYTES] = '\0';
	return text;
}

/* ---------- the end ---------- */

void
exchange_files_delete(void)
{
	if (own_set.ntablespaces > 0)
		FileSetDeleteAll(&own_set);
	memset(&own_set, 0, sizeof(own_set));
}

static void
delete_files(void *arg)
{
	exchange_files_delete();
}

/* ---------- writing ---------- */

static void
begin_files(void)
{
	FileSetInit(&own_set);
	transaction_freed.func = delete_files;
	MemoryContextRegisterResetCallback(TopTransactionContext, &transaction_freed);
}

static void
make_name(FileName *name)
{
	if (own_set.ntablespaces == 0)
		begin_files();
	memset(name, 0, sizeof(FileName));
	name->creator = own_set.creator_pid;
	name->number = own_set.number;
	name->ntablespaces = own_set.ntablespaces;
	memcpy(name->tablespaces, own_set.tablespaces, sizeof(name->tablespaces));
	if (!pg_strong_random(name->random, RANDOM_BYTES))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not get random numbers")));
}

ExchangeWriter *
exchange_writer_make(int npartitions, const char *header, int header_length)
{
	ExchangeWriter *writer = palloc0(sizeof(ExchangeWriter));
	int64		chunk_size = work_mem * INT64CONST(1024) / npartitions;

	writer->cxt = CurrentMemoryContext;
	make_name(&writer->name);
	writer->file = BufFileCreateFileSet(&own_set, file_name(&writer->name));
	initStringInfo(&writer->header);
	appendBinaryStringInfo(&writer->header, header, header_length);
	writer->chunk_size = (int) Max(Min(chunk_size, LARGEST_CHUNK), LEAST_CHUNK);
	writer->npartitions = npartitions;
	writer->partitions = palloc0(sizeof(StringInfoData) * npartitions);
	initStringInfo(&writer->index);
	return writer;
}

static void
flush(ExchangeWriter *writer, int partition)
{
	StringInfo	data = &writer->partitions[partition];
	ChunkEntry	entry = {partition, data->len, writer->offset};

	BufFileWrite(writer->file, data->data, data->len);
	writer->offset += data->len;
	appendBinaryStringInfo(&writer->index, (char *) &entry, sizeof(entry));
	/* one very long row shall not keep its memory */
	if (data->maxlen > 4 * writer->chunk_size)
	{
		pfree(data->data);
		data->data = NULL;
	}
	else
		resetStringInfo(data);
	data->len = 0;
}

void
exchange_writer_add(ExchangeWriter *writer, int partition, const char *bytes, int length)
{
	StringInfo	data = &writer->partitions[partition];

	if (data->data == NULL)
	{
		MemoryContext outer = MemoryContextSwitchTo(writer->cxt);

		initStringInfo(data);
		MemoryContextSwitchTo(outer);
	}
	if (data->len == 0)
		appendBinaryStringInfo(data, writer->header.data, writer->header.len);
	appendBinaryStringInfo(data, bytes, length);
	if (data->len >= writer->chunk_size)
		flush(writer, partition);
}

void
exchange_writer_end(ExchangeWriter *writer)
{
	FileEnd		end = {.magic = FILE_MAGIC};

	if (writer->file == NULL)
		return;
	for (int i = 0; i < writer->npartitions; i++)
	{
		if (writer->partitions[i].len > 0)
			flush(writer, i);
	}
	end.nchunks = writer->index.len / sizeof(ChunkEntry);
	BufFileWrite(writer->file, writer->index.data, writer->index.len);
	BufFileWrite(writer->file, (char *) &end, sizeof(end));
	FAULT_POINT("exchange_laid_out");
	BufFileExportFileSet(writer->file);
	BufFileClose(writer->file);
	writer->file = NULL;
}

const char *
exchange_writer_name(const ExchangeWriter *writer)
{
	return (const char *) &writer->name;
}

/* ---------- reading ---------- */

pg_noreturn static void
raise_gone(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("rows to be exchanged between nodes are not there"),
			 errdetail("The transaction that has collected them on this node has ended.")));
	pg_unreachable();
}

static void
read_exactly(BufFile *file, int64 offset, void *bytes, size_t length)
{
	if (BufFileSeek(file, 0, offset, SEEK_SET) != 0 || BufFileRead(file, bytes, length) != length)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read rows to be exchanged between nodes: %m")));
}

/* The entries of the partitions, in the order of the file. */
static void
read_index(ExchangeReader *reader, const Bitmapset *partitions)
{
	int64		size = BufFileSize(reader->file);
	FileEnd		end;
	ChunkEntry *chunks;

	if (size < (int64) sizeof(FileEnd))
		raise_gone();
	read_exactly(reader->file, size - sizeof(FileEnd), &end, sizeof(FileEnd));
	if (end.magic != FILE_MAGIC || end.nchunks < 0 ||
		end.nchunks > (size - (int64) sizeof(FileEnd)) / (int64) sizeof(ChunkEntry))
		raise_gone();
	chunks = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(ChunkEntry) * Max(end.nchunks, 1));
	read_exactly(reader->file, size - sizeof(FileEnd) - end.nchunks * sizeof(ChunkEntry), chunks,
				 end.nchunks * sizeof(ChunkEntry));
	for (int64 i = 0; i < end.nchunks; i++)
	{
		if (partitions == NULL || bms_is_member(chunks[i].partition, partitions))
			chunks[reader->nchunks++] = chunks[i];
	}
	reader->chunks = chunks;
}

ExchangeReader *
exchange_reader_open(const char *name, const Bitmapset *partitions)
{
	ExchangeReader *reader = palloc0(sizeof(ExchangeReader));
	FileName	parts;

	memcpy(&parts, name, sizeof(FileName));
	if (parts.ntablespaces < 1 || parts.ntablespaces > (int) lengthof(parts.tablespaces))
		raise_gone();
	reader->set.creator_pid = parts.creator;
	reader->set.number = parts.number;
	reader->set.ntablespaces = parts.ntablespaces;
	memcpy(reader->set.tablespaces, parts.tablespaces, sizeof(parts.tablespaces));
	reader->file = BufFileOpenFileSet(&reader->set, file_name(&parts), O_RDONLY, true);
	if (reader->file == NULL)
		raise_gone();
	read_index(reader, partitions);
	return reader;
}

bool
exchange_reader_next(ExchangeReader *reader, StringInfo chunk)
{
	const ChunkEntry *entry;

	if (reader->next == reader->nchunks)
		return false;
	entry = &reader->chunks[reader->next++];
	resetStringInfo(chunk);
	enlargeStringInfo(chunk, entry->length);
	read_exactly(reader->file, entry->offset, chunk->data, entry->length);
	chunk->len = entry->length;
	chunk->data[chunk->len] = '\0';
	return true;
}

void
exchange_reader_close(ExchangeReader *reader)
{
	BufFileClose(reader->file);
	reader->file = NULL;
}
