/* merge.h: makes a corpus anew of the few small inputs that take nearly all edges. */

#ifndef STREAMX_FUZZ_MERGE_H
#define STREAMX_FUZZ_MERGE_H

#include "corpus.h"

/* Run an input and note its coverage; return the seconds that it took. */
double run_input(const fuzz_input *input);

/* Replace the files of a directory. */
void merge(const fuzz_corpus *corpus, const char *directory);

#endif
