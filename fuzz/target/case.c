/* case.c: makes a layout and data of an input's bytes, as the Cython wrapper makes them of Python's. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"
#include "target.h"

/* Any ASCII character but NUL and line ends can be either; these are unlike each other in how the
 * kernel might mistake them. */
static const uint8_t DELIMITERS[16] = ",\t;|, :1-e\\\"a[\x7f\x01";
static const uint8_t QUOTES[8] = "\"'\"|\"0\\n";

/* Names that are long, escaped, alike in their beginnings or not ASCII. A corpus from sample_data
 * has some of these keys. */
static const char *const NAMES[] = {
    "a", "b", "id", "name", "value", "", "feature", "source_file", "status", "support", "spec_url",
    "tags", "a\"b", "tab\there", "back\\slash", "\xc3\xa9t\xc3\xa9", "\xf0\x9f\x98\x80", "null",
    "exactly 16 bytes", "exactly 32 bytes: a vector of it", "a much longer name than any vector holds, of 61 bytes in all",
    "nul\x01" "control", "A", "aa",
};
enum { NAME_COUNT = sizeof NAMES / sizeof *NAMES };

static const char *const TOKENS[8] = {
    "", "NA", "N/A", "-", "12345678", "123456789", "quo\"te",
    "a null token that no one would ever choose, since it is 70 bytes long.",
};

void *keep(fuzz_case *given, void *memory) {
    given->kept[given->kept_count++] = memory;
    return memory;
}

sx_text keep_text(fuzz_case *given, const uint8_t *bytes, size_t length) {
    uint8_t *text = keep(given, allocate(length + PADDING_BYTES));
    memcpy(text, bytes, length);
    memset(text + length, 0, PADDING_BYTES);
    return (sx_text){text, length};
}

static sx_csv csv_of(uint8_t choice) {
    sx_csv csv = {
        .delimiter = DELIMITERS[choice & 15],
        .quote = QUOTES[choice >> 4 & 7],
        .line_end = {'\n', '\n'},
        .line_end_length = 1,
    };
    if (csv.delimiter == csv.quote) csv.delimiter = ',';
    if (choice >> 7) {
        csv.line_end[0] = '\r';
        csv.line_end_length = 2;
    }
    return csv;
}

static size_t column_count_of(uint8_t choice) {
    if (choice < 128) return choice % 8 + 1;
    return choice < 250 ? choice - 127u : (choice - 249u) * 100;
}

static sx_text name_of(fuzz_case *given, size_t index, size_t offset) {
    char made[32];
    const char *name = made;
    if (index < NAME_COUNT) name = NAMES[(index + offset) % NAME_COUNT];
    else snprintf(made, sizeof made, "c%zu", index);
    return keep_text(given, (const uint8_t *)name, strlen(name));
}

static void add_columns(fuzz_case *given, const uint8_t *input) {
    size_t count = given->layout.column_count;
    sx_column *columns = keep(given, allocate(count * sizeof *columns));
    unsigned types = input[TYPES] | (unsigned)input[MORE_TYPES] << 8;
    for (size_t i = 0; i < count; i++) {
        columns[i].name = name_of(given, i, input[SHAPE] >> 4);
        columns[i].type = (sx_type)(types >> (i % 8 * 2) & 3);
        columns[i].is_pinned = input[PINNED] >> (i % 8) & 1;
    }
    given->layout.columns = columns;
}

/* What stands before a value in JSON; none in CSV. */
static sx_text label_of(
    fuzz_case *given, const sx_kernel *kernel, const sx_text *name, bool is_first) {
    const sx_layout *layout = &given->layout;
    uint8_t *label = allocate(LONGEST_ESCAPE_BYTES * name->length + 4 + PADDING_BYTES);
    size_t length = 0;
    if (layout->is_from_csv) label[length++] = is_first ? '{' : ',';
    length += kernel->json_string(label + length, name->bytes, name->length);
    label[length++] = ':';
    sx_text text = keep_text(given, label, layout->is_to_csv ? 0 : length);
    free(label);
    return text;
}

static void add_picks(fuzz_case *given, const uint8_t *input, const sx_kernel *kernel) {
    sx_layout *layout = &given->layout;
    size_t columns = layout->column_count, left_out = input[PICKS] & 7;
    layout->pick_count = columns > left_out ? columns - left_out : columns > 0;
    sx_pick *picks = keep(given, allocate(layout->pick_count * sizeof *picks));
    for (size_t i = 0; i < layout->pick_count; i++) {
        size_t column = (i + (input[PICKS] >> 4 & 7)) % columns;
        if (input[PICKS] >> 3 & 1) column = columns - 1 - column;
        bool is_renamed = input[PICKS] >> 7;
        /* The last ones show what the program computes. */
        if (layout->pick_count - i <= layout->program.derived_count)
            column = columns + layout->pick_count - i - 1;
        bool is_derived = column >= columns;
        picks[i].column = column;
        picks[i].key = column % columns;
        picks[i].presence = is_derived ? (sx_presence)((i + input[SHAPE]) % 3) : WITH_KEY;
        picks[i].name =
            is_renamed || is_derived ? name_of(given, i, (input[SHAPE] >> 4) + 7u)
                                     : layout->columns[column].name;
        picks[i].label = label_of(given, kernel, &picks[i].name, i == 0);
    }
    layout->picks = picks;
}

static void add_nulls(fuzz_case *given, uint8_t choice) {
    sx_text *nulls = keep(given, allocate((size_t)__builtin_popcount(choice) * sizeof *nulls));
    given->layout.nulls = nulls;
    for (size_t i = 0; i < 8; i++)
        if (choice >> i & 1)
            nulls[given->layout.null_count++] =
                keep_text(given, (const uint8_t *)TOKENS[i], strlen(TOKENS[i]));
}

/* Repeat a small input until it crosses the borders of blocks and slices. */
static void add_data(fuzz_case *given, const uint8_t *data, size_t length, unsigned repeat) {
    static const size_t WANTED_BYTES[16] = {
        [8] = 50, 100, 200, 400, 1000, SLICE_BYTES / 2, SLICE_BYTES, 2 * SLICE_BYTES};
    size_t times = length == 0 ? 1 : WANTED_BYTES[repeat] / length + 1;
    given->length = times * length;
    given->data = keep(given, allocate(given->length));
    for (size_t i = 0; i < times && length > 0; i++)
        memcpy(given->data + i * length, data, length);
}

fuzz_case make_case(const uint8_t *input, size_t size, const sx_kernel *kernel) {
    fuzz_case given = {0};
    sx_layout *layout = &given.layout;
    layout->is_from_csv = (input[KIND] & 1) == 0;
    layout->is_to_csv = (input[KIND] & 2) != 0;
    bool is_jsonl = !layout->is_from_csv && !layout->is_to_csv;
    layout->is_unchanged = is_jsonl && (input[KIND] >> 2 & 1);
    layout->passes_unknown_keys = is_jsonl && (input[KIND] >> 3 & 1);
    layout->drops_extra_keys = input[KIND] >> 4 & 1;
    layout->ignores_extra_keys = input[KIND] >> 5 & 1;
    layout->strict_types = input[KIND] >> 6 & 1;
    given.records_of_odd = input[KIND] >> 7;
    if (layout->is_from_csv) layout->source = csv_of(input[SOURCE]);
    if (layout->is_to_csv) layout->target = csv_of(input[TARGET]);
    layout->keeps_cells = layout->is_from_csv && layout->is_to_csv &&
                          layout->source.delimiter == layout->target.delimiter &&
                          layout->source.quote == layout->target.quote;
    layout->column_count = column_count_of(input[COLUMNS]);
    if (is_jsonl && input[COLUMNS] == 0) layout->column_count = 0;
    given.kept = allocate((3 * layout->column_count + 32) * sizeof *given.kept);
    add_columns(&given, input);
    bool has_program = layout->column_count > 0 && (input[KIND] >> 4 & 1);
    if (has_program) add_program(&given, input);
    add_picks(&given, input, kernel);
    add_nulls(&given, input[NULLS]);
    add_data(&given, input + HEADER_BYTES, size - HEADER_BYTES, input[SHAPE] & 15);
    uint64_t limit = input[LIMIT] == 0 ? UINT64_MAX : input[LIMIT] - 1u;
    bool is_of_output = has_program && (input[KIND] >> 5 & 1);
    given.limit = is_of_output ? UINT64_MAX : limit;
    given.output_limit = is_of_output ? limit : UINT64_MAX;
    size_t longest = input[LONGEST];
    layout->max_record_bytes = longest == 0 ? 1 << 24 : longest < 128 ? longest : (longest - 127) * 512;
    size_t capacity = input[CAPACITY];
    given.capacity = capacity == 0 ? LARGE_CAPACITY : capacity < 128 ? capacity : (capacity - 127) * 64;
    given.cut = (input[CUT] | (size_t)input[MORE_CUT] << 8) % (given.length + 1);
    given.failing_allocation = input[FAILURE];
    return given;
}

void free_case(fuzz_case *given) {
    for (size_t i = 0; i < given->kept_count; i++) free(given->kept[i]);
    free(given->kept);
}
