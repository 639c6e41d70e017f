/* merge.c: makes a corpus anew of the few small inputs that take nearly all edges. */

#define _POSIX_C_SOURCE 200809L /* unlink */

#include "merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coverage.h"
#include "target.h"

enum {
    MOST_FILES = 300,
    BYTES_OF_FILE = 50, /* that a file costs beside its length */
};

typedef struct {
    const fuzz_entry *entry;
    uint32_t *edges; /* those that are not taken by a chosen one, at the time when they were counted */
    size_t count;
} candidate;

static uint8_t is_taken[COVERAGE_EDGES];

static void set_input(fuzz_input *input, const fuzz_entry *entry) {
    memcpy(input->bytes, entry->bytes, entry->length);
    input->length = entry->length;
}

/* Keep only the edges that are not taken yet. */
static void leave_out_taken(candidate *one) {
    size_t count = 0;
    for (size_t i = 0; i < one->count; i++)
        if (!is_taken[one->edges[i]]) one->edges[count++] = one->edges[i];
    one->count = count;
}

static double worth_of(const candidate *one) {
    return (double)one->count / (double)(one->entry->length + BYTES_OF_FILE);
}

/* Choose the candidate that takes the most new edges for its length, or NULL. */
static candidate *choose(candidate *candidates, size_t count) {
    candidate *best = NULL;
    for (size_t i = 0; i < count; i++) {
        candidate *one = &candidates[i];
        /* The count can only have become less since it was made. */
        if (one->count == 0 || (best != NULL && worth_of(one) <= worth_of(best))) continue;
        leave_out_taken(one);
        if (one->count > 0 && (best == NULL || worth_of(one) > worth_of(best))) best = one;
    }
    return best;
}

/* Tell whether an input takes all edges that a candidate was chosen for. */
static bool takes(const fuzz_input *input, const candidate *chosen) {
    static uint8_t is_last[COVERAGE_EDGES];
    const uint32_t *last;
    run_input(input);
    size_t count = coverage_last(&last), found = 0;
    for (size_t i = 0; i < count; i++) is_last[last[i]] = 1;
    for (size_t i = 0; i < chosen->count; i++) found += is_last[chosen->edges[i]];
    for (size_t i = 0; i < count; i++) is_last[last[i]] = 0;
    return found == chosen->count;
}

/* Leave out what an input can do without. */
static void trim(fuzz_input *input, const candidate *chosen) {
    static fuzz_input shorter;
    enum { MOST_PARTS = 32 };
    for (size_t parts = 2; parts <= MOST_PARTS; parts *= 2) {
        size_t part = (input->length - HEADER_BYTES) / parts;
        if (part == 0) break;
        for (size_t at = HEADER_BYTES; at + part <= input->length;) {
            memcpy(shorter.bytes, input->bytes, at);
            memcpy(shorter.bytes + at, input->bytes + at + part, input->length - at - part);
            shorter.length = input->length - part;
            if (takes(&shorter, chosen)) memcpy(input, &shorter, sizeof shorter);
            else at += part;
        }
    }
}

/* Find out which edges each input takes. */
static candidate *measure(const fuzz_corpus *corpus) {
    static fuzz_input input;
    candidate *candidates = allocate(corpus->count * sizeof *candidates);
    for (size_t i = 0; i < corpus->count; i++) {
        const uint32_t *last;
        set_input(&input, &corpus->entries[i]);
        run_input(&input);
        size_t count = coverage_last(&last);
        candidates[i] = (candidate){&corpus->entries[i], allocate(count * sizeof *last), count};
        memcpy(candidates[i].edges, last, count * sizeof *last);
    }
    return candidates;
}

static void remove_file(const char *path, void *context) {
    (void)context;
    unlink(path);
}

void merge(const fuzz_corpus *corpus, const char *directory) {
    static fuzz_input input;
    candidate *candidates = measure(corpus);
    size_t files = 0, bytes = 0, edges = 0;
    for_each_file(directory, remove_file, NULL);
    while (files < MOST_FILES) {
        candidate *chosen = choose(candidates, corpus->count);
        if (chosen == NULL) break;
        set_input(&input, chosen->entry);
        trim(&input, chosen);
        run_input(&input);
        const uint32_t *last;
        size_t count = coverage_last(&last);
        for (size_t i = 0; i < count; i++) edges += !is_taken[last[i]];
        for (size_t i = 0; i < count; i++) is_taken[last[i]] = 1;
        char path[4096];
        REQUIRE(write_input(directory, "", input.bytes, input.length, path));
        files++;
        bytes += input.length;
    }
    printf("the corpus now has %zu inputs of %zu bytes in all, which take %zu edges\n", files, bytes,
           edges);
    for (size_t i = 0; i < corpus->count; i++) free(candidates[i].edges);
    free(candidates);
}
