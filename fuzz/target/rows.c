/* rows.c: takes CSV records apart and writes their fields, as is done around user code; what comes of it
 * must be what a conversion gives. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target.h"

enum { LONGEST_INTEGER_BYTES = 24 };

bool is_json_of(const fuzz_run *run, const sx_field_value *value, sx_value_type type,
                const char *json, size_t length) {
    char made[LONGEST_INTEGER_BYTES];
    if (type == SX_NULL) return strcmp(json, "null") == 0;
    if (type == SX_TRUE) return strcmp(json, "true") == 0;
    if (type == SX_FALSE) return strcmp(json, "false") == 0;
    if (type == SX_NUMBER) return strtod(json, NULL) == value->number;
    if (type == SX_LONG)
        return length == value->text.length && memcmp(json, value->text.bytes, length) == 0;
    if (type == SX_INTEGER) {
        snprintf(made, sizeof made, "%lld", (long long)value->integer);
        return strcmp(json, made) == 0 || (value->integer == 0 && strcmp(json, "-0") == 0);
    }
    if (type == SX_NO_MEMORY) return true;
    REQUIRE(type == SX_TEXT);
    uint8_t *text = allocate(value->text.length + PADDING_BYTES);
    uint8_t *string = allocate(LONGEST_ESCAPE_BYTES * value->text.length + 2 + PADDING_BYTES);
    memcpy(text, value->text.bytes, value->text.length);
    size_t written = run->kernel->json_string(string, text, value->text.length);
    bool is_same = written == length && memcmp(string, json, length) == 0;
    free(text);
    free(string);
    return is_same;
}

/* Write the fields of a row one after the other, as where some of them were set, and read each. */
static uint8_t *row_as_json(const fuzz_run *run, const sx_row *row, uint64_t position, uint8_t *out) {
    for (size_t i = 0; i < run->layout->pick_count; i++) {
        size_t label = run->layout->picks[i].label.length;
        uint8_t *end = run->kernel->rows.to_json(run->state, row, i, i + 1, position, out);
        if (end == NULL) return NULL;
        *end = 0;
        sx_field_value value;
        sx_value_type type = run->kernel->rows.read_field(run->state, row, i, &value);
        REQUIRE(is_json_of(run, &value, type, (char *)out + label, (size_t)(end - out) - label));
        out = end;
    }
    *out++ = '}';
    *out++ = '\n';
    return out;
}

/* Write a text as a cell by itself. */
static void check_text(
    const fuzz_run *run, const sx_field_value *value, const uint8_t *cell, size_t length) {
    uint8_t *text = allocate(value->text.length + PADDING_BYTES);
    uint8_t *out = allocate(2 * value->text.length + 2 + PADDING_BYTES);
    memcpy(text, value->text.bytes, value->text.length);
    uint8_t *end = run->kernel->rows.text_to_cell(
        out, text, value->text.length, &run->layout->target);
    REQUIRE((size_t)(end - out) == length && memcmp(out, cell, length) == 0);
    free(text);
    free(out);
}

static uint8_t *row_as_csv(const fuzz_run *run, const sx_row *row, uint8_t *out) {
    const sx_csv *csv = &run->layout->target;
    const uint8_t *start = out;
    size_t count = run->layout->pick_count;
    for (size_t i = 0; i < count; i++) {
        sx_field_value value;
        if (i > 0) *out++ = csv->delimiter;
        const uint8_t *cell = out;
        out = run->kernel->rows.to_cell(run->state, row, i, i == 0, i + 1 == count, out);
        if (out == NULL) return NULL;
        sx_value_type type = run->kernel->rows.read_field(run->state, row, i, &value);
        if (type == SX_TEXT && !run->layout->keeps_cells)
            check_text(run, &value, cell, (size_t)(out - cell));
    }
    if (count == 1 && out == start) {
        *out++ = csv->quote;
        *out++ = csv->quote;
    }
    memcpy(out, csv->line_end, csv->line_end_length);
    return out + csv->line_end_length;
}

/* Write rows, for which there is the room that the interface asks for and no more. */
static void write_rows(const fuzz_run *run, const sx_rows *rows, fuzz_result *result) {
    const sx_layout *layout = run->layout;
    for (size_t i = 0; i < rows->count; i++) {
        sx_row row = {.bytes = rows->bytes, .ends = rows->ends + i * rows->stride + 1};
        uint64_t position = rows->position + (uint32_t)(row.ends[-1] + 1);
        size_t room = run->kernel->rows.output_bytes(run->state, &row);
        uint8_t *out = allocate(room + PADDING_BYTES);
        uint8_t *end = layout->is_to_csv ? row_as_csv(run, &row, out)
                                         : row_as_json(run, &row, position, out);
        if (end != NULL) {
            REQUIRE((size_t)(end - out) <= room);
            add_output(result, out, (size_t)(end - out));
        }
        free(out);
    }
}

/* Return what reads records of a case, and does not care what becomes of them. */
static sx_layout reader_of(const fuzz_case *given) {
    sx_layout layout = given->layout;
    layout.pick_count = 1;
    layout.target = layout.source;
    layout.is_to_csv = layout.keeps_cells = true;
    layout.strict_types = false;
    layout.null_count = 0;
    return layout;
}

static void add_batch(fuzz_batches *batches, sx_rows *rows) {
    batches->items = realloc(batches->items, (batches->count + 1) * sizeof rows);
    REQUIRE(batches->items != NULL);
    batches->items[batches->count++] = rows;
}

fuzz_batches read_batches(const fuzz_run *run, const fuzz_case *given, fuzz_result *result) {
    static const size_t MOST[] = {1, 2, 7, 256};
    size_t most = MOST[given->cut % 4];
    fuzz_batches batches = {0};
    uint8_t *data = copy_of(given->data, given->length);
    sx_start(run->state, data, given->length, run->limit, run->output_limit);
    sx_status status = SX_FULL;
    while ((status == SX_FULL || status == SX_ODD) && result->odd_count < MOST_ODD_RANGES) {
        sx_rows *rows;
        status = run->kernel->rows.read(run->state, most, &rows);
        if (rows != NULL) add_batch(&batches, rows);
        if (status != SX_ODD) continue;
        size_t end = sx_odd_end(run->state);
        add_odd(result, (fuzz_range){sx_odd_start(run->state), end});
        run->kernel->pass_odd(run->state, end, run->records_of_odd, run->records_of_odd);
    }
    free(data);
    result->has_no_memory = status == SX_MEMORY;
    result->tally.records = sx_tally_of(run->state)->records;
    result->tally.blank_lines = sx_tally_of(run->state)->blank_lines;
    return batches;
}

void convert_rows(const fuzz_run *run, const fuzz_case *given, fuzz_result *result) {
    sx_layout layout = reader_of(given);
    fuzz_run reading = *run;
    reading.layout = &layout;
    reading.state = sx_new(run->kernel, &layout);
    if (reading.state == NULL) return;
    start_result(result, run->layout);
    add_output(result, NULL, 0);
    fuzz_batches batches = read_batches(&reading, given, result);
    sx_free(reading.state);
    sx_start(run->state, NULL, 0, 0, 0);
    for (size_t i = 0; i < batches.count; i++) {
        write_rows(run, batches.items[i], result);
        run->kernel->rows.release(batches.items[i]);
    }
    free(batches.items);
    add_tally(result, sx_tally_of(run->state), 0);
}
