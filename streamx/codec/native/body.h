/* body.h: the kernel, for the instruction set that the including file has chosen. */

#include "state.h"
#include "vector.h"
#include "utf8.h"
#include "numbers.h"
#include "emit.h"
#include "csv_index.h"
#include "window.h"
#include "csv_fields.h"
#include "json_scan.h"
#include "record_states.h"
#include "decimals.h"
#include "values.h"
#include "texts.h"
#include "text_calls.h"
#include "program.h"
#include "csv_to_csv.h"
#include "csv_to_json.h"
#include "from_csv.h"
#include "records.h"
#include "json_keys.h"
#include "jsonl_quick.h"
#include "from_jsonl.h"
#include "lines.h"

static sx_status convert(sx_state *state, uint8_t *out, size_t capacity, size_t *written) {
    *written = 0;
    return state->layout->is_from_csv ? convert_csv(state, out, capacity, written)
                                      : convert_jsonl(state, out, capacity, written);
}

static sx_status read(sx_state *state, size_t most, sx_rows **rows) {
    return state->layout->is_from_csv ? read_rows(state, most, rows) : read_lines(state, most, rows);
}

static void count_down(uint64_t *remaining, uint64_t records) {
    *remaining -= records < *remaining ? records : *remaining;
}

static void pass_odd(sx_state *state, size_t end, uint64_t records, uint64_t written) {
    count_down(&state->remaining, records);
    count_down(&state->remaining_output, written);
    go_behind(state, end);
}

static size_t last_boundary(const sx_csv *csv, const uint8_t *data, size_t length) {
    return csv == NULL ? line_boundary(data, length) : csv_boundary(csv, data, length);
}

static size_t record_start(
    const sx_csv *csv, const uint8_t *data, size_t length, size_t number) {
    return csv == NULL ? line_start(data, length, number)
                       : csv_record_start(csv, data, length, number);
}

static size_t count_lines(const uint8_t *data, size_t length) {
    size_t count = 0;
    for (; length >= BLOCK_BYTES; data += BLOCK_BYTES, length -= BLOCK_BYTES) {
        block b = load_block(data);
        count += (size_t)__builtin_popcountll(block_equal(&b, '\n'));
    }
    while (length-- > 0) count += *data++ == '\n';
    return count;
}

static void traverse(
    const sx_csv *csv, const uint8_t *data, size_t length, sx_traversal *traversal) {
    if (csv == NULL) traverse_lines(data, length, traversal);
    else traverse_csv(csv, data, length, traversal);
}

static bool prepare(sx_state *state) {
    if (state->layout->is_from_csv) {
        choose_quick_ways(state);
        return true;
    }
    if (!learn_columns(state)) return false;
    choose_quick_lines(state);
    return true;
}

static size_t json_string(uint8_t *out, const uint8_t *text, size_t length) {
    return (size_t)(emit_json_string(out, text, length, 0) - out);
}

const sx_kernel KERNEL = {
    .name = KERNEL_NAME,
    .convert = convert,
    .pass_odd = pass_odd,
    .infer_types = infer_types,
    .collect_keys = collect_keys,
    .last_boundary = last_boundary,
    .record_start = record_start,
    .count_lines = count_lines,
    .traverse = traverse,
    .json_string = json_string,
    .prepare = prepare,
    .rows = {read, read_field, row_output_bytes, row_to_json, row_to_cell, text_to_cell, release_rows,
             read_json, members_to_json},
};
