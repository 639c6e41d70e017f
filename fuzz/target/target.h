/* target.h: what the parts of the fuzz target share, so that each of them fits on a few pages. */

#ifndef STREAMX_FUZZ_TARGET_H
#define STREAMX_FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel.h"

/* The first bytes of an input, by what they choose; the data follows. */
enum {
    KIND,      /* bits 0 and 1: the direction; one bit each: flags of the layout; bit 4 also: is there a
                * program? and 5: does the limit count its output? */
    SOURCE,    /* delimiter and quote */
    TARGET,    /* and line end */
    COLUMNS,   /* how many */
    TYPES,     /* two bits for each column, in turn */
    MORE_TYPES,
    PINNED,    /* one bit for each column, in turn */
    PICKS,     /* how many columns are left out, the order, whether they are renamed */
    NULLS,     /* one bit for each of some tokens */
    LIMIT,
    LONGEST,   /* how long a record may be */
    CAPACITY,  /* of the output */
    CUT,       /* two bytes: where the data is cut in two */
    MORE_CUT,
    FAILURE,   /* which allocation fails */
    SHAPE,     /* bits 0 to 3: how often the data is repeated; 4 to 7: the names of the columns */
    HEADER_BYTES,
};

/* What one input asks for. All of it stands in memory of exactly the size that the interface
 * promises, so that AddressSanitizer sees every byte too much. */
typedef struct {
    sx_layout layout;
    uint8_t *data;
    size_t length;
    size_t cut;
    size_t capacity;          /* of an output to begin with */
    uint64_t limit, output_limit;
    uint64_t records_of_odd;  /* how many records an odd range counts as */
    unsigned failing_allocation; /* from 1; 0: none */
    void **kept;              /* to be freed with the case */
    size_t kept_count;
} fuzz_case;

fuzz_case make_case(const uint8_t *input, size_t size, const sx_kernel *kernel);
void free_case(fuzz_case *given);

/* Keep memory, or a text with readable bytes behind it, as long as the case. */
void *keep(fuzz_case *given, void *memory);
sx_text keep_text(fuzz_case *given, const uint8_t *bytes, size_t length);
/* Make a program; columns and nulls are known. */
void add_program(fuzz_case *given, const uint8_t *input);

typedef struct {
    size_t start, end;
} fuzz_range;

/* What conversions of one piece of data or several, one behind the other, came to. */
typedef struct {
    uint8_t *output;
    size_t output_bytes, output_capacity;
    fuzz_range *odd_ranges;
    size_t odd_count, odd_capacity;
    sx_tally tally;
    size_t pick_count;
    bool has_no_memory;
} fuzz_result;

enum {
    EVERYTHING = 1 << 30,      /* more bytes than any record has */
    LARGE_CAPACITY = 8 * 1024, /* of an output */
    MOST_ODD_RANGES = 40,      /* after which a conversion ends, since each of them takes long */
};

/* How data is converted. */
typedef struct {
    const sx_kernel *kernel;
    sx_state *state;
    const sx_layout *layout;
    size_t capacity;
    uint64_t limit, output_limit;
    uint64_t records_of_odd;
} fuzz_run;

/* Convert data, which begins at `position` of all the data, and add what came of it to a result. */
void convert_piece(const fuzz_run *run, const uint8_t *data, size_t length, size_t position,
                   fuzz_result *result);
/* The same for CSV without a program, in rows as they are taken apart for user code. */
void convert_rows(const fuzz_run *run, const fuzz_case *given, fuzz_result *result);

/* Take objects apart, put them together again, and check that they are the same. */
void take_objects(const fuzz_case *given, const fuzz_run *like, fuzz_result *result);
void check_objects(const fuzz_case *given, const fuzz_run *like);

typedef struct {
    sx_rows **items;
    size_t count;
} fuzz_batches;

/* Read all records, a few at a time, from data that is gone afterwards. */
fuzz_batches read_batches(const fuzz_run *run, const fuzz_case *given, fuzz_result *result);
/* Tell whether the JSON of a field, with a NUL behind it, is what its value says. */
bool is_json_of(const fuzz_run *run, const sx_field_value *value, sx_value_type type,
                const char *json, size_t length);

void start_result(fuzz_result *result, const sx_layout *layout);
void add_output(fuzz_result *result, const uint8_t *part, size_t bytes);
void add_tally(fuzz_result *result, const sx_tally *tally, size_t position);
void add_odd(fuzz_result *result, fuzz_range range);
void require_same(const fuzz_result *one, const fuzz_result *other);
void require_same_odd(const fuzz_result *one, const fuzz_result *other);
void free_result(fuzz_result *result);

/* Check last_boundary and count_lines; return the boundary before the cut. */
size_t check_boundaries(const fuzz_case *given, const sx_kernel *kernel);
/* Check record_start, and compare it with what a conversion of the whole data came to. */
void check_starts(const fuzz_case *given, const sx_kernel *kernel, const fuzz_result *whole);
void check_lines(const fuzz_case *given, const fuzz_result *whole);

/* The keys of JSONL, and the records that they were not collected from. */
typedef struct {
    sx_text *texts; /* with PADDING_BYTES behind them */
    size_t count;
    bool are_noted;
    bool are_complete; /* there are not too many */
    fuzz_result odd;
} fuzz_keys;

/* Collect keys; compare them with the first kernel's, or note those. */
void check_keys(const fuzz_case *given, const sx_kernel *kernel, fuzz_keys *expected);
/* Let the data have the keys that were found in it: none is left over. */
void check_found_keys(const fuzz_case *given, const sx_kernel *kernel, const fuzz_keys *keys);
void free_keys(fuzz_keys *keys);

/* Tell whether a line is JSON, by other means than the kernel's. */
bool is_json(const uint8_t *text, size_t length);

/* Let the kernel's allocation of a number from 1 on, and only it, fail; 0: none. */
void fail_allocation(unsigned number);
/* How much the kernel has allocated and not freed. */
size_t allocations_held(void);

void *allocate(size_t size);
uint8_t *copy_of(const uint8_t *bytes, size_t length);
_Noreturn void stop(const char *file, int line, const char *fact);

/* Like assert, which might be compiled away. */
#define REQUIRE(fact) ((fact) ? (void)0 : stop(__FILE__, __LINE__, #fact))

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#endif
