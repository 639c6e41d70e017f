/* json_scan.h: follows JSON texts (RFC 8259) in a line and proves them valid.
 *
 * Each function starts at `at` and returns where it ended, or NULL where the text is not valid or is
 * left to others to judge. A line feed stands behind the line: no JSON text goes past one, so none of
 * the loops here can pass it.
 */

static inline const uint8_t *skip_space(const uint8_t *at) {
    if (*at > ' ') return at;
    while (*at == ' ' || *at == '\t' || *at == '\r') at++;
    return at;
}

static inline int hex_digit(uint8_t byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The code unit of four hexadecimal digits, or -1. */
static inline int32_t hex_unit(const uint8_t *at) {
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static inline bool is_high_surrogate(int32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
static inline bool is_low_surrogate(int32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

/* Past an escape, whose backslash is at `at`; surrogates must come in pairs. */
static const uint8_t *skip_escape(const uint8_t *at) {
    switch (at[1]) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        return at + 2;
    case 'u':
        break;
    default:
        return NULL;
    }
    int32_t unit = hex_unit(at + 2);
    if (unit < 0 || is_low_surrogate(unit)) return NULL;
    if (!is_high_surrogate(unit)) return at + 6;
    if (at[6] != '\\' || at[7] != 'u' || !is_low_surrogate(hex_unit(at + 8))) return NULL;
    return at + 12;
}

/* Past the closing quote of a string whose inside starts at `at`. */
static inline const uint8_t *skip_string(const uint8_t *at, bool *has_escapes) {
    for (;;) {
        uint32_t specials = json_specials(load(at));
        if (specials == 0) {
            at += VECTOR_BYTES;
            continue;
        }
        at += __builtin_ctz(specials);
        if (*at == '"') return at + 1;
        if (*at != '\\') return NULL;
        *has_escapes = true;
        at = skip_escape(at);
        if (at == NULL) return NULL;
    }
}

static inline const uint8_t *skip_digits(const uint8_t *at) {
    for (;;) {
        uint32_t others = ~digits_of_16(at) & 0xffff;
        if (others != 0) return at + __builtin_ctz(others);
        at += 16;
    }
}

static inline const uint8_t *skip_number(const uint8_t *at) {
    /* No branches on the sign or the first digit, which a processor cannot predict, and no waiting for
     * the sign before the digits are looked at. */
    uint32_t negative = *at == '-';
    uint32_t others = ~(digits_of_16(at) | negative) & 0xffff;
    const uint8_t *start = at + negative;
    at = others != 0 ? at + __builtin_ctz(others) : skip_digits(at + 16);
    if ((at == start) | ((*start == '0') & (at > start + 1))) return NULL;
    if (*at == '.') {
        start = at + 1;
        at = skip_digits(start);
        if (at == start) return NULL;
    }
    if ((*at | 0x20) == 'e') {
        at++;
        if (*at == '+' || *at == '-') at++;
        start = at;
        at = skip_digits(start);
        if (at == start) return NULL;
    }
    return at;
}

/* Past a string, number, true, false or null. */
static inline const uint8_t *skip_scalar(const uint8_t *at, sx_value_kind *kind) {
    *kind = VALUE_SCALAR;
    if (*at == '"') {
        bool has_escapes = false;
        at = skip_string(at + 1, &has_escapes);
        *kind = has_escapes ? VALUE_ESCAPED_STRING : VALUE_STRING;
        return at;
    }
    switch (*at) {
    case 't': return memcmp(at, "true", 4) == 0 ? at + 4 : NULL;
    case 'f': return memcmp(at, "false", 5) == 0 ? at + 5 : NULL;
    case 'n': return memcmp(at, "null", 4) == 0 ? at + 4 : NULL;
    default: return skip_number(at);
    }
}

/* Past the key of an object's member and its colon, to the value. */
static inline const uint8_t *skip_member_key(const uint8_t *at) {
    bool has_escapes = false;
    if (*at != '"') return NULL;
    at = skip_string(at + 1, &has_escapes);
    if (at == NULL) return NULL;
    at = skip_space(at);
    return *at == ':' ? skip_space(at + 1) : NULL;
}

/* The containers that are open, innermost last: a bit says whether it is an object. */
typedef struct {
    uint64_t is_object[MOST_DEPTH / 64 + 1];
    unsigned depth;
} sx_nesting;

static inline bool push(sx_nesting *nesting, bool is_object) {
    unsigned at = nesting->depth++;
    uint64_t bit = (uint64_t)1 << (at % 64);
    if (at >= MOST_DEPTH) return false;
    if (at % 64 == 0) nesting->is_object[at / 64] = 0;
    if (is_object) nesting->is_object[at / 64] |= bit;
    else nesting->is_object[at / 64] &= ~bit;
    return true;
}

static inline bool is_in_object(const sx_nesting *nesting) {
    unsigned at = nesting->depth - 1;
    return nesting->is_object[at / 64] >> (at % 64) & 1;
}

/* Past the brackets that close behind a value, and the comma and key before the next one: `at` is then
 * at a value, or behind the whole text, when nothing is open any more. */
static inline const uint8_t *skip_to_next(const uint8_t *at, sx_nesting *nesting) {
    while (nesting->depth > 0) {
        bool is_object = is_in_object(nesting);
        const uint8_t *after = skip_space(at);
        if (*after == ',') {
            after = skip_space(after + 1);
            return is_object ? skip_member_key(after) : after;
        }
        if (*after != (is_object ? '}' : ']')) return NULL;
        nesting->depth--;
        at = after + 1;
    }
    return at;
}

static inline bool is_nested(uint8_t first) { return first == '{' || first == '['; }

/* Past an object or array; `depth` containers are open around it. */
static const uint8_t *skip_nested(const uint8_t *at, unsigned depth, sx_value_kind *kind) {
    *kind = VALUE_NESTED;
    sx_nesting nesting;
    nesting.depth = 0;
    sx_value_kind inner;
    do {
        if (is_nested(*at)) {
            bool is_object = *at == '{';
            if (nesting.depth + depth >= MOST_DEPTH || !push(&nesting, is_object)) return NULL;
            at = skip_space(at + 1);
            if (*at == (is_object ? '}' : ']')) {
                nesting.depth--;
                at++;
            } else {
                if (is_object) at = skip_member_key(at);
                if (at == NULL) return NULL;
                continue;
            }
        } else {
            at = skip_scalar(at, &inner);
            if (at == NULL) return NULL;
        }
        at = skip_to_next(at, &nesting);
        if (at == NULL) return NULL;
    } while (nesting.depth > 0);
    return at;
}

/* Write code point as UTF-8. */
static inline uint8_t *emit_code_point(uint8_t *out, uint32_t point) {
    if (point < 0x80) {
        *out++ = (uint8_t)point;
    } else if (point < 0x800) {
        *out++ = (uint8_t)(0xc0 | point >> 6);
        *out++ = (uint8_t)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *out++ = (uint8_t)(0xe0 | point >> 12);
        *out++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (point & 0x3f));
    } else {
        *out++ = (uint8_t)(0xf0 | point >> 18);
        *out++ = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        *out++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (point & 0x3f));
    }
    return out;
}

static inline uint8_t escaped_byte(uint8_t letter) {
    switch (letter) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return letter;
    }
}

/* Write what the inside of a valid string stands for; it is never longer. Return its length. */
static size_t unescape(uint8_t *out, const uint8_t *text, const uint8_t *end) {
    uint8_t *start = out;
    while (text < end) {
        const uint8_t *next = memchr(text, '\\', (size_t)(end - text));
        size_t plain = (size_t)((next == NULL ? end : next) - text);
        memcpy(out, text, plain);
        out += plain;
        text += plain;
        if (next == NULL) break;
        if (text[1] != 'u') {
            *out++ = escaped_byte(text[1]);
            text += 2;
            continue;
        }
        uint32_t unit = (uint32_t)hex_unit(text + 2);
        text += 6;
        if (is_high_surrogate((int32_t)unit)) {
            uint32_t low = (uint32_t)hex_unit(text + 2);
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            text += 6;
        }
        out = emit_code_point(out, unit);
    }
    return (size_t)(out - start);
}

/* Write valid JSON without the white space between its tokens; return its length. */
static size_t compact(uint8_t *out, const uint8_t *text, const uint8_t *end) {
    uint8_t *start = out;
    while (text < end) {
        const uint8_t *token = text;
        bool has_escapes = false;
        if (*text == '"') text = skip_string(text + 1, &has_escapes);
        else if (skip_space(text) > text) token = text = skip_space(text);
        else text++;
        memcpy(out, token, (size_t)(text - token));
        out += text - token;
    }
    return (size_t)(out - start);
}

/* As csv_record_start, for lines. */
static size_t line_start(const uint8_t *data, size_t length, size_t number) {
    size_t at = 0;
    while (at < length) {
        size_t end = find_either(data, at, length, '\n', '\n');
        size_t text = at;
        while (text < end && (data[text] == ' ' || data[text] == '\t' || data[text] == '\r')) text++;
        if (text < end && number-- == 0) return at;
        at = end + 1;
    }
    return length;
}
