/* csv_to_json.h: writes CSV records as JSON objects, each field as its column's type. */

static inline uint8_t *emit_boolean(uint8_t *out, const uint8_t *text, size_t length) {
    for (size_t i = 0; i < length; i++) out[i] = text[i] | 0x20;
    return out + length;
}

/* Write a cell as a value of its column's type; `misfit` is set if it is not of that type. */
static inline uint8_t *emit_value(const sx_state *state, uint8_t *out, const sx_cell *text,
                                  const sx_column *column, bool *misfit) {
    if (column->type == TYPE_STRING) {
        if (!is_null(state, text->start, text->length))
            return emit_json_string(out, text->start, text->length, 0);
    } else if (text->length > 0 && !is_null(state, text->start, text->length)) {
        if (!fits(text->start, text->length, column->type, column->is_pinned)) {
            *misfit = true;
            return emit_json_string(out, text->start, text->length, 0);
        }
        if (column->type == TYPE_BOOLEAN) return emit_boolean(out, text->start, text->length);
        return copy(out, text->start, text->length);
    }
    memcpy(out, "null", 4);
    return out + 4;
}

/* Tell whether a quoted cell is too long to stand for a null token. */
static inline bool is_surely_text(const sx_state *state, const sx_column *column, size_t length) {
    return column->type == TYPE_STRING &&
           (state->layout->null_count == 0 || length > 2 * state->longest_null);
}

/* Note a misfit; the first of a column is the example. */
static void remark(sx_remark *misfit, uint64_t position, const uint8_t *text, size_t length) {
    if (misfit->count++ > 0) return;
    misfit->position = position;
    misfit->example_length = smaller(length, EXAMPLE_BYTES);
    memcpy(misfit->example, text, misfit->example_length);
}

/* Write a field whatever it holds. */
static sx_status field_to_json(sx_state *state, const sx_record *record, size_t index,
                               bool has_quotes, uint8_t **end_of_output) {
    const sx_layout *layout = state->layout;
    const sx_pick *pick = &layout->picks[index];
    const sx_column *column = &layout->columns[pick->column];
    uint8_t *out = copy(*end_of_output, pick->label.bytes, pick->label.length);
    sx_cell cell = field_of(state, record, pick->column, has_quotes);
    if (cell.is_quoted && is_surely_text(state, column, cell.length)) {
        *end_of_output = emit_json_string(out, cell.start, cell.length, layout->source.quote);
        return SX_END;
    }
    if (!text_of(state, &cell)) return SX_MEMORY;
    bool misfit = false;
    *end_of_output = emit_value(state, out, &cell, column, &misfit);
    if (!misfit) return SX_END;
    if (layout->strict_types) return SX_ODD;
    uint64_t position = state->window_position + record->start;
    remark(&state->tally.misfits[index], position, cell.start, cell.length);
    return SX_END;
}

static bool has_numeric_null(const sx_state *state) {
    for (size_t i = 0; i < state->layout->null_count; i++) {
        sx_text null = state->layout->nulls[i];
        if (null.length > 0 && is_number(null.bytes, null.length)) return true;
    }
    return false;
}

/* Choose the quick way for each output column that has one. */
static void choose_quick_ways(sx_state *state) {
    const sx_layout *layout = state->layout;
    bool numbers_may_be_null = has_numeric_null(state);
    for (size_t i = 0; i < layout->pick_count; i++) {
        const sx_pick *pick = &layout->picks[i];
        sx_quick_field *quick = &state->quick_fields[i];
        quick->column = (uint32_t)pick->column;
        quick->way = QUICK_DERIVED;
        if (pick->column >= layout->column_count) continue;
        const sx_column *column = &layout->columns[pick->column];
        quick->way = QUICK_NONE;
        if (pick->label.length >= QUICK_LABEL_BYTES || column->is_pinned) continue;
        memcpy(quick->label, pick->label.bytes, pick->label.length);
        quick->label_length = (uint8_t)pick->label.length;
        if (column->type == TYPE_STRING) {
            quick->label[quick->label_length++] = '"';
            quick->way = QUICK_STRING;
        } else if (column->type != TYPE_BOOLEAN && !numbers_may_be_null) {
            quick->way = column->type == TYPE_INTEGER ? QUICK_INTEGER : QUICK_NUMBER;
        }
    }
}

static inline uint8_t *copy_label(uint8_t *out, const sx_quick_field *quick) {
    memcpy(out, quick->label, QUICK_LABEL_BYTES);
    return out + quick->label_length;
}

/* Write a field in the way that most fields of its column allow, which needs a few steps and no guess
 * of the processor; NULL if this one is not like that. */
static inline uint8_t *quick_field_to_json(const sx_state *state, const sx_quick_field *quick,
                                           const uint8_t *text, size_t length, bool has_quotes,
                                           uint8_t *out) {
    if (has_quotes && *text == state->layout->source.quote) return NULL;
    if (quick->way == QUICK_STRING) {
        if (length >= VECTOR_BYTES || is_null(state, text, length)) return NULL;
        vector v = load(text);
        if ((json_specials(v) & lowest(length)) != 0) return NULL;
        out = copy_label(out, quick);
        store(out, v);
        out[length] = '"';
        return out + length + 1;
    }
    if (quick->way == QUICK_NONE || length > 16) return NULL;
    bool is_fit = quick->way == QUICK_INTEGER ? is_integer(text, length)
                                              : length > 0 && is_number(text, length);
    if (!is_fit) return NULL;
    out = copy_label(out, quick);
    memcpy(out, text, 16);
    return out + length;
}

/* Write the fields from `first` on, before `last`, each behind its label. */
static inline sx_status fields_to_json(sx_state *state, const sx_record *record, size_t first,
                                       size_t last, bool has_quotes, bool has_program,
                                       uint8_t **end_of_output) {
    uint8_t *out = *end_of_output;
    for (size_t i = first; i < last; i++) {
        const sx_quick_field *quick = &state->quick_fields[i];
        if (has_program && quick->way == QUICK_DERIVED) {
            const sx_text *label = &state->layout->picks[i].label;
            out = copy(out, label->bytes, label->length);
            out = emit_derived_value(out, derived_of(state, quick->column));
            continue;
        }
        sx_cell cell = field_of(state, record, quick->column, false);
        uint8_t *end = quick_field_to_json(
            state, quick, cell.start, cell.length, has_quotes, out);
        if (end == NULL) {
            end = out;
            sx_status status = field_to_json(state, record, i, has_quotes, &end);
            if (status != SX_END) return status;
        }
        out = end;
    }
    *end_of_output = out;
    return SX_END;
}

static inline uint8_t *end_object(uint8_t *out) {
    out[0] = '}';
    out[1] = '\n';
    return out + 2;
}

static inline sx_status record_to_json(sx_state *state, const sx_record *record, bool has_quotes,
                                       bool has_program, uint8_t **end_of_output) {
    uint8_t *out = *end_of_output;
    sx_status status = fields_to_json(
        state, record, 0, state->layout->pick_count, has_quotes, has_program, &out);
    if (status == SX_END) *end_of_output = end_object(out);
    return status;
}

/* The same for a record without its last fields, which are written as if they were empty. It is a way
 * of its own, so that no field of a full record has to be asked whether it is there. */
static sx_status short_record_to_json(
    sx_state *state, const sx_record *record, bool has_quotes, uint8_t **end_of_output) {
    static const uint8_t nothing[PADDING_BYTES];
    const sx_cell empty = {nothing, 0, false};
    const sx_layout *layout = state->layout;
    uint8_t *out = *end_of_output;
    for (size_t i = 0; i < layout->pick_count; i++) {
        const sx_pick *pick = &layout->picks[i];
        if (pick->column < record->count) {
            sx_status status = fields_to_json(state, record, i, i + 1, has_quotes, false, &out);
            if (status != SX_END) return status;
            continue;
        }
        bool misfit = false;
        out = copy(out, pick->label.bytes, pick->label.length);
        out = emit_value(state, out, &empty, &layout->columns[pick->column], &misfit);
    }
    *end_of_output = end_object(out);
    return SX_END;
}
