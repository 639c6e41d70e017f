/* records.h: takes CSV records apart for user code, and writes those of their fields that it left
 * as they came.
 *
 * Rows are copies, so that a record which user code keeps holds no whole chunk, and what stands behind
 * it may be read. Everything here is told of a row; of the state it needs the layout, not the window.
 */

static size_t rows_bytes(size_t fields, size_t bytes) {
    return sizeof(sx_rows) + fields * sizeof(uint32_t) + bytes + PADDING_BYTES;
}

/* Allocate rows with room for some of the table's records, and copy their bytes. */
static sx_rows *new_rows(const sx_state *state, size_t most) {
    const sx_table *table = &state->table;
    size_t count = smaller(smaller(most, table->records - table->next), state->remaining);
    size_t end = table->ends[table->lasts[table->next + count - 1]] + 1;
    size_t start = table->next_start, stride = state->layout->column_count + 1;
    if (stride > SIZE_MAX / sizeof(uint32_t) / 2 / count) return NULL;
    sx_rows *rows = malloc(rows_bytes(count * stride, end - start));
    if (rows == NULL) return NULL;
    *rows = (sx_rows){.ends = (uint32_t *)(rows + 1), .stride = stride, .capacity = count,
                      .size_bytes = end - start,
                      .position = state->window_position + start};
    rows->bytes = (uint8_t *)(rows->ends + count * stride);
    memcpy(rows->bytes, state->window + start, end - start);
    memset(rows->bytes + (end - start), 0, PADDING_BYTES);
    return rows;
}

/* Add a record, all of whose offsets count from the rows' start. */
static void add_row(sx_rows *rows, const sx_record *record, size_t start) {
    uint32_t *ends = rows->ends + rows->count++ * rows->stride;
    for (size_t i = 0; i < rows->stride; i++)
        ends[i] = record->ends[(ptrdiff_t)i - 1] - (uint32_t)start;
}

/* Move records of the table to rows, as many as were copied, blank ones included. */
static sx_status table_rows(sx_state *state, sx_rows *rows) {
    sx_table *table = &state->table;
    size_t start = table->next_start, stop = table->next + rows->capacity;
    while (table->next < stop && state->remaining > 0) {
        sx_record record;
        bool is_usual = next_record(state, &record);
        bool is_blank_line = is_blank(&record) && record.bytes <= state->layout->max_record_bytes;
        if (!is_blank_line) {
            is_usual = is_usual && has_all_fields(state, &record);
            if (!is_usual || record.start + record.bytes > state->valid_bytes)
                return odd(state, record.start, record.start + record.bytes);
            add_row(rows, &record, start);
            state->tally.records++;
            state->remaining--;
        }
        state->tally.blank_lines += is_blank_line;
        pass_record(table, &record);
    }
    return SX_END;
}

static void release_rows(sx_rows *rows) { free(rows); }

/* Read some of the next records into new rows, which the caller releases: `*rows` is NULL if there is
 * none before the end or an odd one. SX_FULL says that there may be more. */
static sx_status read_rows(sx_state *state, size_t most, sx_rows **rows) {
    sx_table *table = &state->table;
    *rows = NULL;
    while (state->remaining > 0) {
        sx_status status = SX_END;
        if (table->next < table->records) {
            *rows = new_rows(state, most);
            if (*rows == NULL) return SX_MEMORY;
            status = table_rows(state, *rows);
            if ((*rows)->count > 0) return status == SX_END ? SX_FULL : status;
            release_rows(*rows);
            *rows = NULL;
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

/* Read a number of JSON's grammar; SX_LONG if that takes more than integers of 64 bits. */
static sx_value_type read_number(const uint8_t *text, size_t length, sx_field_value *value) {
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const uint8_t *end = text + length;
    bool negative = *text == '-';
    int64_t digits = 0;
    ptrdiff_t decimals = 0;
    if (length > MOST_DIGITS + 2) return SX_LONG;
    for (text += negative; text < end && *text != '.'; text++) {
        if ((uint8_t)(*text - '0') > 9) return SX_LONG;
        digits = digits * 10 + (*text - '0');
    }
    if (text == end) {
        value->integer = negative ? -digits : digits;
        return SX_INTEGER;
    }
    for (text++; text < end; text++, decimals++) {
        if ((uint8_t)(*text - '0') > 9) return SX_LONG;
        digits = digits * 10 + (*text - '0');
    }
    /* Both are exact, so the quotient is the double next to the number. */
    if (decimals > MOST_DIGITS || digits >= (int64_t)1 << 53) return SX_LONG;
    double number = (double)digits / powers[decimals];
    value->number = negative ? -number : number;
    return SX_NUMBER;
}

static sx_record record_of_row(const sx_state *state, const sx_row *row) {
    size_t start = (uint32_t)(row->ends[-1] + 1), end = row->ends[state->layout->column_count - 1];
    return (sx_record){row->ends, 0, end, state->layout->column_count, end - start};
}

/* Take the value of a picked field; `value->text` stands until the next call, without padding. */
static sx_value_type read_field(sx_state *state, const sx_row *row, size_t pick, sx_field_value *value) {
    const sx_column *column = &state->layout->columns[state->layout->picks[pick].column];
    size_t index = state->layout->picks[pick].column;
    size_t start = (uint32_t)(row->ends[(ptrdiff_t)index - 1] + 1);
    sx_cell cell = cell_at(row->bytes, start, row->ends[index], state->layout->source.quote, true);
    if (!text_of(state, &cell)) return SX_NO_MEMORY;
    value->text = (sx_text){cell.start, cell.length};
    if (is_null(state, cell.start, cell.length)) return SX_NULL;
    if (column->type == TYPE_STRING) return SX_TEXT;
    if (cell.length == 0) return SX_NULL;
    if (!fits(cell.start, cell.length, column->type, column->is_pinned)) return SX_TEXT;
    if (column->type == TYPE_BOOLEAN) return (*cell.start | 0x20) == 't' ? SX_TRUE : SX_FALSE;
    return read_number(cell.start, cell.length, value);
}

/* The most bytes that all fields of a row become, and the end of its record. */
static size_t row_output_bytes(const sx_state *state, const sx_row *row) {
    sx_record record = record_of_row(state, row);
    const uint8_t *start = row->bytes + (size_t)(uint32_t)(row->ends[-1] + 1);
    return csv_output_bytes(state, start, record.bytes) + PADDING_BYTES;
}

/* Write the picked fields from `first` on, before `last`, each behind its label; `position` is for
 * misfits. Returns NULL for what the reference must judge. */
static uint8_t *row_to_json(sx_state *state, const sx_row *row, size_t first, size_t last,
                            uint64_t position, uint8_t *out) {
    sx_record record = record_of_row(state, row);
    state->window = row->bytes;
    state->window_position = position;
    return fields_to_json(state, &record, first, last, true, false, &out) == SX_END ? out : NULL;
}

/* Write a field as a cell. */
static uint8_t *row_to_cell(sx_state *state, const sx_row *row, size_t pick, bool is_first,
                            bool is_last, uint8_t *out) {
    sx_record record = record_of_row(state, row);
    size_t column = state->layout->picks[pick].column;
    state->window = row->bytes;
    return field_to_cell(state, &record, column, true, is_first, is_last, &out) == SX_END ? out : NULL;
}

static uint8_t *text_to_cell(uint8_t *out, const uint8_t *text, size_t length, const sx_csv *csv) {
    return emit_cell(out, text, length, csv);
}
