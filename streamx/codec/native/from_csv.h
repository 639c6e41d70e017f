/* from_csv.h: converts records of CSV, whose fields are in the state's table, to JSONL and to CSV. */

typedef struct {
    const uint8_t *start;
    size_t length;
    bool is_quoted; /* start and length are those of the inside */
} sx_cell;

/* Tell whether a text is a null token. Its first bytes alone nearly always say no, which a processor
 * predicts better than its length. */
static inline bool is_null(const sx_state *state, const uint8_t *text, size_t length) {
    uint64_t word = first_word(text);
    for (size_t i = 0; i < state->layout->null_count; i++) {
        const sx_token *null = &state->nulls[i];
        if (((word ^ null->word) & null->word_mask) != 0 || null->text.length != length) continue;
        if (length <= sizeof word || memcmp(text, null->text.bytes, length) == 0) return true;
    }
    return false;
}

/* Take the quotes off a cell that has any. */
static inline sx_cell cell_at(
    const uint8_t *window, size_t start, size_t end, uint8_t quote, bool may_have_quotes) {
    sx_cell cell = {window + start, end - start, false};
    if (may_have_quotes && end > start && window[start] == quote)
        cell = (sx_cell){window + start + 1, end - start - 2, true};
    return cell;
}

/* Undo the doubling of quotes in a cell; false if there is no memory for it. */
static inline bool text_of(sx_state *state, sx_cell *cell) {
    uint8_t quote = state->layout->source.quote;
    if (!cell->is_quoted || memchr(cell->start, quote, cell->length) == NULL) return true;
    if (!reserve(&state->scratch, cell->length + PADDING_BYTES)) return false;
    cell->length = unquote(state->scratch.bytes, cell->start, cell->length, quote);
    cell->start = state->scratch.bytes;
    return true;
}

static inline uint8_t *emit_boolean(uint8_t *out, const uint8_t *text, size_t length) {
    for (size_t i = 0; i < length; i++) out[i] = text[i] | 0x20;
    return out + length;
}

/* Write a cell as a value of its column's type; `misfit` is set if it is not of that type. */
static inline uint8_t *emit_value(const sx_state *state, uint8_t *out, const sx_cell *text,
                                  const sx_column *column, bool *misfit) {
    if (column->type == TYPE_STRING) {
        if (!is_null(state, text->start, text->length))
            return emit_json_string(out, text->start, text->length);
    } else if (text->length > 0 && !is_null(state, text->start, text->length)) {
        if (!fits(text->start, text->length, column->type, column->is_pinned)) {
            *misfit = true;
            return emit_json_string(out, text->start, text->length);
        }
        if (column->type == TYPE_BOOLEAN) return emit_boolean(out, text->start, text->length);
        return copy(out, text->start, text->length);
    }
    memcpy(out, "null", 4);
    return out + 4;
}

static inline uint8_t *emit_quoted_string(uint8_t *out, const sx_cell *cell, uint8_t quote) {
    *out = '"';
    out = emit_json_text(out + 1, cell->start, cell->length, quote);
    *out = '"';
    return out + 1;
}

/* Tell whether a quoted cell is too long to stand for a null token. */
static inline bool is_surely_text(const sx_state *state, const sx_column *column, size_t length) {
    return column->type == TYPE_STRING &&
           (state->layout->null_count == 0 || length > 2 * state->longest_null);
}

/* A record of the window. Field i stands from ends[i - 1] + 1 to ends[i], for 0 as well. */
typedef struct {
    const uint32_t *ends;
    size_t start, end, count;
    size_t bytes; /* its line end included */
} sx_record;

static inline sx_cell field_of(
    const sx_state *state, const sx_record *record, size_t field, bool may_have_quotes) {
    size_t start = (uint32_t)(record->ends[(ptrdiff_t)field - 1] + 1);
    uint8_t quote = state->layout->source.quote;
    return cell_at(state->window, start, record->ends[field], quote, may_have_quotes);
}

static inline sx_status record_to_json(sx_state *state, const sx_record *record, bool has_quotes,
                                       uint8_t **end_of_output) {
    const sx_layout *layout = state->layout;
    uint8_t quote = layout->source.quote;
    uint8_t *out = *end_of_output;
    for (size_t i = 0; i < layout->pick_count; i++) {
        const sx_pick *pick = &layout->picks[i];
        const sx_column *column = &layout->columns[pick->column];
        out = copy(out, pick->label.bytes, pick->label.length);
        sx_cell cell = field_of(state, record, pick->column, has_quotes);
        if (cell.is_quoted && is_surely_text(state, column, cell.length)) {
            out = emit_quoted_string(out, &cell, quote);
            continue;
        }
        if (has_quotes && !text_of(state, &cell)) return SX_MEMORY;
        bool misfit = false;
        out = emit_value(state, out, &cell, column, &misfit);
        if (!misfit) continue;
        if (layout->strict_types) return SX_ODD;
        uint64_t position = state->window_position + record->start;
        remark(&state->tally.misfits[i], position, cell.start, cell.length);
    }
    out[0] = '}';
    out[1] = '\n';
    *end_of_output = out + 2;
    return SX_END;
}

static inline sx_status record_to_csv(sx_state *state, const sx_record *record, bool has_quotes,
                                      uint8_t **end_of_output) {
    const sx_layout *layout = state->layout;
    const sx_csv *target = &layout->target;
    uint8_t *out = *end_of_output;
    uint8_t *last_cell = out;
    for (size_t i = 0; i < layout->pick_count; i++) {
        if (i > 0) *out++ = target->delimiter;
        last_cell = out;
        bool unquotes = has_quotes && !layout->keeps_cells;
        sx_cell cell = field_of(state, record, layout->picks[i].column, unquotes);
        if (!layout->keeps_cells) {
            if (has_quotes && !text_of(state, &cell)) return SX_MEMORY;
            out = emit_cell(out, cell.start, cell.length, target);
            continue;
        }
        /* A first cell must not be taken for a byte order mark, nor a last one's end for a line's. */
        bool is_last = i + 1 == layout->pick_count;
        bool needs_quotes =
            (i == 0 && is_byte_order_mark(cell.start, cell.length)) ||
            (is_last && cell.length > 0 && cell.start[cell.length - 1] == '\r');
        out = needs_quotes ? emit_quoted(out, cell.start, cell.length, target->quote)
                           : copy(out, cell.start, cell.length);
    }
    *end_of_output = emit_line_end(out, layout->pick_count == 1 && out == last_cell, target);
    return SX_END;
}

/* The most bytes that a record becomes. */
static inline size_t csv_output_bytes(const sx_state *state, const uint8_t *record, size_t length) {
    if (state->layout->is_to_csv) return state->fixed_bytes + 2 * length;
    if (length < 4096) return state->fixed_bytes + LONGEST_ESCAPE_BYTES * length;
    size_t escapes = count_json_escapes(record, length);
    return state->fixed_bytes + length + (LONGEST_ESCAPE_BYTES - 1) * escapes;
}

/* Set the window to the next records and index them. */
static sx_status next_csv_window(sx_state *state) {
    const sx_csv *csv = &state->layout->source;
    size_t columns = state->layout->column_count;
    size_t position = position_of_window_end(state);
    const uint8_t *data = state->data + position;
    size_t in_place = bytes_in_place(state, position);
    size_t bytes = index_records(csv, data, in_place, columns, &state->table);
    if (bytes > 0 || state->table.ends_in_odd) {
        set_window(state, data, position, bytes, in_place);
        return SX_END;
    }
    if (!use_tail(state, position)) return SX_MEMORY;
    size_t readable = state->window_bytes + PADDING_BYTES;
    bytes = index_records(csv, state->window, readable, columns, &state->table);
    if (bytes == 0 && !state->table.ends_in_odd) return odd(state, 0, state->window_bytes);
    set_window(state, state->window, position, bytes, readable);
    return SX_END;
}

/* Take the next record from the table; false if it breaks the grammar in a way that the table does
 * not show, has too many or too few fields, or is too long. */
static inline bool next_record(sx_state *state, sx_record *record) {
    sx_table *table = &state->table;
    const sx_layout *layout = state->layout;
    size_t first = table->next == 0 ? 0 : (size_t)table->lasts[table->next - 1] + 1;
    size_t last = table->lasts[table->next];
    size_t start = table->next_start;
    size_t end = table->ends[last];
    end += state->window[end] == '\r'; /* this record was looked at before */
    bool has_feed = state->window_position + end < state->length;
    bool has_return = end > start && state->window[end - 1] == '\r';
    table->ends[(ptrdiff_t)first - 1] = (uint32_t)start - 1;
    table->ends[last] = (uint32_t)(end - (has_return && has_feed));
    *record = (sx_record){table->ends + first, start, table->ends[last], last - first + 1,
                          end - start + has_feed};
    if (has_return && !has_feed &&
        state->window[(uint32_t)(table->ends[(ptrdiff_t)last - 1] + 1)] == layout->source.quote)
        return false;
    return record->count == layout->column_count && record->bytes <= layout->max_record_bytes;
}

static inline void pass_record(sx_table *table, const sx_record *record) {
    table->next_start = record->start + record->bytes;
    table->next++;
}

static inline bool is_blank(const sx_record *record) {
    return record->count == 1 && record->start == record->end;
}

/* Convert the records of the table. */
static inline sx_status table_records(sx_state *state, bool has_quotes, uint8_t *out,
                                      size_t capacity, size_t *written) {
    sx_table *table = &state->table;
    while (table->next < table->records && state->remaining > 0) {
        sx_record record;
        bool is_usual = next_record(state, &record);
        if (is_blank(&record)) {
            state->tally.blank_lines++;
            pass_record(table, &record);
            continue;
        }
        if (!is_usual || record.start + record.bytes > state->valid_bytes)
            return odd(state, record.start, record.start + record.bytes);
        size_t bytes = csv_output_bytes(state, state->window + record.start, record.bytes);
        sx_status status = has_room(state, *written, capacity, bytes);
        if (status != SX_END) return status;
        uint8_t *end = out + *written;
        status = state->layout->is_to_csv ? record_to_csv(state, &record, has_quotes, &end)
                                          : record_to_json(state, &record, has_quotes, &end);
        if (status == SX_ODD) return odd(state, record.start, record.start + record.bytes);
        if (status != SX_END) return status;
        *written = (size_t)(end - out);
        pass_record(table, &record);
        state->tally.records++;
        state->remaining--;
    }
    return SX_END;
}

/* Say what stands behind the records of the table, if that is odd. */
static sx_status odd_behind_table(sx_state *state) {
    size_t end = record_end(
        &state->layout->source, state->window, state->window_bytes, state->readable_bytes);
    return odd(state, state->window_bytes, end);
}

static sx_status convert_csv(sx_state *state, uint8_t *out, size_t capacity, size_t *written) {
    sx_table *table = &state->table;
    while (state->remaining > 0) {
        sx_status status = SX_END;
        if (table->next < table->records) {
            status = table->has_quotes ? table_records(state, true, out, capacity, written)
                                       : table_records(state, false, out, capacity, written);
        } else if (table->ends_in_odd) {
            return odd_behind_table(state);
        } else if (position_of_window_end(state) >= state->length) {
            return SX_END;
        } else {
            status = next_csv_window(state);
            if (status == SX_END) validate_window(state);
        }
        if (status != SX_END) return status;
    }
    return SX_END;
}

/* Note which types the cells of a record exclude for their columns. */
static bool infer_record(sx_state *state, const sx_record *record, uint8_t *verdicts) {
    for (size_t i = 0; i < record->count; i++) {
        sx_cell cell = field_of(state, record, i, true);
        if (!text_of(state, &cell)) return false;
        if (cell.length == 0 || is_null(state, cell.start, cell.length)) continue;
        verdicts[i] |= HAS_VALUE;
        if (!is_integer(cell.start, cell.length)) verdicts[i] |= NO_INTEGER;
        if (!is_number(cell.start, cell.length)) verdicts[i] |= NO_NUMBER;
        if (!is_boolean(cell.start, cell.length)) verdicts[i] |= NO_BOOLEAN;
    }
    return true;
}

/* Note which types all records of the data exclude; odd ones decide nothing. */
static sx_status infer_types(sx_state *state, uint8_t *verdicts) {
    sx_table *table = &state->table;
    while (table->next < table->records || table->ends_in_odd ||
           position_of_window_end(state) < state->length) {
        sx_status status = SX_END;
        if (table->next < table->records) {
            sx_record record;
            bool is_usual = next_record(state, &record);
            pass_record(table, &record);
            if (is_usual && !infer_record(state, &record, verdicts)) return SX_MEMORY;
        } else {
            status = table->ends_in_odd ? odd_behind_table(state) : next_csv_window(state);
        }
        if (status == SX_ODD) sx_pass_odd(state, 0);
        if (status == SX_MEMORY) return status;
    }
    return SX_END;
}
