/*
 * exchange_file.h
 *	  Rows on their way from node to node, on the disk of the node that sends
 *	  them: one temporary file, divided into partitions.
 */
#ifndef SHARDEXT_EXCHANGE_FILE_H
#define SHARDEXT_EXCHANGE_FILE_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"

typedef struct ExchangeWriter ExchangeWriter;
typedef struct ExchangeReader ExchangeReader;

/* Says which file of this node is meant, to any of its processes: so many bytes. */
#define EXCHANGE_NAME_SIZE	60

/*
 * A new file, in CurrentMemoryContext. It is there until the transaction's memory goes. Partitions are numbered from 0;
 * every chunk of one begins with the header given.
 */
extern ExchangeWriter *exchange_writer_make(int npartitions, const char *header, int header_length);

/* Append to the partition. What is added by one call stays together in a chunk. */
extern void exchange_writer_add(ExchangeWriter *writer, int partition, const char *bytes, int length);

/* Everything is on disk, for other processes to read. */
extern void exchange_writer_end(ExchangeWriter *writer);
extern const char *exchange_writer_name(const ExchangeWriter *writer);

/*
 * For the process of any session: the chunks of these partitions (NULL: all), in CurrentMemoryContext. ERROR if the
 * file is not there (any more).
 */
extern ExchangeReader *exchange_reader_open(const char *name, const Bitmapset *partitions);

/* Replaces the buffer's contents by the next chunk; false at the end. */
extern bool exchange_reader_next(ExchangeReader *reader, StringInfo chunk);
extern void exchange_reader_close(ExchangeReader *reader);

/* All that the transaction has written, before that. */
extern void exchange_files_delete(void);

#endif
