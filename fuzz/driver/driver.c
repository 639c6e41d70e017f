/* driver.c: a small fuzzer guided by coverage, for machines that have gcc and no libFuzzer.
 *
 * driver [--seconds N] [--seed N] [--merge] DIRECTORY   changes the inputs of a corpus and runs them
 * driver FILE...                                        runs these inputs, once each
 *
 * With --merge the corpus is made anew of its inputs and of those found: a few small ones that take
 * nearly all edges.
 */

#define _XOPEN_SOURCE 700 /* clocks, signals and timers */

#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <sanitizer/common_interface_defs.h>

#include "corpus.h"
#include "coverage.h"
#include "merge.h"
#include "target.h"

enum { MOST_SECONDS_OF_INPUT = 10 }; /* of the processor's time */

/* All failures end in abort(), which the handler below hears. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "abort_on_error=1:malloc_context_size=4:quarantine_size_mb=16:hard_rss_limit_mb=4000:"
           "detect_stack_use_after_return=0";
}
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void) { return "abort_on_error=1:print_stacktrace=1"; }

static fuzz_input current;
static char crash_directory[] = ".";

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void set_timer(int seconds) {
    struct itimerval timer = {.it_value.tv_sec = seconds};
    setitimer(ITIMER_PROF, &timer, NULL);
}

/* Keep the input that the target could not bear. */
static void on_failure(int number) {
    char path[4096];
    signal(number, SIG_DFL);
    set_timer(0);
    __sanitizer_print_stack_trace();
    if (number == SIGPROF)
        fprintf(stderr, "the input took more than %d s\n", MOST_SECONDS_OF_INPUT);
    if (write_input(crash_directory, "crash-", current.bytes, current.length, path))
        fprintf(stderr, "the input is in %s; run it again with: fuzz/run %s\n", path, path);
    fflush(stderr);
    _exit(1);
}

double run_input(const fuzz_input *input) {
    double start = now();
    if (input != &current) memcpy(&current, input, sizeof current);
    /* Exactly sized, like everything else that the target reads. */
    uint8_t *bytes = copy_of(input->bytes, input->length);
    set_timer(MOST_SECONDS_OF_INPUT);
    coverage_start();
    LLVMFuzzerTestOneInput(bytes, input->length);
    set_timer(0);
    free(bytes);
    return now() - start;
}

static void load(const char *path, void *context) {
    fuzz_corpus *corpus = context;
    fuzz_input input;
    if (!read_input(path, &input) || input.length < HEADER_BYTES) return;
    double seconds = run_input(&input);
    coverage_add(true);
    corpus_add(corpus, &input, seconds);
}

/* Choose an entry; of two, the one that takes less time. */
static const fuzz_entry *choose(const fuzz_corpus *corpus) {
    const fuzz_entry *one = &corpus->entries[random_below(corpus->count)];
    const fuzz_entry *other = &corpus->entries[random_below(corpus->count)];
    return one->seconds < other->seconds ? one : other;
}

static void set_input(fuzz_input *input, const fuzz_entry *entry) {
    memcpy(input->bytes, entry->bytes, entry->length);
    input->length = entry->length;
}

/* Run changed inputs until the time is over, and keep those that do something new. */
static size_t fuzz(fuzz_corpus *corpus, double seconds) {
    static fuzz_input input, other;
    double end = now() + seconds;
    size_t count = 0;
    for (; now() < end; count++) {
        set_input(&input, choose(corpus));
        set_input(&other, choose(corpus));
        mutate(&input, &other);
        double taken = run_input(&input);
        if (coverage_add(true) > 0) corpus_add(corpus, &input, taken);
    }
    return count;
}

static int run_files(char **paths) {
    static fuzz_input input;
    for (; *paths != NULL; paths++) {
        if (!read_input(*paths, &input)) {
            perror(*paths);
            return 1;
        }
        printf("%s: %.3f s\n", *paths, run_input(&input));
    }
    return 0;
}

static int run_corpus(const char *name, const char *directory, double seconds, uint64_t seed, bool merges) {
    fuzz_corpus corpus = {0};
    seed_random(seed);
    for_each_file(directory, load, &corpus);
    size_t loaded = corpus.count, edges = coverage_edges();
    if (loaded == 0) {
        fprintf(stderr, "no inputs in %s\n", directory);
        return 1;
    }
    double start = now();
    size_t count = fuzz(&corpus, seconds);
    double taken = now() - start;
    printf("%s: %zu inputs in %.0f s, %.0f a second; a corpus of %zu took %zu edges, and with %zu more "
           "%zu edges\n",
           name, count, taken, (double)count / taken, loaded, edges, corpus.count - loaded,
           coverage_edges());
    fflush(stdout);
    if (merges) merge(&corpus, directory);
    corpus_free(&corpus);
    return 0;
}

int main(int argc, char **argv) {
    double seconds = 60;
    uint64_t seed = 1;
    bool merges = false;
    struct stat status;
    signal(SIGABRT, on_failure);
    signal(SIGPROF, on_failure);
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--merge") == 0) merges = true;
        else if (strcmp(argv[at], "--seconds") == 0 && at + 1 < argc) seconds = atof(argv[++at]);
        else if (strcmp(argv[at], "--seed") == 0 && at + 1 < argc) seed = strtoull(argv[++at], NULL, 10);
        else at = argc;
    }
    if (at >= argc) {
        fprintf(stderr, "usage: driver [--seconds N] [--seed N] [--merge] DIRECTORY | FILE...\n");
        return 2;
    }
    if (stat(argv[at], &status) == 0 && S_ISDIR(status.st_mode))
        return run_corpus(basename(argv[0]), argv[at], seconds, seed, merges);
    return run_files(argv + at);
}
