/* csv_to_csv.h: writes the fields of CSV records as cells of another. */

/* Write the chosen fields as a record of the target. */
static inline sx_status record_to_csv(sx_state *state, const sx_record *record, bool has_quotes,
                                      bool has_program, uint8_t **end_of_output) {
    const sx_layout *layout = state->layout;
    const sx_csv *target = &layout->target;
    uint8_t *out = *end_of_output;
    uint8_t *last_cell = out;
    for (size_t i = 0; i < layout->pick_count; i++) {
        if (i > 0) *out++ = target->delimiter;
        last_cell = out;
        if (has_program && layout->picks[i].column >= layout->column_count) {
            out = emit_derived_cell(out, derived_of(state, layout->picks[i].column), target);
            continue;
        }
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
