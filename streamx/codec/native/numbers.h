/* numbers.h: which texts are numbers, after streamx/codec/types.py and RFC 8259.
 *
 * The quick ways read 16 bytes from the start of a text whatever its length.
 */

enum { MOST_DIGITS = 15 }; /* that survive a double */

/* How many of the bytes at `at` are digits, up to `end`. */
static inline size_t digits_at(const uint8_t *at, const uint8_t *end) {
    const uint8_t *start = at;
    while (at < end && (uint8_t)(*at - '0') <= 9) at++;
    return (size_t)(at - start);
}

/* Where a number of JSON's grammar ends, or NULL if there is none. */
static inline const uint8_t *json_number_end(const uint8_t *at, const uint8_t *end) {
    if (at < end && *at == '-') at++;
    size_t whole = digits_at(at, end);
    if (whole == 0 || (whole > 1 && *at == '0')) return NULL;
    at += whole;
    if (at < end && *at == '.') {
        size_t fraction = digits_at(at + 1, end);
        if (fraction == 0) return NULL;
        at += 1 + fraction;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        size_t exponent = digits_at(at, end);
        if (exponent == 0) return NULL;
        at += exponent;
    }
    return at;
}

/* Tell whether a text is an integer or, if `takes_fraction`, a decimal fraction without exponent,
 * of digits that a double keeps. */
static bool is_decimal(const uint8_t *text, size_t length, bool takes_fraction) {
    const uint8_t *end = text + length;
    if (text < end && *text == '-') text++;
    size_t whole = digits_at(text, end);
    if (whole == 0 || (whole > 1 && *text == '0')) return false;
    if (text + whole == end) return whole <= MOST_DIGITS;
    const uint8_t *fraction = text + whole + 1;
    size_t fraction_digits = digits_at(fraction, end);
    if (!takes_fraction || text[whole] != '.' || fraction_digits == 0) return false;
    if (fraction + fraction_digits != end) return false;
    if (*text != '0') return whole + fraction_digits <= MOST_DIGITS;
    while (fraction < end && *fraction == '0') fraction++;
    return end - fraction <= MOST_DIGITS;
}

static inline bool is_integer(const uint8_t *text, size_t length) {
    if (length > 16) return false;
    uint32_t negative = *text == '-';
    uint32_t others = ~digits_of_16(text) & lowest(length) & ~negative;
    size_t digits = length - negative;
    /* Without branches: which digits come next is nothing that a processor could predict. */
    return (others == 0) & (digits - 1 < MOST_DIGITS) & ((text[negative] != '0') | (digits == 1));
}

static inline bool is_number(const uint8_t *text, size_t length) {
    if (length > 16) return is_decimal(text, length, true);
    uint32_t negative = *text == '-';
    uint32_t others = ~digits_of_16(text) & lowest(length) & ~negative;
    if (others == 0) return is_integer(text, length);
    size_t whole = (size_t)__builtin_ctz(others) - negative;
    if ((others & (others - 1)) != 0 || text[negative + whole] != '.') return false;
    return whole > 0 && negative + whole + 1 < length && (whole == 1 || text[negative] != '0');
}

static inline bool is_boolean(const uint8_t *text, size_t length) {
    if (length == 4)
        return memcmp(text, "true", 4) == 0 || memcmp(text, "True", 4) == 0 ||
               memcmp(text, "TRUE", 4) == 0;
    return length == 5 && (memcmp(text, "false", 5) == 0 || memcmp(text, "False", 5) == 0 ||
                           memcmp(text, "FALSE", 5) == 0);
}

/* Tell whether a text that is not empty fits a column's type. */
static inline bool fits(const uint8_t *text, size_t length, sx_type type, bool is_pinned) {
    if (type == TYPE_BOOLEAN) return is_boolean(text, length);
    if (!is_pinned) return type == TYPE_INTEGER ? is_integer(text, length) : is_number(text, length);
    const uint8_t *end = text + length;
    if (type == TYPE_NUMBER) return json_number_end(text, end) == end;
    const uint8_t *digits = text + (*text == '-');
    return digits < end && digits + digits_at(digits, end) == end &&
           (*digits != '0' || digits + 1 == end);
}

static inline bool is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

/* Tell whether a text that starts with a sign is a number as a whole. */
static bool is_signed_number(const uint8_t *text, size_t length) {
    const uint8_t *end = text + length, *at = text + 1;
    size_t digits = 0;
    for (; at < end && is_digit(*at); at++) digits++;
    if (at < end && *at == '.')
        for (at++; at < end && is_digit(*at); at++) digits++;
    if (digits == 0) return false;
    if (at < end && (*at | 0x20) == 'e') {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        if (at == end) return false;
        while (at < end && is_digit(*at)) at++;
    }
    return at == end;
}
