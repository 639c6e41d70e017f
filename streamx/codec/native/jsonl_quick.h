/* jsonl_quick.h: writes most lines of JSON as CSV records while it reads them.
 *
 * A line whose keys are the layout's columns, all of them and in their order, with short and simple
 * values, needs no account of what was found where. Any other line is left to the usual way.
 */

/* Tell whether the layout has a quick way, and prepare the labels `"key":` for it. */
static void choose_quick_lines(sx_state *state) {
    const sx_layout *layout = state->layout;
    size_t count = layout->column_count;
    bool has_way = layout->is_to_csv && !has_program(state) && count >= 2 && layout->pick_count == count &&
                   !state->scalars_need_quotes && !layout->target.escapes_formulas;
    for (size_t i = 0; i < count && has_way; i++) {
        const sx_key *key = &state->dictionary.keys[i];
        sx_quick_field *quick = &state->quick_fields[i];
        has_way = layout->picks[i].column == i && key->is_plain &&
                  key->length + 2 < QUICK_LABEL_BYTES;
        if (!has_way) break;
        memcpy(quick->label, state->dictionary.text.bytes + key->text, key->length + 2);
        quick->label_length = (uint8_t)(key->length + 2);
    }
    state->has_quick_lines = has_way;
}

/* Past a short string, which is written to `*out`; NULL if it is not a simple one. */
static inline const uint8_t *quick_string(const sx_csv *csv, const uint8_t *at, uint8_t **out) {
    vector v = load(at + 1);
    uint32_t stops = json_specials(v);
    if (stops == 0) return NULL;
    size_t length = (size_t)__builtin_ctz(stops);
    vector own = either(equal(v, all_of(csv->delimiter)), equal(v, all_of(csv->quote)));
    uint32_t specials = mask_of(either(own, equal(v, all_of(0xef)))) & lowest(length);
    if (at[1 + length] != '"' || specials != 0) return NULL;
    store(*out, v);
    *out += length;
    return at + length + 2;
}

/* Past a value, which is written to `*out`; NULL if it is not a simple one. Where the value ends is
 * all that the next one has to wait for, so that is found in one go, and proved beside. */
static inline const uint8_t *quick_value(const sx_csv *csv, const uint8_t *at, uint8_t **out) {
    if (*at == '"') return quick_string(csv, at, out);
    uint32_t negative = *at == '-';
    size_t length = (size_t)__builtin_ctz(~(digits_of_16(at) | negative) | 0x10000);
    bool has_end = at[length] == ',' || at[length] == '}';
    if (has_end & (length > negative) & ((at[negative] != '0') | (length - negative == 1))) {
        memcpy(*out, at, 16);
        *out += length;
        return at + length;
    }
    if (*at == 'n') return memcmp(at, "null", 4) == 0 ? at + 4 : NULL;
    sx_value_kind kind;
    const uint8_t *end = is_nested(*at) ? NULL : skip_scalar(at, &kind);
    if (end == NULL || end - at > 16) return NULL;
    memcpy(*out, at, 16);
    *out += end - at;
    return end;
}

/* Past a line's object, which is written to `*out` as a record; NULL if it is not a simple one.
 * `spaces`, 0 or 1, stand behind each colon and comma. */
static const uint8_t *quick_line(
    const sx_state *state, const uint8_t *at, size_t spaces, uint8_t **out) {
    const sx_csv *csv = &state->layout->target;
    size_t count = state->layout->column_count;
    if (*at++ != '{') return NULL;
    for (size_t i = 0; i < count; i++) {
        const sx_quick_field *quick = &state->quick_fields[i];
        const uint8_t *value = at + 1 + quick->label_length + spaces;
        if (*at != '"' || !is_same(at + 1, quick->label, quick->label_length)) return NULL;
        if (spaces > 0 && value[-1] != ' ') return NULL;
        at = quick_value(csv, value, out);
        if (at == NULL) return NULL;
        if (i + 1 == count) break;
        if (*at != ',' || (spaces > 0 && at[1] != ' ')) return NULL;
        at += 1 + spaces;
        *(*out)++ = csv->delimiter;
    }
    if (at[0] != '}' || at[1] != '\n') return NULL;
    *out = emit_line_end(*out, false, csv);
    return at + 1;
}

/* Convert lines from the cursor on for as long as they are simple and there is room. */
static void quick_lines(sx_state *state, uint8_t *out, size_t capacity, size_t *written) {
    size_t most = state->layout->pick_count * (VECTOR_BYTES + 1) + 2 + PADDING_BYTES;
    while (state->remaining > 0 && state->cursor < state->window_bytes &&
           capacity - *written >= most) {
        const uint8_t *start = state->window + state->cursor;
        uint8_t *end_of_output = out + *written;
        size_t spaces = start[2 + state->quick_fields[0].label_length] == ' ';
        const uint8_t *end = quick_line(state, start, spaces, &end_of_output);
        if (end == NULL) return;
        size_t position = (size_t)(end - state->window);
        size_t bytes = (size_t)(end - start) + (state->window_position + position < state->length);
        if (position >= state->valid_bytes || bytes > state->layout->max_record_bytes) return;
        *written = (size_t)(end_of_output - out);
        state->cursor = position + 1;
        state->tally.records++;
        state->remaining--;
    }
}
