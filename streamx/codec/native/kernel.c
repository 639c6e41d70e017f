/* kernel.c: chooses the kernels that the machine can run, and keeps the state of a thread. */

#include "state.h"

extern const sx_kernel sx_kernel_portable;
#if defined(__x86_64__)
extern const sx_kernel sx_kernel_sse2, sx_kernel_avx2, sx_kernel_avx512;
#endif

size_t sx_kernels(const sx_kernel *kernels[MOST_KERNELS]) {
    size_t count = 0;
    kernels[count++] = &sx_kernel_portable;
#if defined(__x86_64__)
    kernels[count++] = &sx_kernel_sse2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("pclmul") &&
        __builtin_cpu_supports("popcnt"))
        kernels[count++] = &sx_kernel_avx2;
    if (count == 3 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vbmi2"))
        kernels[count++] = &sx_kernel_avx512;
#endif
    return count;
}

/* The bytes of a record's output beside what its cells need: labels, separators, quotes, null. */
static size_t fixed_bytes_of(const sx_layout *layout) {
    enum { MOST_BYTES_OF_CELL = 6, MOST_BYTES_OF_RECORD = 16 };
    size_t bytes = MOST_BYTES_OF_RECORD + layout->pick_count * MOST_BYTES_OF_CELL;
    for (size_t i = 0; i < layout->pick_count; i++) {
        bytes += layout->picks[i].label.length;
        if (layout->picks[i].column >= layout->column_count) bytes += 2 * MOST_BYTES_OF_SCALAR;
    }
    return bytes;
}

/* Give the program's registers their first values. */
static bool make_values(sx_state *state) {
    const sx_program *program = &state->layout->program;
    state->values = calloc(program->register_count + 1, sizeof *state->values);
    if (state->values == NULL) return false;
    if (program->instruction_count > 0 && !reserve(&state->made, MOST_MADE_BYTES + PADDING_BYTES))
        return false;
    for (size_t i = 0; i < program->constant_count; i++)
        state->values[program->constants[i].to] = program->constants[i].value;
    return true;
}

/* Prepare the null tokens, whose bytes have readable ones behind them. */
static bool make_nulls(sx_state *state) {
    const sx_layout *layout = state->layout;
    state->nulls = calloc(layout->null_count + 1, sizeof *state->nulls);
    if (state->nulls == NULL) return false;
    for (size_t i = 0; i < layout->null_count; i++) {
        sx_token *null = &state->nulls[i];
        size_t length = layout->nulls[i].length;
        uint8_t mask[sizeof null->word_mask] = {0};
        memset(mask, 0xff, smaller(length, sizeof mask));
        *null = (sx_token){
            layout->nulls[i], first_word(layout->nulls[i].bytes), first_word(mask)};
        if (length > state->longest_null) state->longest_null = length;
    }
    return true;
}

/* Tell whether a number, true or false of JSON may hold a byte. */
static bool is_in_scalars(uint8_t byte) {
    return byte != 0 && strchr("0123456789+-.eEtrufals", byte) != NULL;
}

static bool make_table(sx_state *state) {
    sx_table *table = &state->table;
    size_t columns = state->layout->column_count;
    table->record_capacity = SLICE_BYTES;
    table->field_capacity = (columns > SLICE_BYTES ? columns : SLICE_BYTES) + 1;
    size_t fields = table->field_capacity + MOST_POSITIONS_AT_ONCE;
    /* One more before the first, for the end of a field before it. */
    uint32_t *ends = malloc((fields + 1) * sizeof *ends);
    if (ends != NULL) table->ends = ends + 1;
    table->lasts = malloc(table->record_capacity * sizeof *table->lasts);
    return table->ends != NULL && table->lasts != NULL;
}

sx_state *sx_new(const sx_kernel *kernel, const sx_layout *layout) {
    sx_state *state = calloc(1, sizeof *state);
    if (state == NULL) return NULL;
    state->layout = layout;
    state->scalars_need_quotes =
        is_in_scalars(layout->target.delimiter) || is_in_scalars(layout->target.quote);
    state->fixed_bytes = fixed_bytes_of(layout);
    state->tally.misfits = calloc(layout->pick_count + 1, sizeof *state->tally.misfits);
    state->quick_fields = calloc(layout->pick_count + 1, sizeof *state->quick_fields);
    bool is_ready = state->tally.misfits != NULL && state->quick_fields != NULL &&
                    make_nulls(state) && make_values(state) &&
                    reserve(&state->scratch, PADDING_BYTES) &&
                    (!layout->is_from_csv || make_table(state)) && kernel->prepare(state);
    if (is_ready) return state;
    sx_free(state);
    return NULL;
}

static void clear_dropped_keys(sx_tally *tally) {
    for (size_t i = 0; i < tally->dropped_key_count; i++)
        free((void *)tally->dropped_keys[i].key.bytes);
    tally->dropped_key_count = 0;
}

void sx_free(sx_state *state) {
    if (state == NULL) return;
    clear_dropped_keys(&state->tally);
    free(state->tally.misfits);
    free(state->nulls);
    free(state->values);
    free(state->made.bytes);
    free(state->quick_fields);
    if (state->table.ends != NULL) free(state->table.ends - 1);
    free(state->table.lasts);
    free(state->dictionary.keys);
    free(state->dictionary.slots);
    free(state->dictionary.text.bytes);
    free(state->dictionary.last.bytes);
    free(state->pairs);
    free(state->tail.bytes);
    free(state->scratch.bytes);
    free(state->lines.bytes);
    free(state);
}

/* Leave the window empty; the next one starts at a position. */
void sx_start(
    sx_state *state, const uint8_t *data, size_t length, uint64_t limit, uint64_t output_limit) {
    state->data = data;
    state->length = length;
    state->remaining = limit;
    state->remaining_output = output_limit;
    clear_dropped_keys(&state->tally);
    state->tally.records = state->tally.left_out = 0;
    state->tally.blank_lines = state->tally.dropped_values = 0;
    state->tally.padded = state->tally.first_padded = 0;
    memset(state->tally.misfits, 0, state->layout->pick_count * sizeof *state->tally.misfits);
    go_to(state, 0);
}

const sx_tally *sx_tally_of(const sx_state *state) { return &state->tally; }
size_t sx_odd_start(const sx_state *state) { return state->odd_start; }
size_t sx_odd_end(const sx_state *state) { return state->odd_end; }
size_t sx_needed(const sx_state *state) { return state->needed; }

size_t sx_key_count(const sx_state *state) { return state->dictionary.collected; }

void sx_keys(const sx_state *state, sx_text *keys) {
    const sx_dictionary *known = &state->dictionary;
    for (size_t i = 0; i < known->count; i++) {
        const sx_key *key = &known->keys[i];
        if (key->order > 0)
            keys[key->order - 1] = (sx_text){known->text.bytes + key->text, key->length};
    }
}
