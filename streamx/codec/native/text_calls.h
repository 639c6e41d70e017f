/* text_calls.h: calls the operations of texts with the operands that they take. */

static inline bool is_text(const sx_value *value) { return value->kind == KIND_TEXT; }
static inline bool has_integer(const sx_value *value) { return value->kind == KIND_INTEGER; }

/* Read a number as `int` and `float` do, of digits that a simple one has. */
static bool number_of_text(sx_operation operation, const sx_text *text, sx_value *to) {
    const uint8_t *at = text->bytes, *end = at + text->length, *point = NULL;
    while (at < end && (*at == ' ' || *at == '\t')) at++;
    while (at < end && (end[-1] == ' ' || end[-1] == '\t')) end--;
    bool is_negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    if (at == end || (end - at == 1 && *at == '.')) return false;
    int64_t digits = 0;
    for (; at < end; at++) {
        if (*at == '.' && point == NULL && operation == OP_FLOAT) {
            point = at;
            continue;
        }
        if (!is_digit(*at) || digits > EXACT_IN_DOUBLE / 16) return false;
        digits = digits * 10 + (*at - '0');
    }
    if (operation == OP_INT) return set_integer(to, is_negative ? -digits : digits);
    size_t places = point == NULL ? 0 : (size_t)(end - point - 1);
    if (places > MOST_INTEGER_DIGITS) return false;
    double number = (double)digits / (double)POWERS_OF_TEN[places];
    return set_number(to, is_negative ? -number : number);
}

/* Make a number or truth value of any scalar but null. */
static bool conversion(sx_operation operation, const sx_value *a, sx_value *to) {
    if (a->kind == KIND_NULL) return set_null(to);
    if (operation != OP_BOOL) {
        if (is_text(a)) return number_of_text(operation, &a->text, to);
        if (a->kind != KIND_TRUTH) return number_function(operation, a, to);
        return operation == OP_INT ? set_integer(to, a->truth) : set_number(to, a->truth);
    }
    if (a->kind == KIND_TRUTH) return set_truth(to, a->truth);
    if (has_integer(a)) return set_truth(to, a->integer != 0);
    if (a->kind == KIND_NUMBER) return set_truth(to, a->number != 0);
    return a->text.length < 6 && is_boolean(a->text.bytes, a->text.length) &&
           set_truth(to, (*a->text.bytes | 0x20) == 't');
}

/* Apply an operation of one text. */
static bool text_function(sx_state *state, sx_operation operation, const sx_text *a, sx_value *to) {
    switch (operation) {
    case OP_LENGTH: return set_integer(to, count_characters(a->bytes, a->bytes + a->length));
    case OP_STRIP:
    case OP_LEFT_STRIP:
    case OP_RIGHT_STRIP:
        return strip(a, NULL, operation != OP_RIGHT_STRIP, operation != OP_LEFT_STRIP, to);
    case OP_LOWER:
    case OP_UPPER:
    case OP_SWAP_CASE:
    case OP_CAPITALIZE:
    case OP_TITLE: return change_case(state, operation, a, to);
    default: return text_class(operation, a, to);
    }
}

/* Apply an operation of a text and one or two other operands. */
static bool text_operation(sx_state *state, sx_operation operation, const sx_value *a,
                           const sx_value *b, const sx_value *c, sx_value *to) {
    switch (operation) {
    case OP_ITEM: return has_integer(b) && item_of(&a->text, b->integer, to);
    case OP_SLICE:
        return has_integer(b) && has_integer(c) && slice_text(&a->text, b->integer, c->integer, to);
    case OP_FILL_ZEROS: return has_integer(b) && justify(state, operation, &a->text, b->integer, '0', to);
    case OP_LEFT_JUSTIFY:
    case OP_RIGHT_JUSTIFY:
        return has_integer(b) && is_text(c) && c->text.length == 1 &&
               justify(state, operation, &a->text, b->integer, *c->text.bytes, to);
    default: break;
    }
    if (!is_text(b)) return false;
    switch (operation) {
    case OP_ADD: return join_texts(state, &a->text, &b->text, to);
    case OP_REPLACE: return is_text(c) && replace_text(state, &a->text, &b->text, &c->text, to);
    case OP_STRIP_ANY:
    case OP_LEFT_STRIP_ANY:
    case OP_RIGHT_STRIP_ANY:
        return strip(&a->text, &b->text, operation != OP_RIGHT_STRIP_ANY,
                     operation != OP_LEFT_STRIP_ANY, to);
    default: return text_pair(operation, &a->text, &b->text, to);
    }
}

/* How many registers an operation of texts takes. */
static inline unsigned operands_of(sx_operation operation) {
    switch (operation) {
    case OP_SLICE:
    case OP_REPLACE:
    case OP_LEFT_JUSTIFY:
    case OP_RIGHT_JUSTIFY: return 3;
    case OP_ADD:
    case OP_CONTAINS:
    case OP_STARTS_WITH:
    case OP_ENDS_WITH:
    case OP_STRIP_ANY:
    case OP_LEFT_STRIP_ANY:
    case OP_RIGHT_STRIP_ANY:
    case OP_REMOVE_PREFIX:
    case OP_REMOVE_SUFFIX:
    case OP_ITEM:
    case OP_FIND:
    case OP_FIND_LAST:
    case OP_COUNT:
    case OP_FILL_ZEROS: return 2;
    default: return 1;
    }
}

/* Do what an instruction says that is not of numbers alone; a call, since it would push the hot code of
 * numbers apart. */
__attribute__((noinline)) static bool compute_text(
    sx_state *state, const sx_instruction *instruction, sx_value *to) {
    const sx_value *values = state->values;
    sx_operation operation = instruction->operation;
    const sx_value *a = &values[instruction->a];
    if (a->kind == KIND_NULL) return set_null(to);
    if (operation == OP_TEXT) return scalar_text(state, a, to);
    if (operation == OP_FORMAT)
        return format_number(
            state, a, instruction->b / 2u, instruction->b % 2, instruction->c, to);
    unsigned operands = operands_of(operation);
    const sx_value *b = operands > 1 ? &values[instruction->b] : a;
    const sx_value *c = operands > 2 ? &values[instruction->c] : a;
    if (b->kind == KIND_NULL || c->kind == KIND_NULL) return set_null(to);
    if (!is_text(a)) return false;
    if (operands == 1) return text_function(state, operation, &a->text, to);
    return text_operation(state, operation, a, b, c, to);
}
