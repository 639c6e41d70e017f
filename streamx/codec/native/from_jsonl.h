/* from_jsonl.h: converts lines of JSON to CSV and to JSONL. */

/* Set the window to the next lines. */
static sx_status next_jsonl_window(sx_state *state) {
    size_t position = position_of_window_end(state);
    const uint8_t *data = state->data + position;
    size_t in_place = bytes_in_place(state, position);
    size_t slice = smaller(in_place, SLICE_BYTES);
    size_t bytes = line_boundary(data, slice);
    if (bytes == 0 && slice < in_place) {
        const uint8_t *feed = memchr(data + slice, '\n', in_place - slice);
        if (feed != NULL) bytes = (size_t)(feed - data) + 1;
    }
    if (bytes > 0) set_window(state, data, position, bytes, bytes + PADDING_BYTES);
    else if (!use_tail(state, position)) return SX_MEMORY;
    validate_window(state);
    return SX_END;
}

static inline bool add_pair(sx_state *state, sx_pair pair) {
    if (state->pair_count == state->pair_capacity) {
        if (state->pair_capacity > UINT32_MAX / 4) return false;
        size_t capacity = state->pair_capacity * 2 + 64;
        sx_pair *larger = realloc(state->pairs, capacity * sizeof *larger);
        if (larger == NULL) return false;
        state->pairs = larger;
        state->pair_capacity = capacity;
    }
    state->pairs[state->pair_count++] = pair;
    return true;
}

/* Note that the record at hand has a key; false if it had it before. */
static inline bool note_key(sx_state *state, uint32_t number, uint32_t before) {
    sx_dictionary *keys = &state->dictionary;
    sx_key *key = &keys->keys[number];
    if (key->seen_in == keys->record) return false;
    key->seen_in = keys->record;
    key->pair = (uint32_t)state->pair_count;
    keys->has_clash |= key->is_name_of_pick;
    if (state->pair_count == 0) keys->first = number;
    else keys->keys[before].after = number;
    return true;
}

/* Read the members of an object from `at`, behind its brace, to behind its end. */
static const uint8_t *read_members(sx_state *state, const uint8_t *at) {
    sx_dictionary *keys = &state->dictionary;
    uint32_t number = keys->first, before = 0;
    for (;;) {
        const uint8_t *label = at;
        at = read_key(state, at, &number);
        if (at == NULL || !note_key(state, number, before)) return NULL;
        sx_pair pair = {.key = number, .label = label, .start = skip_space(at)};
        at = pair.end = is_nested(*pair.start) ? skip_nested(pair.start, 1, &pair.kind)
                                               : skip_scalar(pair.start, &pair.kind);
        if (at == NULL || !add_pair(state, pair)) return NULL;
        at = skip_space(at);
        if (*at == '}') return at + 1;
        if (*at != ',') return NULL;
        at = skip_space(at + 1);
        before = number;
        number = keys->keys[number].after;
    }
}

/* Read the object on a line; return where the line ends, or NULL if it is odd. */
static const uint8_t *read_object(sx_state *state, const uint8_t *at) {
    if (*at != '{' || !forget_keys(&state->dictionary)) return NULL;
    state->dictionary.record++;
    state->dictionary.has_escapes = state->dictionary.has_clash = false;
    state->pair_count = 0;
    at = skip_space(at + 1);
    at = *at == '}' ? at + 1 : read_members(state, at);
    return at == NULL ? NULL : skip_space(at);
}

/* Write a JSON value as a cell. */
static inline sx_status emit_value_cell(sx_state *state, uint8_t **out, const sx_pair *pair) {
    const uint8_t *start = pair->start;
    size_t length = (size_t)(pair->end - start);
    if (pair->kind == VALUE_SCALAR && *start == 'n') return SX_END;
    if (pair->kind == VALUE_SCALAR && !state->scalars_need_quotes) {
        *out = copy(*out, start, length);
        return SX_END;
    }
    if (pair->kind == VALUE_STRING) {
        start++;
        length -= 2;
    } else if (pair->kind != VALUE_SCALAR) {
        if (!reserve(&state->scratch, length + PADDING_BYTES)) return SX_MEMORY;
        uint8_t *text = state->scratch.bytes;
        length = pair->kind == VALUE_NESTED ? compact(text, start, pair->end)
                                            : unescape(text, start + 1, pair->end - 1);
        start = text;
    }
    *out = emit_cell(*out, start, length, &state->layout->target);
    return SX_END;
}

static sx_status object_to_csv(sx_state *state, uint8_t **end_of_output) {
    const sx_layout *layout = state->layout;
    const sx_dictionary *keys = &state->dictionary;
    uint8_t *out = *end_of_output;
    uint8_t *last_cell = out;
    for (size_t i = 0; i < layout->pick_count; i++) {
        size_t column = layout->picks[i].column;
        if (i > 0) *out++ = layout->target.delimiter;
        last_cell = out;
        if (column >= layout->column_count) {
            out = emit_derived_cell(out, derived_of(state, column), &layout->target);
            continue;
        }
        const sx_key *key = &keys->keys[column];
        if (key->seen_in != keys->record) continue;
        if (emit_value_cell(state, &out, &state->pairs[key->pair]) != SX_END) return SX_MEMORY;
    }
    bool is_blank = layout->pick_count == 1 && out == last_cell;
    *end_of_output = emit_line_end(out, is_blank, &layout->target);
    return SX_END;
}

static inline uint8_t *emit_member(uint8_t *out, const uint8_t *label, size_t length,
                                   const sx_pair *pair, bool is_first) {
    *out = ',';
    out = copy(out + !is_first, label, length);
    return copy(out, pair->start, (size_t)(pair->end - pair->start));
}

/* Write an output column, which shows a pair or what the program has computed. */
static inline uint8_t *emit_pick(const sx_state *state, uint8_t *out, const sx_pick *pick,
                                 const sx_pair *pair, bool is_first) {
    if (pick->column < state->layout->column_count)
        return emit_member(out, pick->label.bytes, pick->label.length, pair, is_first);
    *out = ',';
    out = copy(out + !is_first, pick->label.bytes, pick->label.length);
    return emit_derived_value(out, derived_of(state, pick->column));
}

/* Write those output columns that the object has, in their order; with `are_new` only those that do
 * not stand in the place of one of its keys. */
static inline uint8_t *emit_picks(
    const sx_state *state, uint8_t *out, const uint8_t *start, bool are_new) {
    const sx_layout *layout = state->layout;
    const sx_dictionary *keys = &state->dictionary;
    for (size_t i = 0; i < layout->pick_count; i++) {
        const sx_pick *pick = &layout->picks[i];
        const sx_pair *pair = NULL;
        if (pick->presence != ALWAYS) {
            const sx_key *key = &keys->keys[pick->key];
            bool has_key = key->seen_in == keys->record;
            if (has_key != (pick->presence == WITH_KEY)) continue;
            if (has_key) pair = &state->pairs[key->pair];
        }
        if (pair == NULL || !are_new) out = emit_pick(state, out, pick, pair, out == start);
    }
    return out;
}

/* Write the object's members in their own order, each by its output column, if it is no unknown one. */
static inline uint8_t *emit_own_members(const sx_state *state, uint8_t *out, const uint8_t *start) {
    const sx_layout *layout = state->layout;
    const sx_dictionary *keys = &state->dictionary;
    for (size_t i = 0; i < state->pair_count; i++) {
        const sx_pair *pair = &state->pairs[i];
        const sx_key *key = &keys->keys[pair->key];
        if (key->pick >= 0)
            out = emit_pick(state, out, &layout->picks[key->pick], pair, out == start);
        else if (key->column < 0)
            out = emit_member(
                out, keys->text.bytes + key->label, key->label_length, pair, out == start);
    }
    return out;
}

/* Write the chosen members, in the order of the picks or, with unknown ones, in their own. */
static sx_status object_to_jsonl(sx_state *state, uint8_t **end_of_output) {
    bool is_open = state->layout->passes_unknown_keys;
    uint8_t *start = *end_of_output + 1, *out = start;
    start[-1] = '{';
    /* The reference may leave such a key as it was written. */
    if (has_program(state) && state->dictionary.has_escapes) return SX_ODD;
    if (is_open && state->dictionary.has_clash) return SX_ODD;
    if (is_open) out = emit_own_members(state, out, start);
    if (!is_open || has_program(state)) out = emit_picks(state, out, start, is_open);
    out[0] = '}';
    out[1] = '\n';
    *end_of_output = out + 2;
    return SX_END;
}

/* Note where a key was first met, for the first few that are left out. */
static sx_status note_dropped_key(
    sx_tally *tally, const uint8_t *text, size_t length, uint64_t position) {
    for (size_t i = 0; i < tally->dropped_key_count; i++) {
        sx_text known = tally->dropped_keys[i].key;
        if (known.length == length && memcmp(known.bytes, text, length) == 0) return SX_END;
    }
    uint8_t *own = malloc(length + 1);
    if (own == NULL) return SX_MEMORY;
    memcpy(own, text, length);
    tally->dropped_keys[tally->dropped_key_count++] =
        (sx_dropped_key){{own, length}, position};
    return SX_END;
}

/* Count the values that no column takes; SX_ODD if there may be none. */
static sx_status note_extra_keys(sx_state *state, uint64_t position) {
    sx_tally *tally = &state->tally;
    for (size_t i = 0; i < state->pair_count; i++) {
        const sx_key *key = &state->dictionary.keys[state->pairs[i].key];
        if (key->column >= 0) continue;
        if (!state->layout->drops_extra_keys) return SX_ODD;
        tally->dropped_values++;
        if (tally->dropped_key_count == MOST_DROPPED_KEYS) continue;
        const uint8_t *text = state->dictionary.text.bytes + key->text;
        if (note_dropped_key(tally, text, key->length, position) != SX_END) return SX_MEMORY;
    }
    return SX_END;
}

/* Write the line from `start` to `end`, whose object was read unless lines pass unchanged. */
static sx_status emit_line(
    sx_state *state, const uint8_t *start, const uint8_t *end, uint8_t **out) {
    const sx_layout *layout = state->layout;
    if (layout->is_to_csv) {
        uint64_t position = state->window_position + (size_t)(start - state->window);
        sx_status status = layout->ignores_extra_keys ? SX_END : note_extra_keys(state, position);
        return status == SX_END ? object_to_csv(state, out) : status;
    }
    if (!layout->is_unchanged) return object_to_jsonl(state, out);
    size_t length = (size_t)(end - start);
    memcpy(*out, start, length);
    (*out)[length] = '\n';
    *out += length + 1;
    return SX_END;
}

/* Prove a line valid, from its first byte that is no space on, and find its end; NULL if it is odd. */
static const uint8_t *read_line(sx_state *state, const uint8_t *at) {
    bool is_looked_into =
        state->layout->is_to_csv || !state->layout->is_unchanged || has_program(state);
    if (is_looked_into) return read_object(state, at);
    sx_value_kind kind;
    at = is_nested(*at) ? skip_nested(at, 0, &kind) : skip_scalar(at, &kind);
    return at == NULL ? NULL : skip_space(at);
}

static sx_status odd_line(sx_state *state) {
    size_t end = find_either(state->window, state->cursor, state->window_bytes, '\n', '\n');
    return odd(state, state->cursor, end + 1);
}

/* Convert the next line of the window. */
static sx_status convert_line(sx_state *state, uint8_t *out, size_t capacity, size_t *written) {
    const uint8_t *start = state->window + state->cursor;
    const uint8_t *at = skip_space(start);
    if (*at == '\n') {
        size_t end = (size_t)(at - state->window);
        size_t bytes = end - state->cursor + (state->window_position + end < state->length);
        if (bytes > state->layout->max_record_bytes) return odd_line(state);
        state->tally.blank_lines++;
        state->cursor = end + 1;
        return SX_END;
    }
    at = read_line(state, at);
    if (at == NULL || *at != '\n') return odd_line(state);
    size_t end = (size_t)(at - state->window);
    size_t bytes = end - state->cursor + (state->window_position + end < state->length);
    if (end >= state->valid_bytes || bytes > state->layout->max_record_bytes)
        return odd_line(state);
    if (has_program(state) && state->dictionary.has_clash) return odd_line(state);
    size_t derived_bytes = 0;
    sx_verdict verdict =
        has_program(state) ? run_program(state, NULL, false, &derived_bytes) : VERDICT_KEEP;
    if (verdict == VERDICT_ODD) return odd_line(state);
    if (verdict == VERDICT_KEEP) {
        size_t most = state->fixed_bytes + bytes * (state->layout->is_to_csv ? 2 : 1);
        sx_status status = has_room(state, *written, capacity, most + derived_bytes);
        if (status != SX_END) return status;
        uint8_t *end_of_output = out + *written;
        status = emit_line(state, start, at, &end_of_output);
        if (status == SX_ODD) return odd_line(state);
        if (status != SX_END) return status;
        *written = (size_t)(end_of_output - out);
        state->remaining_output--;
    }
    state->tally.left_out += verdict == VERDICT_DROP;
    state->cursor = end + 1;
    state->tally.records++;
    state->remaining--;
    return SX_END;
}

static sx_status convert_jsonl(sx_state *state, uint8_t *out, size_t capacity, size_t *written) {
    while (state->remaining > 0 && state->remaining_output > 0) {
        if (state->cursor == state->window_bytes) {
            if (position_of_window_end(state) >= state->length) return SX_END;
            if (next_jsonl_window(state) != SX_END) return SX_MEMORY;
        }
        if (state->has_quick_lines) {
            quick_lines(state, out, capacity, written);
            if (state->remaining == 0 || state->cursor == state->window_bytes) continue;
        }
        sx_status status = convert_line(state, out, capacity, written);
        if (status != SX_END) return status;
    }
    return SX_END;
}

/* Number the keys of all objects in the order in which they first come; SX_FULL if there are more
 * than can be remembered. */
static sx_status collect_keys(sx_state *state) {
    sx_dictionary *keys = &state->dictionary;
    for (;;) {
        if (state->cursor == state->window_bytes) {
            if (position_of_window_end(state) >= state->length) return SX_END;
            if (next_jsonl_window(state) != SX_END) return SX_MEMORY;
        }
        const uint8_t *at = skip_space(state->window + state->cursor);
        if (*at != '\n') {
            at = read_object(state, at);
            if (keys->has_forgotten) return SX_FULL;
            bool is_usual = at != NULL && *at == '\n';
            if (!is_usual || at >= state->window + state->valid_bytes) return odd_line(state);
            state->tally.records++;
            for (size_t i = 0; i < state->pair_count; i++) {
                sx_key *key = &keys->keys[state->pairs[i].key];
                if (key->order == 0) key->order = ++keys->collected;
            }
        }
        state->cursor = (size_t)(at - state->window) + 1;
    }
}
