/* coverage.h: which edges of the kernel the last input took, and which all inputs before. */

#ifndef STREAMX_FUZZ_COVERAGE_H
#define STREAMX_FUZZ_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COVERAGE_EDGES = 1 << 18 }; /* that can be told apart */

/* Forget what the last input did. */
void coverage_start(void);

/* Add the edges of the last input to those seen; return how many were new. With `counts`, an edge that
 * was taken more often than ever, by powers of two, is new as well. */
size_t coverage_add(bool counts);

/* How many edges were seen. */
size_t coverage_edges(void);

/* The edges of the last input, as numbers; return how many there are. */
size_t coverage_last(const uint32_t **edges);

#endif
