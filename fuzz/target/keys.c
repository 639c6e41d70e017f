/* keys.c: checks what the kernel collects as the keys of JSONL. */

#include <stdlib.h>
#include <string.h>

#include "target.h"

static sx_state *new_state(const sx_kernel *kernel, const sx_layout *layout) {
    sx_state *state = sx_new(kernel, layout);
    REQUIRE(state != NULL);
    return state;
}

/* Copy the keys out of a state. */
static void take_keys(fuzz_keys *keys, const sx_state *state) {
    keys->count = sx_key_count(state);
    keys->texts = allocate(keys->count * sizeof *keys->texts);
    sx_keys(state, keys->texts);
    for (size_t i = 0; i < keys->count; i++) {
        sx_text *text = &keys->texts[i];
        uint8_t *copy = allocate(text->length + PADDING_BYTES);
        memset(copy, 0, text->length + PADDING_BYTES);
        memcpy(copy, text->bytes, text->length);
        text->bytes = copy;
    }
}

static fuzz_keys collect(const fuzz_case *given, const sx_kernel *kernel) {
    fuzz_keys keys = {0};
    sx_layout layout = {.max_record_bytes = EVERYTHING};
    sx_state *state = new_state(kernel, &layout);
    sx_start(state, given->data, given->length, UINT64_MAX, UINT64_MAX);
    sx_status status = SX_ODD;
    while (status == SX_ODD && keys.odd.odd_count < MOST_ODD_RANGES) {
        status = kernel->collect_keys(state);
        REQUIRE(status != SX_MEMORY);
        if (status != SX_ODD) break;
        add_odd(&keys.odd, (fuzz_range){sx_odd_start(state), sx_odd_end(state)});
        kernel->pass_odd(state, sx_odd_end(state), 0, 0);
    }
    keys.are_complete = status == SX_END;
    if (keys.are_complete) take_keys(&keys, state);
    sx_free(state);
    return keys;
}

void check_keys(const fuzz_case *given, const sx_kernel *kernel, fuzz_keys *expected) {
    fuzz_keys keys = collect(given, kernel);
    if (!expected->are_noted) {
        *expected = keys;
        expected->are_noted = true;
        return;
    }
    REQUIRE(keys.are_complete == expected->are_complete);
    require_same_odd(&keys.odd, &expected->odd);
    REQUIRE(keys.count == expected->count);
    for (size_t i = 0; i < keys.count; i++) {
        const sx_text *one = &keys.texts[i], *other = &expected->texts[i];
        REQUIRE(one->length == other->length);
        REQUIRE(memcmp(one->bytes, other->bytes, one->length) == 0);
    }
    free_keys(&keys);
}

void check_found_keys(const fuzz_case *given, const sx_kernel *kernel, const fuzz_keys *keys) {
    if (!keys->are_complete || keys->count == 0) return;
    sx_column *columns = allocate(keys->count * sizeof *columns);
    sx_pick *picks = allocate(keys->count * sizeof *picks);
    uint8_t padding[PADDING_BYTES] = {0};
    for (size_t i = 0; i < keys->count; i++) {
        columns[i] = (sx_column){.name = keys->texts[i]};
        picks[i] = (sx_pick){.column = i, .key = i, .name = keys->texts[i], .label = {padding, 0}};
    }
    sx_layout layout = {
        .is_to_csv = true,
        .target = {',', '"', {'\n', '\n'}, 1},
        .max_record_bytes = EVERYTHING,
        .column_count = keys->count,
        .columns = columns,
        .pick_count = keys->count,
        .picks = picks,
    };
    sx_state *state = new_state(kernel, &layout);
    fuzz_run run = {kernel, state, &layout, LARGE_CAPACITY, UINT64_MAX, UINT64_MAX, 0};
    fuzz_result result = {0};
    convert_piece(&run, given->data, given->length, 0, &result);
    require_same_odd(&result, &keys->odd);
    free_result(&result);
    sx_free(state);
    free(columns);
    free(picks);
}

void free_keys(fuzz_keys *keys) {
    for (size_t i = 0; i < keys->count; i++) free((void *)keys->texts[i].bytes);
    free(keys->texts);
    free_result(&keys->odd);
}
