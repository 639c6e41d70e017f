/* csv_fields.h: the fields of a CSV record. */

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

/* Write a field as a cell of the target. */
static inline sx_status field_to_cell(sx_state *state, const sx_record *record, size_t column,
                                      bool has_quotes, bool is_first, bool is_last, uint8_t **out) {
    const sx_layout *layout = state->layout;
    const sx_csv *target = &layout->target;
    sx_cell cell = field_of(state, record, column, has_quotes && !layout->keeps_cells);
    if (!layout->keeps_cells) {
        if (has_quotes && !text_of(state, &cell)) return SX_MEMORY;
        *out = emit_cell(*out, cell.start, cell.length, target);
        return SX_END;
    }
    /* A first cell must not be taken for a byte order mark, nor a last one's end for a line's. */
    bool needs_quotes = (is_first && is_byte_order_mark(cell.start, cell.length)) ||
                        (is_last && cell.length > 0 && cell.start[cell.length - 1] == '\r');
    *out = needs_quotes ? emit_quoted(*out, cell.start, cell.length, target->quote)
                        : copy(*out, cell.start, cell.length);
    return SX_END;
}
