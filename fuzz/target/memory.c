/* memory.c: memory that is never short for the target, and sometimes is for the kernel.
 *
 * The kernel is compiled with its allocation functions renamed to the ones here, so that every one of
 * its failures to get memory can be tried, and whatever it does not free is seen at once.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target.h"

void *scarce_malloc(size_t size);
void *scarce_calloc(size_t number, size_t size);
void *scarce_realloc(void *memory, size_t size);
void scarce_free(void *memory);

static unsigned allocations_to_failure; /* 0: never */
static size_t held;

void fail_allocation(unsigned number) { allocations_to_failure = number; }

size_t allocations_held(void) { return held; }

static bool fails(void) { return allocations_to_failure > 0 && --allocations_to_failure == 0; }

static void *count(void *memory) {
    held += memory != NULL;
    return memory;
}

void *scarce_malloc(size_t size) { return fails() ? NULL : count(malloc(size)); }

void *scarce_calloc(size_t number, size_t size) {
    return fails() ? NULL : count(calloc(number, size));
}

void *scarce_realloc(void *memory, size_t size) {
    if (memory == NULL) return scarce_malloc(size);
    return fails() ? NULL : realloc(memory, size);
}

void scarce_free(void *memory) {
    held -= memory != NULL;
    free(memory);
}

void *allocate(size_t size) {
    void *memory = malloc(size);
    REQUIRE(memory != NULL);
    return memory;
}

uint8_t *copy_of(const uint8_t *bytes, size_t length) {
    uint8_t *copy = allocate(length);
    if (length > 0) memcpy(copy, bytes, length);
    return copy;
}

_Noreturn void stop(const char *file, int line, const char *fact) {
    fprintf(stderr, "%s:%d: this should hold and does not: %s\n", file, line, fact);
    abort();
}
