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
        if (layout->picks[i].column >= record->count) continue; /* it is padded */
        sx_status status = field_to_cell(state, record, layout->picks[i].column, has_quotes, i == 0,
                                         i + 1 == layout->pick_count, &out);
        if (status != SX_END) return status;
    }
    *end_of_output = emit_line_end(out, layout->pick_count == 1 && out == last_cell, target);
    return SX_END;
}
