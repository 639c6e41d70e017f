/* values.h: what operations make of values, after Python.
 *
 * Each function returns false where the kernel has no answer: kinds that do not go together, a division
 * by zero, results beyond 64 bits. The result may stand where an operand does.
 */

static inline bool set_null(sx_value *to) {
    to->kind = KIND_NULL;
    return true;
}

static inline bool set_truth(sx_value *to, bool truth) {
    to->kind = KIND_TRUTH;
    to->truth = truth;
    return true;
}

static inline bool set_integer(sx_value *to, int64_t integer) {
    to->kind = KIND_INTEGER;
    to->integer = integer;
    return true;
}

static inline bool set_number(sx_value *to, double number) {
    to->kind = KIND_NUMBER;
    to->number = number;
    return __builtin_isfinite(number);
}

static inline bool set_text(sx_value *to, const uint8_t *bytes, size_t length) {
    to->kind = KIND_TEXT;
    to->text = (sx_text){bytes, length};
    return true;
}

static inline bool is_truth_value(const sx_value *value, bool truth) {
    return value->kind == KIND_TRUTH && value->truth == truth;
}

static inline bool is_numeric(const sx_value *value) {
    return value->kind == KIND_INTEGER || value->kind == KIND_NUMBER;
}

static inline double as_double(const sx_value *value) {
    return value->kind == KIND_INTEGER ? (double)value->integer : value->number;
}

static inline bool is_exact(const sx_value *value) {
    return value->kind != KIND_INTEGER ||
           (value->integer <= EXACT_IN_DOUBLE && value->integer >= -EXACT_IN_DOUBLE);
}

static inline int64_t floor_quotient(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static inline int64_t floor_rest(int64_t a, int64_t b) {
    int64_t rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static inline bool integer_arithmetic(sx_operation operation, int64_t a, int64_t b, sx_value *to) {
    int64_t result = 0;
    switch (operation) {
    case OP_ADD:
        return !__builtin_add_overflow(a, b, &result) && set_integer(to, result);
    case OP_SUBTRACT:
        return !__builtin_sub_overflow(a, b, &result) && set_integer(to, result);
    case OP_MULTIPLY:
        return !__builtin_mul_overflow(a, b, &result) && set_integer(to, result);
    default:
        if (b == 0 || b == -1) return false; /* the least integer has no opposite */
        return set_integer(to, operation == OP_MODULO ? floor_rest(a, b) : floor_quotient(a, b));
    }
}

static inline bool double_arithmetic(sx_operation operation, double a, double b, sx_value *to) {
    switch (operation) {
    case OP_ADD: return set_number(to, a + b);
    case OP_SUBTRACT: return set_number(to, a - b);
    case OP_MULTIPLY: return set_number(to, a * b);
    case OP_DIVIDE: return b != 0 && set_number(to, a / b);
    default: return false;
    }
}

static inline bool arithmetic(
    sx_operation operation, const sx_value *a, const sx_value *b, sx_value *to) {
    if (a->kind == KIND_NULL || b->kind == KIND_NULL) return set_null(to);
    if (!is_numeric(a) || !is_numeric(b)) return false;
    if (a->kind == KIND_NUMBER || b->kind == KIND_NUMBER)
        return double_arithmetic(operation, as_double(a), as_double(b), to);
    if (operation != OP_DIVIDE) return integer_arithmetic(operation, a->integer, b->integer, to);
    /* A quotient of doubles is the rounded one of integers only if these are exact. */
    return is_exact(a) && is_exact(b) &&
           double_arithmetic(operation, (double)a->integer, (double)b->integer, to);
}

static inline int sign_of(double a, double b) { return (a > b) - (a < b); }

/* Compare two values of one kind; `order` is negative, 0 or positive. The bytes of UTF-8 are in the
 * order of its code points. */
static inline bool compare(const sx_value *a, const sx_value *b, int *order) {
    if (a->kind == KIND_INTEGER && b->kind == KIND_INTEGER) {
        *order = (a->integer > b->integer) - (a->integer < b->integer);
        return true;
    }
    if (is_numeric(a) && is_numeric(b)) {
        *order = sign_of(as_double(a), as_double(b));
        return is_exact(a) && is_exact(b);
    }
    if (a->kind != KIND_TEXT || b->kind != KIND_TEXT) return false;
    size_t a_length = a->text.length, b_length = b->text.length;
    *order = memcmp(a->text.bytes, b->text.bytes, smaller(a_length, b_length));
    if (*order == 0) *order = (a_length > b_length) - (a_length < b_length);
    return true;
}

static inline bool holds(sx_operation operation, int order) {
    switch (operation) {
    case OP_LESS: return order < 0;
    case OP_AT_MOST: return order <= 0;
    case OP_GREATER: return order > 0;
    case OP_AT_LEAST: return order >= 0;
    case OP_EQUAL: return order == 0;
    default: return order != 0;
    }
}

static inline bool comparison(
    sx_operation operation, const sx_value *a, const sx_value *b, sx_value *to) {
    if (a->kind == KIND_NULL || b->kind == KIND_NULL) return set_null(to);
    bool has_order = operation != OP_EQUAL && operation != OP_UNEQUAL;
    if (a->kind == KIND_TRUTH && b->kind == KIND_TRUTH && !has_order)
        return set_truth(to, (a->truth == b->truth) == (operation == OP_EQUAL));
    int order;
    return compare(a, b, &order) && set_truth(to, holds(operation, order));
}

/* The first of two that is least, or greatest. */
static inline bool extreme(
    sx_operation operation, const sx_value *a, const sx_value *b, sx_value *to) {
    if (a->kind == KIND_NULL || b->kind == KIND_NULL) return set_null(to);
    int order;
    if (!compare(b, a, &order)) return false;
    *to = (operation == OP_MIN ? order < 0 : order > 0) ? *b : *a;
    return true;
}

static inline bool is_of_kind(const sx_value *a, const sx_value *b) {
    return a->kind == b->kind || (is_numeric(a) && is_numeric(b));
}

/* Whether a value is one of some constants, of which one at least has to be of its kind. */
static inline bool among(const sx_value *a, const sx_value *constants, size_t count, sx_value *to) {
    if (a->kind == KIND_NULL) return set_null(to);
    bool is_among = false, has_kind = count == 0;
    for (size_t i = 0; i < count && !is_among; i++) {
        sx_value is_equal;
        if (!is_of_kind(a, &constants[i])) continue;
        has_kind = true;
        if (!comparison(OP_EQUAL, a, &constants[i], &is_equal)) return false;
        is_among = is_equal.truth;
    }
    return has_kind && set_truth(to, is_among);
}

static inline bool and_or(sx_operation operation, const sx_value *b, sx_value *to) {
    bool decides = operation == OP_OR;
    if (is_truth_value(b, decides) || is_truth_value(to, !decides)) *to = *b;
    else set_null(to);
    return true;
}

/* Round to decimal places, to even where it is halfway. */
static inline bool round_to(const sx_value *a, const sx_value *places, sx_value *to) {
    if (a->kind == KIND_NULL || places->kind == KIND_NULL) return set_null(to);
    if (!is_numeric(a) || places->kind != KIND_INTEGER) return false;
    if (places->integer < 0 || places->integer > MOST_INTEGER_DIGITS) return false;
    if (a->kind == KIND_INTEGER) return set_integer(to, a->integer);
    uint64_t digits;
    if (!round_decimal(magnitude_of(a->number), (unsigned)places->integer, &digits)) return false;
    if (digits > (uint64_t)EXACT_IN_DOUBLE) return false;
    double rounded = (double)digits / (double)POWERS_OF_TEN[places->integer];
    return set_number(to, __builtin_signbit(a->number) ? -rounded : rounded);
}

/* Make an integer of a number that is not one: the nearest, or the next on one side. */
static inline bool whole_number(sx_operation operation, double number, sx_value *to) {
    double magnitude = magnitude_of(number);
    uint64_t digits;
    if (magnitude >= (double)EXACT_IN_DOUBLE || !round_decimal(magnitude, 0, &digits)) return false;
    int64_t nearest = number < 0 ? -(int64_t)digits : (int64_t)digits;
    if (operation == OP_FLOOR) nearest -= (double)nearest > number;
    if (operation == OP_CEIL) nearest += (double)nearest < number;
    return set_integer(to, nearest);
}

static inline bool number_function(sx_operation operation, const sx_value *a, sx_value *to) {
    if (a->kind == KIND_NULL) return set_null(to);
    if (!is_numeric(a)) return false;
    bool is_integer = a->kind == KIND_INTEGER;
    int64_t integer = is_integer ? a->integer : 0;
    double number = is_integer ? 0 : a->number;
    switch (operation) {
    case OP_FLOAT: return set_number(to, as_double(a));
    case OP_INT:
        if (is_integer) return set_integer(to, integer);
        return magnitude_of(number) < (double)EXACT_IN_DOUBLE && set_integer(to, (int64_t)number);
    case OP_ROUND:
    case OP_FLOOR:
    case OP_CEIL:
        return is_integer ? set_integer(to, integer) : whole_number(operation, number, to);
    case OP_ABS:
        if (!is_integer) return set_number(to, __builtin_signbit(number) ? -number : number);
        if (integer >= 0) return set_integer(to, integer);
        /* fall through */
    case OP_NEGATE:
        if (!is_integer) return set_number(to, -number);
        return integer != INT64_MIN && set_integer(to, -integer);
    default:
        *to = *a;
        return true;
    }
}
