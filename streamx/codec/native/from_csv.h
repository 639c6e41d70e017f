/* from_csv.h: goes through the records of CSV, whose fields are in the state's table. */

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
 * not show, or is too long. */
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
    return record->bytes <= layout->max_record_bytes;
}

static inline void pass_record(sx_table *table, const sx_record *record) {
    table->next_start = record->start + record->bytes;
    table->next++;
}

/* Go on at a position of the window, if the table has a record that starts there. */
static bool go_on_in_table(sx_state *state, size_t at) {
    sx_table *table = &state->table;
    while (table->next < table->records && table->next_start < at) {
        sx_record record;
        next_record(state, &record);
        pass_record(table, &record);
    }
    return table->next < table->records && table->next_start == at;
}

/* Go on behind odd records: in the window, if it holds what is there, since to make a new one for each
 * of them would take longer than all the rest. */
static void go_behind(sx_state *state, size_t end) {
    size_t at = end - state->window_position;
    bool is_in_window =
        end > state->window_position && at < state->window_bytes && end < state->length;
    if (is_in_window && state->layout->is_from_csv) is_in_window = go_on_in_table(state, at);
    if (!is_in_window) {
        go_to(state, end);
        return;
    }
    state->cursor = at;
    if (at > state->valid_bytes)
        state->valid_bytes = at + utf8_length(state->window + at, state->window_bytes - at);
}

static inline bool has_all_fields(const sx_state *state, const sx_record *record) {
    return record->count == state->layout->column_count;
}

static inline bool is_short(const sx_state *state, const sx_record *record) {
    return record->count < state->layout->column_count;
}

static void note_padded(sx_state *state, const sx_record *record) {
    if (state->tally.padded++ == 0)
        state->tally.first_padded = state->window_position + record->start;
}

static inline bool is_blank(const sx_record *record) {
    return record->count == 1 && record->start == record->end;
}

/* Convert the records of the table. */
static inline sx_status table_records(sx_state *state, bool has_quotes, bool has_program,
                                      uint8_t *out, size_t capacity, size_t *written) {
    sx_table *table = &state->table;
    while (table->next < table->records && state->remaining > 0) {
        sx_record record;
        bool is_usual = next_record(state, &record);
        if (is_blank(&record) && record.bytes <= state->layout->max_record_bytes) {
            state->tally.blank_lines++;
            pass_record(table, &record);
            continue;
        }
        bool is_padded = !has_program && state->layout->pads_short_records && is_short(state, &record);
        is_usual = is_usual && (is_padded || has_all_fields(state, &record));
        if (!is_usual || record.start + record.bytes > state->valid_bytes)
            return odd(state, record.start, record.start + record.bytes);
        size_t derived_bytes = 0;
        sx_verdict verdict =
            has_program ? run_program(state, &record, has_quotes, &derived_bytes) : VERDICT_KEEP;
        sx_status status = verdict == VERDICT_ODD ? SX_ODD : SX_END;
        if (verdict == VERDICT_KEEP) {
            size_t bytes = csv_output_bytes(state, state->window + record.start, record.bytes);
            status = has_room(state, *written, capacity, bytes + derived_bytes);
            if (status != SX_END) return status;
            uint8_t *end = out + *written;
            status = state->layout->is_to_csv
                         ? record_to_csv(state, &record, has_quotes, has_program, &end)
                     : is_padded ? short_record_to_json(state, &record, has_quotes, &end)
                         : record_to_json(state, &record, has_quotes, has_program, &end);
            if (status == SX_END) *written = (size_t)(end - out);
        }
        if (status == SX_ODD) return odd(state, record.start, record.start + record.bytes);
        if (status != SX_END) return status;
        pass_record(table, &record);
        if (is_padded) note_padded(state, &record);
        state->tally.records++;
        state->remaining--;
        if (!has_program) continue;
        if (verdict == VERDICT_DROP) state->tally.left_out++;
        else if (--state->remaining_output == 0) return SX_END;
    }
    return SX_END;
}

/* The same, with what is decided once for all of them known to the compiler. */
static sx_status known_table_records(
    sx_state *state, uint8_t *out, size_t capacity, size_t *written) {
    bool has_quotes = state->table.has_quotes;
    if (has_program(state))
        return has_quotes ? table_records(state, true, true, out, capacity, written)
                          : table_records(state, false, true, out, capacity, written);
    return has_quotes ? table_records(state, true, false, out, capacity, written)
                      : table_records(state, false, false, out, capacity, written);
}

/* Say what stands behind the records of the table, if that is odd. */
static sx_status odd_behind_table(sx_state *state) {
    size_t end = record_end(
        &state->layout->source, state->window, state->window_bytes, state->readable_bytes);
    return odd(state, state->window_bytes, end);
}

static sx_status convert_csv(sx_state *state, uint8_t *out, size_t capacity, size_t *written) {
    sx_table *table = &state->table;
    while (state->remaining > 0 && state->remaining_output > 0) {
        sx_status status = SX_END;
        if (table->next < table->records) {
            status = known_table_records(state, out, capacity, written);
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
            bool is_padded = state->layout->pads_short_records && is_short(state, &record);
            is_usual = is_usual && (is_padded || has_all_fields(state, &record));
            pass_record(table, &record);
            if (is_usual && !infer_record(state, &record, verdicts)) return SX_MEMORY;
        } else {
            status = table->ends_in_odd ? odd_behind_table(state) : next_csv_window(state);
        }
        if (status == SX_ODD) go_behind(state, state->odd_end);
        if (status == SX_MEMORY) return status;
    }
    return SX_END;
}
