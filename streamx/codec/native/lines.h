/* lines.h: takes lines of JSON apart for user code, and writes those of their members that it left as
 * they came.
 *
 * Lines are gathered in the state, and then copied to rows of their own: how many members they have is
 * known only by then. Only objects are taken, whose keys are the layout's to judge.
 */

/* Tell whether the object at hand has the keys of the one before, in the same order, and note them. */
static bool is_like_last(sx_state *state) {
    sx_dictionary *keys = &state->dictionary;
    bool is_same = keys->last_count == state->pair_count;
    if (!reserve(&keys->last, state->pair_count * sizeof(uint32_t))) {
        keys->last_count = SIZE_MAX;
        return false;
    }
    uint32_t *last = (uint32_t *)keys->last.bytes;
    for (size_t i = 0; i < state->pair_count && is_same; i++)
        is_same = last[i] == state->pairs[i].key;
    for (size_t i = 0; i < state->pair_count && !is_same; i++) last[i] = state->pairs[i].key;
    keys->last_count = state->pair_count;
    return is_same;
}

/* Add the object at hand, which ends at `end`; offsets count from `base`. */
static bool gather_line(sx_state *state, const uint8_t *base, const uint8_t *end) {
    size_t bytes = sizeof(sx_line) + state->pair_count * sizeof(sx_member);
    if (!reserve(&state->lines, state->lines_bytes + bytes)) return false;
    sx_line *line = (sx_line *)(state->lines.bytes + state->lines_bytes);
    line->start = (uint32_t)(state->window + state->cursor - base);
    line->end = (uint32_t)(end - base);
    line->count = (uint32_t)state->pair_count;
    line->is_like_last = is_like_last(state);
    line->has_escaped_keys = state->dictionary.has_escapes;
    for (size_t i = 0; i < state->pair_count; i++) {
        const sx_pair *pair = &state->pairs[i];
        line->members[i] = (sx_member){(uint32_t)(pair->label - base), (uint32_t)(pair->start - base),
                                       (uint32_t)(pair->end - base)};
    }
    state->lines_bytes += bytes;
    return true;
}

/* Pass the next line, and gather it unless it is blank. */
static sx_status next_line(sx_state *state, const uint8_t *base) {
    const uint8_t *at = skip_space(state->window + state->cursor);
    bool is_blank_line = *at == '\n';
    if (!is_blank_line) at = read_object(state, at);
    if (at == NULL || *at != '\n') return odd_line(state);
    size_t end = (size_t)(at - state->window);
    size_t bytes = end - state->cursor + (state->window_position + end < state->length);
    if (bytes > smaller(state->layout->max_record_bytes, LONGEST_RECORD_BYTES)) return odd_line(state);
    if (!is_blank_line) {
        if (end >= state->valid_bytes || state->dictionary.has_clash) return odd_line(state);
        if (!gather_line(state, base, at)) return SX_MEMORY;
        state->tally.records++;
        state->remaining--;
    }
    state->tally.blank_lines += is_blank_line;
    state->cursor = end + 1;
    return SX_END;
}

/* Return the lines that were gathered from `base` on, in memory of their own. */
static sx_rows *rows_of_lines(const sx_state *state, const uint8_t *base, size_t count) {
    size_t bytes = (size_t)(state->window + state->cursor - base);
    sx_rows *rows = malloc(sizeof *rows + state->lines_bytes + bytes + PADDING_BYTES);
    if (rows == NULL) return NULL;
    *rows = (sx_rows){.ends = (uint32_t *)(rows + 1), .count = count, .capacity = count,
                      .size_bytes = bytes,
                      .position = state->window_position + (size_t)(base - state->window)};
    rows->bytes = (uint8_t *)rows->ends + state->lines_bytes;
    memcpy(rows->ends, state->lines.bytes, state->lines_bytes);
    memcpy(rows->bytes, base, bytes);
    memset(rows->bytes + bytes, 0, PADDING_BYTES);
    return rows;
}

/* Read some lines of the window. */
static sx_status read_window_lines(sx_state *state, size_t most, sx_rows **rows) {
    const uint8_t *base = state->window + state->cursor;
    uint64_t before = state->tally.records;
    sx_status status = SX_END;
    state->lines_bytes = 0;
    state->dictionary.last_count = SIZE_MAX;
    while (status == SX_END && state->cursor < state->window_bytes && state->remaining > 0 &&
           state->tally.records - before < most)
        status = next_line(state, base);
    size_t count = (size_t)(state->tally.records - before);
    if (count == 0 || status == SX_MEMORY) return status;
    *rows = rows_of_lines(state, base, count);
    return *rows == NULL ? SX_MEMORY : status;
}

/* As read_rows. */
static sx_status read_lines(sx_state *state, size_t most, sx_rows **rows) {
    *rows = NULL;
    while (state->remaining > 0) {
        if (state->cursor == state->window_bytes) {
            if (position_of_window_end(state) >= state->length) return SX_END;
            if (next_jsonl_window(state) != SX_END) return SX_MEMORY;
        }
        sx_status status = read_window_lines(state, most, rows);
        if (status != SX_END) return status;
        if (*rows != NULL) return SX_FULL;
    }
    return SX_END;
}

/* Take the value that a JSON text is; SX_LONG for one with escapes, an exponent or brackets. */
static sx_value_type read_json(const uint8_t *text, size_t length, sx_field_value *value) {
    switch (*text) {
    case 'n': return SX_NULL;
    case 't': return SX_TRUE;
    case 'f': return SX_FALSE;
    case '{': case '[': return SX_LONG;
    case '"': break;
    default: return read_number(text, length, value);
    }
    value->text = (sx_text){text + 1, length - 2};
    return memchr(text, '\\', length) == NULL ? SX_TEXT : SX_LONG;
}

/* Write members as they came, each behind the label of its field, from `first` on and before `last`. */
static uint8_t *members_to_json(
    const sx_row *row, const sx_json_field *fields, size_t first, size_t last, uint8_t *out) {
    for (size_t i = first; i < last; i++) {
        const sx_member *member = &row->line->members[fields[i].member];
        out = copy(out, fields[i].label.bytes, fields[i].label.length);
        out = copy(out, row->bytes + member->value, member->value_end - member->value);
    }
    return out;
}
