/* program.h: runs the layout's program on a record: is it kept, and what are the derived columns?
 *
 * It runs before the record gets its room in the output, which so can be counted exactly. It changes
 * nothing but registers, so a record for which there is no room is simply run again.
 */

typedef enum { VERDICT_KEEP, VERDICT_DROP, VERDICT_ODD } sx_verdict;

static inline bool has_program(const sx_state *state) {
    return state->layout->program.instruction_count > 0;
}

/* The value of a column that the program computes. */
static inline const sx_value *derived_of(const sx_state *state, size_t column) {
    return &state->values[column - state->layout->column_count];
}

/* Take a number of a column's type for what it is to Python. */
static inline bool number_of(const uint8_t *text, size_t length, sx_type type, sx_value *to) {
    double number;
    if (type == TYPE_INTEGER || digits_at(text + 1, text + length) == length - 1) {
        to->kind = KIND_INTEGER;
        return read_integer(text, length, &to->integer);
    }
    bool is_read =
        read_fraction(text, length, &number) || read_any_number(text, length, &number);
    return is_read && set_number(to, number);
}

/* Write the text of a quoted cell that has doubled quotes where made texts stand. */
static inline bool undouble_quotes(sx_state *state, sx_cell *cell) {
    uint8_t quote = state->layout->source.quote;
    if (memchr(cell->start, quote, cell->length) == NULL) return true;
    uint8_t *out = room_for_text(state, cell->length);
    if (out == NULL) return false;
    cell->length = unquote(out, cell->start, cell->length, quote);
    cell->start = out;
    state->made_bytes += cell->length;
    return true;
}

/* Load a cell's value; one that does not fit its column is a text. */
static inline bool load_value(
    sx_state *state, const sx_record *record, size_t index, bool has_quotes, sx_value *to) {
    const sx_layout *layout = state->layout;
    const sx_column *column = &layout->columns[index];
    sx_cell cell = field_of(state, record, index, has_quotes);
    if (has_quotes && cell.is_quoted && !undouble_quotes(state, &cell)) return false;
    bool is_typed = column->type != TYPE_STRING;
    if ((is_typed && cell.length == 0) || is_null(state, cell.start, cell.length))
        return set_null(to);
    if (!is_typed || !fits(cell.start, cell.length, column->type, column->is_pinned))
        return set_text(to, cell.start, cell.length);
    if (column->type == TYPE_BOOLEAN) return set_truth(to, (*cell.start | 0x20) == 't');
    return number_of(cell.start, cell.length, column->type, to);
}

/* Load the value of a key in the JSON object at hand, null where it is missing. */
static inline bool load_member(sx_state *state, size_t column, sx_value *to) {
    const sx_key *key = &state->dictionary.keys[column];
    if (key->seen_in != state->dictionary.record) return set_null(to);
    const sx_pair *pair = &state->pairs[key->pair];
    const uint8_t *start = pair->start;
    size_t length = (size_t)(pair->end - start);
    switch (pair->kind) {
    case VALUE_NESTED: return false;
    case VALUE_STRING: return set_text(to, start + 1, length - 2);
    case VALUE_ESCAPED_STRING: {
        uint8_t *out = room_for_text(state, length);
        return out != NULL && keep(state, out, out + unescape(out, start + 1, pair->end - 1), to);
    }
    default: break;
    }
    if (*start == 'n') return set_null(to);
    if (*start == 't' || *start == 'f') return set_truth(to, *start == 't');
    return number_of(start, length, TYPE_NUMBER, to);
}

/* Tell whether an instruction goes to another one. */
static inline bool jumps(sx_operation operation, const sx_value *a) {
    switch (operation) {
    case OP_JUMP: return true;
    case OP_JUMP_IF_TRUE: return is_truth_value(a, true);
    case OP_JUMP_IF_FALSE: return is_truth_value(a, false);
    case OP_JUMP_UNLESS_TRUE: return !is_truth_value(a, true);
    default: return a->kind != KIND_NULL;
    }
}

/* Compute what an instruction that neither loads nor jumps computes. */
static inline bool compute(sx_state *state, const sx_instruction *instruction) {
    sx_value *values = state->values;
    sx_operation operation = instruction->operation;
    sx_value *to = &values[instruction->to];
    const sx_value *a = &values[instruction->a], *b = &values[instruction->b];
    switch (operation) {
    case OP_MOVE: *to = *a; return true;
    case OP_AND:
    case OP_OR: return and_or(operation, a, to);
    case OP_NOT:
        if (a->kind == KIND_NULL) return set_null(to);
        return set_truth(to, is_truth_value(a, false));
    case OP_IS_NULL: return set_truth(to, a->kind == KIND_NULL);
    case OP_TRUTH: *to = *a; return a->kind == KIND_NULL || a->kind == KIND_TRUTH;
    case OP_ADD:
        if (a->kind == KIND_TEXT) return compute_text(state, instruction, to);
        /* fall through */
    case OP_SUBTRACT:
    case OP_MULTIPLY:
    case OP_DIVIDE:
    case OP_FLOOR_DIVIDE:
    case OP_MODULO: return arithmetic(operation, a, b, to);
    case OP_NEGATE:
    case OP_PLUS:
    case OP_ABS:
    case OP_ROUND:
    case OP_FLOOR:
    case OP_CEIL: return number_function(operation, a, to);
    case OP_ROUND_TO: return round_to(a, b, to);
    case OP_INT:
    case OP_FLOAT:
    case OP_BOOL: return conversion(operation, a, to);
    case OP_MIN:
    case OP_MAX: return extreme(operation, a, b, to);
    case OP_LESS:
    case OP_AT_MOST:
    case OP_GREATER:
    case OP_AT_LEAST:
    case OP_EQUAL:
    case OP_UNEQUAL: return comparison(operation, a, b, to);
    case OP_AMONG: return among(a, b, instruction->c, to);
    case OP_ODD: return false;
    default: return compute_text(state, instruction, to);
    }
}

/* Count the bytes that the derived columns need beyond those of scalars; false if one of them has a
 * number without a simple text. */
static inline bool count_derived_bytes(const sx_state *state, size_t *bytes) {
    const sx_layout *layout = state->layout;
    size_t growth = layout->is_to_csv ? 2 : LONGEST_ESCAPE_BYTES;
    *bytes = 0;
    for (size_t i = 0; i < layout->pick_count; i++) {
        if (layout->picks[i].column < layout->column_count) continue;
        const sx_value *value = derived_of(state, layout->picks[i].column);
        if (value->kind == KIND_NUMBER && !is_writable(value->number)) return false;
        if (value->kind == KIND_TEXT) *bytes += growth * value->text.length;
    }
    return true;
}

/* Run the program on a record of CSV or, with NULL, on the JSON object at hand. */
static inline sx_verdict run_program(
    sx_state *state, const sx_record *record, bool has_quotes, size_t *derived_bytes) {
    const sx_instruction *first = state->layout->program.instructions;
    sx_value *values = state->values;
    state->made_bytes = 0;
    for (const sx_instruction *at = first;; at++) {
        switch (at->operation) {
        case OP_LOAD:
            if (!(record == NULL ? load_member(state, at->a, &values[at->to])
                                 : load_value(state, record, at->a, has_quotes, &values[at->to])))
                return VERDICT_ODD;
            break;
        case OP_JUMP:
        case OP_JUMP_IF_TRUE:
        case OP_JUMP_IF_FALSE:
        case OP_JUMP_UNLESS_TRUE:
        case OP_JUMP_UNLESS_NULL:
            if (jumps(at->operation, &values[at->a])) at = first + at->b - 1;
            break;
        case OP_KEEP:
            if (!is_truth_value(&values[at->a], true)) return VERDICT_DROP;
            break;
        case OP_END:
            return count_derived_bytes(state, derived_bytes) ? VERDICT_KEEP : VERDICT_ODD;
        default:
            if (!compute(state, at)) return VERDICT_ODD;
        }
    }
}

static inline uint8_t *emit_derived_value(uint8_t *out, const sx_value *value) {
    if (value->kind == KIND_TEXT)
        return emit_json_string(out, value->text.bytes, value->text.length, 0);
    if (value->kind != KIND_NULL) return emit_scalar(out, value);
    memcpy(out, "null", 4);
    return out + 4;
}

static inline uint8_t *emit_derived_cell(uint8_t *out, const sx_value *value, const sx_csv *csv) {
    if (value->kind == KIND_TEXT)
        return emit_cell(out, value->text.bytes, value->text.length, csv);
    uint8_t text[MOST_BYTES_OF_SCALAR + PADDING_BYTES] = {0};
    return emit_cell(out, text, (size_t)(emit_scalar(text, value) - text), csv);
}
