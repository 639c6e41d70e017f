/* lines.c: takes lines of JSON apart and puts them together again, as is done around user code; both must
 * be the same to a conversion. */

#include <stdlib.h>
#include <string.h>

#include "target.h"

/* The length of a key, its quotes included. */
static size_t key_length(const uint8_t *key) {
    const uint8_t *at = key + 1;
    REQUIRE(*key == '"');
    while (*at != '"') at += *at == '\\' ? 2 : 1;
    return (size_t)(at + 1 - key);
}

static const sx_line *next_of(const sx_line *line) {
    return (const sx_line *)&line->members[line->count];
}

/* A line may have the keys of the one before only if it says so, as far as can be seen at once. */
static void check_likeness(const uint8_t *bytes, const sx_line *before, const sx_line *line) {
    if (!line->is_like_last) return;
    REQUIRE(before != NULL && before->count == line->count);
    for (size_t i = 0; i < line->count && !before->has_escaped_keys && !line->has_escaped_keys; i++) {
        const uint8_t *one = bytes + before->members[i].key, *other = bytes + line->members[i].key;
        REQUIRE(memcmp(one, other, key_length(one)) == 0);
    }
}

static void check_value(const fuzz_run *run, const uint8_t *text, size_t length) {
    sx_field_value value;
    uint8_t *copy = allocate(length + PADDING_BYTES);
    memcpy(copy, text, length);
    memset(copy + length, 0, PADDING_BYTES);
    REQUIRE(is_json(copy, length));
    sx_value_type type = run->kernel->rows.read_json(copy, length, &value);
    REQUIRE(type == SX_LONG || is_json_of(run, &value, type, (char *)copy, length));
    free(copy);
}

/* Write an object from its members, each behind its key as it came. */
static void write_line(const fuzz_run *run, const sx_row *row, fuzz_result *result) {
    const sx_line *line = row->line;
    sx_json_field *fields = allocate(line->count * sizeof *fields);
    uint32_t at = line->start + 1;
    size_t room = 0;
    for (uint32_t i = 0; i < line->count; i++) {
        const sx_member *member = &line->members[i];
        size_t length = key_length(row->bytes + member->key);
        uint8_t *label = allocate(length + 2 + PADDING_BYTES);
        REQUIRE(at <= member->key && member->key + length < member->value);
        REQUIRE(member->value < member->value_end && member->value_end < line->end);
        at = member->value_end + 1;
        label[0] = i == 0 ? '{' : ',';
        memcpy(label + 1, row->bytes + member->key, length);
        label[length + 1] = ':';
        fields[i] = (sx_json_field){{label, length + 2}, i};
        room += length + 2 + (member->value_end - member->value);
        check_value(run, row->bytes + member->value, member->value_end - member->value);
    }
    uint8_t *out = allocate(room + PADDING_BYTES);
    size_t middle = line->start % (line->count + 1u);
    uint8_t *end = run->kernel->rows.members_to_json(row, fields, 0, middle, out);
    end = run->kernel->rows.members_to_json(row, fields, middle, line->count, end);
    REQUIRE((size_t)(end - out) == room);
    if (line->count == 0) *end++ = '{';
    memcpy(end, "}\n", 2);
    add_output(result, out, (size_t)(end + 2 - out));
    for (uint32_t i = 0; i < line->count; i++) free((void *)fields[i].label.bytes);
    free(fields);
    free(out);
}

static void write_lines(const fuzz_run *run, const sx_rows *rows, fuzz_result *result) {
    const sx_line *before = NULL, *line = (const sx_line *)rows->ends;
    for (size_t i = 0; i < rows->count; i++, before = line, line = next_of(line)) {
        sx_row row = {.bytes = rows->bytes, .line = line};
        check_likeness(rows->bytes, before, line);
        REQUIRE(line->start < line->end && line->end <= rows->size_bytes);
        write_line(run, &row, result);
    }
}

/* Like another run, but by a layout without a program, whose output has no limit. */
static fuzz_run run_of(const fuzz_run *like, const sx_layout *layout) {
    fuzz_run run = *like;
    run.layout = layout;
    run.state = sx_new(run.kernel, layout);
    run.output_limit = UINT64_MAX;
    return run;
}

/* The keys that there are, all of them unknown. */
static sx_layout layout_of(const fuzz_case *given) {
    return (sx_layout){.passes_unknown_keys = true,
                       .max_record_bytes = given->layout.max_record_bytes};
}

void take_objects(const fuzz_case *given, const fuzz_run *like, fuzz_result *result) {
    sx_layout layout = layout_of(given);
    fuzz_run run = run_of(like, &layout);
    if (run.state == NULL) return;
    start_result(result, &layout);
    add_output(result, NULL, 0);
    fuzz_batches batches = read_batches(&run, given, result);
    for (size_t i = 0; i < batches.count; i++) {
        write_lines(&run, batches.items[i], result);
        run.kernel->rows.release(batches.items[i]);
    }
    free(batches.items);
    sx_free(run.state);
}

void check_objects(const fuzz_case *given, const fuzz_run *like) {
    sx_layout layout = layout_of(given);
    fuzz_result whole = {0}, taken = {0}, again = {0};
    fuzz_run run = run_of(like, &layout);
    REQUIRE(run.state != NULL);
    take_objects(given, like, &taken);
    convert_piece(&run, given->data, given->length, 0, &whole);
    REQUIRE(taken.tally.records == whole.tally.records);
    REQUIRE(taken.tally.blank_lines == whole.tally.blank_lines);
    require_same_odd(&taken, &whole);
    layout.max_record_bytes = EVERYTHING;
    run.limit = UINT64_MAX;
    convert_piece(&run, taken.output, taken.output_bytes, 0, &again);
    REQUIRE(again.odd_count == 0);
    REQUIRE(again.output_bytes == whole.output_bytes);
    REQUIRE(memcmp(again.output, whole.output, whole.output_bytes) == 0);
    free_result(&again);
    free_result(&whole);
    free_result(&taken);
    sx_free(run.state);
}
