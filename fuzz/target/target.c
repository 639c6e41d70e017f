/* target.c: what one input of the fuzzer does: it converts its data in many ways that must agree.
 *
 * The kernel is right about a record or calls it odd, whatever the instruction set, the room for
 * output and where the data was cut. Nothing here knows what a record means; that is compared with the
 * reference codec elsewhere.
 */

#include "target.h"

#include <stdlib.h>
#include <string.h>

static fuzz_run run_of(const fuzz_case *given, const sx_kernel *kernel, sx_state *state) {
    return (fuzz_run){
        .kernel = kernel,
        .state = state,
        .layout = &given->layout,
        .capacity = LARGE_CAPACITY,
        .limit = given->limit,
        .output_limit = given->output_limit,
        .records_of_odd = given->records_of_odd,
    };
}

/* Convert the data in one piece, with a state that was in use before. */
static void check_whole(
    const fuzz_case *given, const sx_kernel *kernel, sx_state *state, const fuzz_result *expected) {
    fuzz_run run = run_of(given, kernel, state);
    run.capacity = given->capacity;
    fuzz_result result = {0};
    convert_piece(&run, given->data, given->length, 0, &result);
    require_same(expected, &result);
    free_result(&result);
}

/* Records have rows where they are CSV, and no program sees them first. */
static bool has_rows(const fuzz_case *given) {
    return given->layout.is_from_csv && given->layout.program.instruction_count == 0;
}

/* Take the data apart and write it again. Where types are strict, fields that are not of theirs are
 * met only by then. */
static void check_rows(
    const fuzz_case *given, const sx_kernel *kernel, sx_state *state, const fuzz_result *expected) {
    fuzz_run run = run_of(given, kernel, state);
    fuzz_result result = {0};
    convert_rows(&run, given, &result);
    if (!given->layout.strict_types) require_same(expected, &result);
    free_result(&result);
}

/* Begin to convert, as a caller does who then wants no more. */
static void give_up(const fuzz_case *given, const sx_kernel *kernel, sx_state *state) {
    uint8_t *out = allocate(given->capacity);
    size_t written;
    sx_start(state, given->data, given->length, given->limit, given->output_limit);
    kernel->convert(state, out, given->capacity, &written);
    free(out);
}

/* Convert the data in two pieces. */
static void check_pieces(const fuzz_case *given, const sx_kernel *kernel, sx_state *state,
                         size_t cut, const fuzz_result *expected) {
    fuzz_run run = run_of(given, kernel, state);
    fuzz_result result = {0};
    uint8_t *first = copy_of(given->data, cut);
    uint8_t *second = copy_of(given->data + cut, given->length - cut);
    convert_piece(&run, first, cut, 0, &result);
    uint64_t read = result.tally.records + result.odd_count * run.records_of_odd;
    uint64_t written = read - result.tally.left_out;
    if (given->limit < UINT64_MAX) run.limit -= read < run.limit ? read : run.limit;
    if (given->output_limit < UINT64_MAX)
        run.output_limit -= written < run.output_limit ? written : run.output_limit;
    convert_piece(&run, second, given->length - cut, cut, &result);
    require_same(expected, &result);
    free(first);
    free(second);
    free_result(&result);
}

/* Return what is noted of each column's type, or NULL without memory. */
static uint8_t *infer(const fuzz_case *given, const sx_kernel *kernel, sx_state *state) {
    size_t count = given->layout.column_count;
    uint8_t *verdicts = allocate(count);
    memset(verdicts, 0, count);
    sx_start(state, given->data, given->length, UINT64_MAX, UINT64_MAX);
    sx_status status = kernel->infer_types(state, verdicts);
    if (status == SX_END) return verdicts;
    REQUIRE(status == SX_MEMORY);
    free(verdicts);
    return NULL;
}

/* Fail to get memory, as the input says where, and go on with the same state afterwards. */
static void check_failure(
    const fuzz_case *given, const sx_kernel *kernel, const fuzz_result *expected) {
    fail_allocation(given->failing_allocation);
    sx_state *state = sx_new(kernel, &given->layout);
    if (state != NULL) {
        fuzz_run run = run_of(given, kernel, state);
        fuzz_result result = {0};
        convert_piece(&run, given->data, given->length, 0, &result);
        free_result(&result);
        if (given->layout.is_from_csv) free(infer(given, kernel, state));
        result = (fuzz_result){0};
        if (has_rows(given)) convert_rows(&run, given, &result);
        if (!given->layout.is_from_csv) take_objects(given, &run, &result);
        free_result(&result);
    }
    fail_allocation(0);
    if (state != NULL) check_whole(given, kernel, state, expected);
    sx_free(state);
}

/* Convert output once more, to the format that it has: nothing of it may be odd or become different. */
static void check_output(const sx_layout *layout, const sx_kernel *kernel, const fuzz_result *first) {
    sx_state *state = sx_new(kernel, layout);
    REQUIRE(state != NULL);
    fuzz_run run = {kernel, state, layout, LARGE_CAPACITY, UINT64_MAX, UINT64_MAX, 0};
    fuzz_result result = {0};
    uint8_t *data = copy_of(first->output, first->output_bytes);
    convert_piece(&run, data, first->output_bytes, 0, &result);
    REQUIRE(result.odd_count == 0);
    REQUIRE(result.tally.records == first->tally.records - first->tally.left_out);
    REQUIRE(result.tally.blank_lines == 0);
    REQUIRE(result.output_bytes == first->output_bytes);
    REQUIRE(memcmp(result.output, first->output, first->output_bytes) == 0);
    free(data);
    free_result(&result);
    sx_free(state);
}

static void check_csv_output(
    const sx_layout *first, const sx_kernel *kernel, const fuzz_result *result) {
    size_t count = first->pick_count;
    sx_column *columns = allocate(count * sizeof *columns);
    sx_pick *picks = allocate(count * sizeof *picks);
    for (size_t i = 0; i < count; i++) {
        picks[i] = (sx_pick){
            .column = i, .key = i, .name = first->picks[i].name, .label = first->picks[i].label};
        columns[i] = (sx_column){.name = first->picks[i].name};
    }
    sx_layout layout = {
        .is_from_csv = true,
        .is_to_csv = true,
        .keeps_cells = true,
        .source = first->target,
        .target = first->target,
        .max_record_bytes = EVERYTHING,
        .column_count = count,
        .columns = columns,
        .pick_count = count,
        .picks = picks,
    };
    check_output(&layout, kernel, result);
    /* Cells that were written anew have quotes only where they must. */
    layout.keeps_cells = first->keeps_cells;
    if (!layout.keeps_cells) check_output(&layout, kernel, result);
    free(columns);
    free(picks);
}

static void check_jsonl_output(const sx_kernel *kernel, const fuzz_result *result) {
    const uint8_t *end = result->output + result->output_bytes;
    for (const uint8_t *line = result->output, *feed; line < end; line = feed + 1) {
        feed = memchr(line, '\n', (size_t)(end - line));
        REQUIRE(feed != NULL);
        REQUIRE(is_json(line, (size_t)(feed - line)));
    }
    sx_layout layout = {.is_unchanged = true, .max_record_bytes = EVERYTHING};
    check_output(&layout, kernel, result);
}

/* Let the data have the types that were found in it: no cell may be unlike its type. */
static void check_found_types(
    const fuzz_case *given, const sx_kernel *kernel, const uint8_t *verdicts) {
    fuzz_case typed = *given;
    size_t count = given->layout.column_count;
    sx_column *columns = allocate(count * sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        columns[i] = (sx_column){.name = given->layout.columns[i].name};
        if (!(verdicts[i] & HAS_VALUE)) columns[i].type = TYPE_STRING;
        else if (!(verdicts[i] & NO_INTEGER)) columns[i].type = TYPE_INTEGER;
        else if (!(verdicts[i] & NO_NUMBER)) columns[i].type = TYPE_NUMBER;
        else if (!(verdicts[i] & NO_BOOLEAN)) columns[i].type = TYPE_BOOLEAN;
    }
    typed.layout.columns = columns;
    typed.layout.is_to_csv = typed.layout.keeps_cells = typed.layout.strict_types = false;
    sx_state *state = sx_new(kernel, &typed.layout);
    REQUIRE(state != NULL);
    fuzz_run run = run_of(&typed, kernel, state);
    fuzz_result result = {0};
    convert_piece(&run, given->data, given->length, 0, &result);
    for (size_t i = 0; i < result.pick_count; i++) REQUIRE(result.tally.misfits[i].count == 0);
    free_result(&result);
    sx_free(state);
    free(columns);
}

/* Infer types; compare them with the first kernel's, or note those. */
static void check_types(
    const fuzz_case *given, const sx_kernel *kernel, sx_state *state, uint8_t **expected) {
    uint8_t *verdicts = infer(given, kernel, state);
    REQUIRE(verdicts != NULL);
    if (*expected == NULL) {
        *expected = verdicts;
        return;
    }
    REQUIRE(memcmp(verdicts, *expected, given->layout.column_count) == 0);
    free(verdicts);
}

/* Write the data as a JSON string; compare it with the first kernel's, or note that. */
static void check_string(const fuzz_case *given, const sx_kernel *kernel, uint8_t **expected) {
    size_t length = given->length < 200 ? given->length : 200;
    size_t capacity = LONGEST_ESCAPE_BYTES * length + 2 + PADDING_BYTES;
    uint8_t *text = allocate(length + PADDING_BYTES), *out = allocate(capacity);
    memset(text, '"', length + PADDING_BYTES);
    memcpy(text, given->data, length);
    size_t written = kernel->json_string(out, text, length);
    REQUIRE(written >= length + 2 && written + PADDING_BYTES <= capacity);
    memset(out + written, 0, capacity - written);
    free(text);
    if (*expected != NULL) REQUIRE(memcmp(out, *expected, capacity) == 0);
    if (*expected != NULL) free(out);
    else *expected = out;
}

/* Let all kernels do the same, and one of them the rest. */
static void check_case(
    const fuzz_case *given, const sx_kernel *const *kernels, size_t kernel_count, size_t chosen) {
    sx_state *states[MOST_KERNELS];
    fuzz_result expected = {0};
    fuzz_keys keys = {0};
    uint8_t *verdicts = NULL, *string = NULL;
    size_t cut = check_boundaries(given, kernels[0]);
    for (size_t i = 0; i < kernel_count; i++) {
        states[i] = sx_new(kernels[i], &given->layout);
        REQUIRE(states[i] != NULL);
        REQUIRE(check_boundaries(given, kernels[i]) == cut);
        if (given->layout.is_from_csv) check_types(given, kernels[i], states[i], &verdicts);
        else check_keys(given, kernels[i], &keys);
        fuzz_run run = run_of(given, kernels[i], states[i]);
        if (i == 0) convert_piece(&run, given->data, given->length, 0, &expected);
        check_whole(given, kernels[i], states[i], &expected);
        check_starts(given, kernels[i], &expected);
        check_string(given, kernels[i], &string);
    }
    const sx_kernel *kernel = kernels[chosen];
    check_lines(given, &expected);
    give_up(given, kernel, states[chosen]);
    check_pieces(given, kernel, states[chosen], cut, &expected);
    if (has_rows(given)) check_rows(given, kernel, states[chosen], &expected);
    fuzz_run run = run_of(given, kernel, states[chosen]);
    if (!given->layout.is_from_csv) check_objects(given, &run);
    if (given->failing_allocation > 0) check_failure(given, kernel, &expected);
    if (given->layout.is_to_csv) check_csv_output(&given->layout, kernel, &expected);
    else check_jsonl_output(kernel, &expected);
    if (given->layout.is_from_csv) check_found_types(given, kernel, verdicts);
    else check_found_keys(given, kernel, &keys);
    free_keys(&keys);
    free(verdicts);
    free(string);
    free_result(&expected);
    for (size_t i = 0; i < kernel_count; i++) sx_free(states[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    const sx_kernel *kernels[MOST_KERNELS];
    size_t kernel_count = sx_kernels(kernels);
    if (size < HEADER_BYTES) return 0;
    fuzz_case given = make_case(input, size, kernels[0]);
    check_case(&given, kernels, kernel_count, input[CUT] % kernel_count);
    free_case(&given);
    REQUIRE(allocations_held() == 0);
    return 0;
}
