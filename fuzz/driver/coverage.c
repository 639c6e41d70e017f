/* coverage.c: records edges where gcc calls back; must itself be compiled without instrumentation. */

#include "coverage.h"

void __sanitizer_cov_trace_pc(void);

static uint8_t hits[COVERAGE_EDGES];
static uint8_t seen[COVERAGE_EDGES]; /* a bit for each power of two of hits */
static uint32_t last[COVERAGE_EDGES];
static size_t last_count;
static uint64_t place_before;

/* Called by the kernel in every basic block: an edge is a pair of blocks, whose addresses count from
 * the start of this function, so that they are the same in each run. */
void __sanitizer_cov_trace_pc(void) {
    uint64_t place = (uint64_t)((uintptr_t)__builtin_return_address(0) -
                                (uintptr_t)&__sanitizer_cov_trace_pc);
    uint64_t edge = ((place * 0x9e3779b97f4a7c15u ^ place_before) >> 40) % COVERAGE_EDGES;
    place_before = place * 0xc4ceb9fe1a85ec53u;
    if (hits[edge] == 0) last[last_count++] = (uint32_t)edge;
    if (hits[edge] < UINT8_MAX) hits[edge]++;
}

void coverage_start(void) {
    for (size_t i = 0; i < last_count; i++) hits[last[i]] = 0;
    last_count = 0;
    place_before = 0;
}

size_t coverage_add(bool counts) {
    size_t new_ones = 0;
    for (size_t i = 0; i < last_count; i++) {
        uint8_t *known = &seen[last[i]];
        uint8_t level = 1;
        if (counts) level = (uint8_t)(1 << (31 - __builtin_clz((unsigned)hits[last[i]])));
        bool is_new = counts ? (*known & level) == 0 : *known == 0;
        if (!is_new) continue;
        *known |= level;
        new_ones++;
    }
    return new_ones;
}

size_t coverage_edges(void) {
    size_t count = 0;
    for (size_t i = 0; i < COVERAGE_EDGES; i++) count += seen[i] != 0;
    return count;
}

size_t coverage_last(const uint32_t **edges) {
    *edges = last;
    return last_count;
}
