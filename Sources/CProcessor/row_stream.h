// What lies beside the rows of a matrix, as the targets that share no Swift module name it.
#ifndef MULLAMA_ROW_STREAM_H
#define MULLAMA_ROW_STREAM_H

// Memory of which equally many bytes belong to each sixteen rows of a matrix, from its first row on.
typedef struct __attribute__((swift_name("RowStream"))) {
  const void *_Nonnull base;
  long bytesPerSixteenRows;
} mullama_row_stream;

// `count` of them, and which of the matrix's rows is the first of those that are multiplied.
typedef struct __attribute__((swift_name("RowStreams"))) {
  const mullama_row_stream *_Nullable first;
  long count;
  long row;
} mullama_row_streams;

#endif
