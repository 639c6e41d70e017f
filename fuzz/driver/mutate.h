/* mutate.h: changes an input at random, in ways that CSV, JSON and UTF-8 are sensitive to. */

#ifndef STREAMX_FUZZ_MUTATE_H
#define STREAMX_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

enum { LONGEST_INPUT_BYTES = 8 * 1024 };

typedef struct {
    uint8_t bytes[LONGEST_INPUT_BYTES];
    size_t length;
} fuzz_input;

/* The numbers come from the seed alone, so that a run can be repeated. */
void seed_random(uint64_t seed);
size_t random_below(size_t bound);

/* Change an input in one to several places; `other` is another one to take parts from. */
void mutate(fuzz_input *input, const fuzz_input *other);

#endif
