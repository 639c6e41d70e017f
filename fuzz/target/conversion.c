/* conversion.c: converts like the Cython wrapper does, and checks what every conversion must keep to. */

#include <stdlib.h>
#include <string.h>

#include "target.h"

enum { UNTOUCHED = 0xa5 };

typedef struct {
    uint8_t *bytes;
    size_t capacity;
} fuzz_output;

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Make room for one more item of some size. */
static void *room_for(void *items, size_t count, size_t *capacity, size_t more, size_t size) {
    if (count + more <= *capacity && items != NULL) return items;
    *capacity = 2 * *capacity + more;
    items = realloc(items, *capacity * size);
    REQUIRE(items != NULL);
    return items;
}

void add_output(fuzz_result *result, const uint8_t *part, size_t bytes) {
    result->output = room_for(
        result->output, result->output_bytes, &result->output_capacity, bytes + 64, 1);
    if (bytes > 0) memcpy(result->output + result->output_bytes, part, bytes);
    result->output_bytes += bytes;
}

void add_odd(fuzz_result *result, fuzz_range range) {
    size_t count = result->odd_count;
    REQUIRE(range.start < range.end);
    REQUIRE(count == 0 || result->odd_ranges[count - 1].end <= range.start);
    result->odd_ranges = room_for(
        result->odd_ranges, count, &result->odd_capacity, 1, sizeof *result->odd_ranges);
    result->odd_ranges[result->odd_count++] = range;
}

static void add_dropped_key(sx_tally *total, const sx_dropped_key *dropped, size_t position) {
    for (size_t i = 0; i < total->dropped_key_count; i++) {
        const sx_text *known = &total->dropped_keys[i].key;
        if (known->length == dropped->key.length &&
            memcmp(known->bytes, dropped->key.bytes, known->length) == 0)
            return;
    }
    if (total->dropped_key_count == MOST_DROPPED_KEYS) return;
    total->dropped_keys[total->dropped_key_count++] = (sx_dropped_key){
        {copy_of(dropped->key.bytes, dropped->key.length), dropped->key.length},
        dropped->position + position};
}

void add_tally(fuzz_result *result, const sx_tally *tally, size_t position) {
    sx_tally *total = &result->tally;
    total->records += tally->records;
    total->left_out += tally->left_out;
    total->blank_lines += tally->blank_lines;
    total->dropped_values += tally->dropped_values;
    for (size_t i = 0; i < result->pick_count; i++) {
        const sx_remark *remark = &tally->misfits[i];
        uint64_t count = total->misfits[i].count;
        if (count == 0 && remark->count > 0) {
            total->misfits[i] = *remark;
            total->misfits[i].position += position;
        }
        total->misfits[i].count = count + remark->count;
    }
    REQUIRE(tally->dropped_key_count <= MOST_DROPPED_KEYS);
    for (size_t i = 0; i < tally->dropped_key_count; i++)
        add_dropped_key(total, &tally->dropped_keys[i], position);
}

/* Fill the output, so that writing can be seen. */
static void fill(fuzz_output *out, size_t bytes) { memset(out->bytes, UNTOUCHED, bytes); }

static void grow(fuzz_output *out, size_t capacity) {
    free(out->bytes);
    *out = (fuzz_output){allocate(capacity), capacity};
    fill(out, capacity);
}

/* Convert until the output is full, a record is odd or the data ends. */
static sx_status next_part(const fuzz_run *run, fuzz_output *out, fuzz_result *result) {
    size_t written = 0;
    sx_status status = run->kernel->convert(run->state, out->bytes, out->capacity, &written);
    if (status == SX_FULL && written == 0) {
        REQUIRE(sx_needed(run->state) > out->capacity);
        grow(out, sx_needed(run->state));
        status = run->kernel->convert(run->state, out->bytes, out->capacity, &written);
        REQUIRE(status != SX_FULL || written > 0);
    }
    REQUIRE(written <= out->capacity);
    add_output(result, out->bytes, written);
    size_t touched = least(out->capacity, written + PADDING_BYTES);
    if (status != SX_END && status != SX_FULL) touched = out->capacity; /* given up within a record */
    const uint8_t *rest = out->bytes + touched;
    size_t rest_bytes = out->capacity - touched;
    REQUIRE(rest_bytes == 0 || rest[0] == UNTOUCHED);
    REQUIRE(rest_bytes == 0 || memcmp(rest, rest + 1, rest_bytes - 1) == 0);
    fill(out, touched);
    return status;
}

void start_result(fuzz_result *result, const sx_layout *layout) {
    result->pick_count = layout->pick_count;
    result->tally.misfits = calloc(result->pick_count + 1, sizeof *result->tally.misfits);
    REQUIRE(result->tally.misfits != NULL);
}

void convert_piece(const fuzz_run *run, const uint8_t *data, size_t length, size_t position,
                   fuzz_result *result) {
    if (result->tally.misfits == NULL) start_result(result, run->layout);
    fuzz_output out = {0};
    grow(&out, run->capacity);
    sx_start(run->state, data, length, run->limit, run->output_limit);
    sx_status status = SX_FULL;
    while ((status == SX_FULL || status == SX_ODD) && result->odd_count < MOST_ODD_RANGES) {
        status = next_part(run, &out, result);
        if (status != SX_ODD) continue;
        size_t end = sx_odd_end(run->state);
        REQUIRE(end <= length);
        add_odd(result, (fuzz_range){position + sx_odd_start(run->state), position + end});
        run->kernel->pass_odd(run->state, end, run->records_of_odd, run->records_of_odd);
    }
    free(out.bytes);
    result->has_no_memory = status == SX_MEMORY;
    add_tally(result, sx_tally_of(run->state), position);
}

static void require_same_tally(const sx_tally *one, const sx_tally *other, size_t picks) {
    REQUIRE(one->records == other->records);
    REQUIRE(one->left_out == other->left_out);
    REQUIRE(one->blank_lines == other->blank_lines);
    REQUIRE(one->dropped_values == other->dropped_values);
    for (size_t i = 0; i < picks; i++) {
        const sx_remark *a = &one->misfits[i], *b = &other->misfits[i];
        REQUIRE(a->count == b->count);
        if (a->count == 0) continue;
        REQUIRE(a->position == b->position);
        REQUIRE(a->example_length == b->example_length);
        REQUIRE(memcmp(a->example, b->example, a->example_length) == 0);
    }
    REQUIRE(one->dropped_key_count == other->dropped_key_count);
    for (size_t i = 0; i < one->dropped_key_count; i++) {
        const sx_dropped_key *a = &one->dropped_keys[i], *b = &other->dropped_keys[i];
        REQUIRE(a->position == b->position);
        REQUIRE(a->key.length == b->key.length);
        REQUIRE(memcmp(a->key.bytes, b->key.bytes, a->key.length) == 0);
    }
}

void require_same_odd(const fuzz_result *one, const fuzz_result *other) {
    REQUIRE(one->odd_count == other->odd_count);
    for (size_t i = 0; i < one->odd_count; i++) {
        REQUIRE(one->odd_ranges[i].start == other->odd_ranges[i].start);
        REQUIRE(one->odd_ranges[i].end == other->odd_ranges[i].end);
    }
}

void require_same(const fuzz_result *one, const fuzz_result *other) {
    REQUIRE(!one->has_no_memory && !other->has_no_memory);
    require_same_odd(one, other);
    REQUIRE(one->pick_count == other->pick_count);
    require_same_tally(&one->tally, &other->tally, one->pick_count);
    REQUIRE(one->output_bytes == other->output_bytes);
    REQUIRE(memcmp(one->output, other->output, one->output_bytes) == 0);
}

void free_result(fuzz_result *result) {
    for (size_t i = 0; i < result->tally.dropped_key_count; i++)
        free((void *)result->tally.dropped_keys[i].key.bytes);
    free(result->tally.misfits);
    free(result->odd_ranges);
    free(result->output);
}
