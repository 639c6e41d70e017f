/* corpus.h: the inputs that are worth changing, and the directory that they come from. */

#ifndef STREAMX_FUZZ_CORPUS_H
#define STREAMX_FUZZ_CORPUS_H

#include <stdbool.h>

#include "mutate.h"

typedef struct {
    uint8_t *bytes;
    size_t length;
    double seconds; /* that it took */
} fuzz_entry;

typedef struct {
    fuzz_entry *entries;
    size_t count, capacity;
} fuzz_corpus;

void corpus_add(fuzz_corpus *corpus, const fuzz_input *input, double seconds);
void corpus_free(fuzz_corpus *corpus);

/* Read a file into an input, cut to the longest one; false if it cannot be read. */
bool read_input(const char *path, fuzz_input *input);

/* Write an input to a file in a directory, with a name made of a prefix and a hash of its bytes, which
 * is returned in `path`; false if that cannot be. */
bool write_input(const char *directory, const char *prefix, const uint8_t *bytes, size_t length,
                 char path[4096]);

/* Call a function with the path of every file in a directory, in the order of their names. */
void for_each_file(const char *directory, void (*function)(const char *path, void *context),
                   void *context);

#endif
