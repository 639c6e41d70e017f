/* emit.h: writes texts as JSON strings and as CSV cells.
 *
 * Each function writes at `out` and returns where it ended. It may write a vector too much, for
 * which the PADDING_BYTES behind every output are there, and read a vector too much of the text.
 */

/* What JSON writes for a byte; a length of 0 stands for the byte itself. */
typedef struct {
    char text[7];
    uint8_t length;
} sx_escape;

static const sx_escape JSON_ESCAPES[256] = {
    {"\\u0000", 6}, {"\\u0001", 6}, {"\\u0002", 6}, {"\\u0003", 6},
    {"\\u0004", 6}, {"\\u0005", 6}, {"\\u0006", 6}, {"\\u0007", 6},
    {"\\b", 2}, {"\\t", 2}, {"\\n", 2}, {"\\u000b", 6},
    {"\\f", 2}, {"\\r", 2}, {"\\u000e", 6}, {"\\u000f", 6},
    {"\\u0010", 6}, {"\\u0011", 6}, {"\\u0012", 6}, {"\\u0013", 6},
    {"\\u0014", 6}, {"\\u0015", 6}, {"\\u0016", 6}, {"\\u0017", 6},
    {"\\u0018", 6}, {"\\u0019", 6}, {"\\u001a", 6}, {"\\u001b", 6},
    {"\\u001c", 6}, {"\\u001d", 6}, {"\\u001e", 6}, {"\\u001f", 6},
    ['"'] = {"\\\"", 2},
    ['\\'] = {"\\\\", 2},
};

static inline uint8_t *copy(uint8_t *out, const uint8_t *text, size_t length) {
    for (size_t at = 0;; at += VECTOR_BYTES) {
        store(out + at, load(text + at));
        if (at + VECTOR_BYTES >= length) return out + length;
    }
}

static inline uint8_t *emit_json_byte(uint8_t *out, uint8_t byte) {
    const sx_escape *escape = &JSON_ESCAPES[byte];
    memcpy(out, escape->text, sizeof escape->text);
    if (escape->length > 0) return out + escape->length;
    *out = byte;
    return out + 1;
}

static inline uint32_t json_specials(vector v) {
    return mask_of(either(either(equal(v, all_of('"')), equal(v, all_of('\\'))),
                          at_most(v, all_of(0x1f))));
}

/* How many bytes of a text JSON writes as an escape. */
static size_t count_json_escapes(const uint8_t *text, size_t length) {
    size_t count = 0;
    for (; length >= VECTOR_BYTES; text += VECTOR_BYTES, length -= VECTOR_BYTES)
        count += (size_t)__builtin_popcount(json_specials(load(text)));
    return count + length;
}

/* Write a text as the inside of a JSON string. With `quote` not 0, it is the inside of a quoted cell,
 * in which that byte stands doubled for itself. Looks at each vector once, however many escapes it
 * needs: between two of them only a count of bits has to be waited for. */
static inline uint8_t *emit_json_text(
    uint8_t *out, const uint8_t *text, size_t length, uint8_t quote) {
    const uint8_t *end = text + length;
    while (text < end) {
        wide v = load_wide(text);
        store_wide(out, v);
        uint64_t specials = wide_equal(v, '"') | wide_equal(v, '\\') | wide_at_most(v, 0x1f);
        if (quote != 0 && quote != '"') specials |= wide_equal(v, quote);
        size_t here = smaller((size_t)(end - text), WIDE_BYTES);
        specials &= ~(uint64_t)0 >> (64 - here);
        size_t done = 0;
        while (specials != 0) {
            size_t at = (size_t)__builtin_ctzll(specials);
            specials &= specials - 1;
            out = emit_json_byte(out + (at - done), text[at]);
            done = at + 1;
            if (quote != 0 && text[at] == quote) {
                done++;
                specials &= specials - (at < WIDE_BYTES - 1);
            }
            store_wide(out, load_wide(text + done));
        }
        if (done < here) {
            out += here - done;
            done = here;
        }
        text += done;
    }
    return out;
}

/* Write a text as a JSON string; `quote` as above. */
static inline uint8_t *emit_json_string(
    uint8_t *out, const uint8_t *text, size_t length, uint8_t quote) {
    *out = '"';
    out = emit_json_text(out + 1, text, length, quote);
    *out = '"';
    return out + 1;
}

static inline bool is_byte_order_mark(const uint8_t *text, size_t length) {
    return length >= 3 && text[0] == 0xef && text[1] == 0xbb && text[2] == 0xbf;
}

/* What makes quotes necessary in a cell: four bytes, and what may begin a byte order mark. */
static inline uint32_t csv_specials(vector v, const sx_csv *csv) {
    vector line = either(equal(v, all_of('\n')), equal(v, all_of('\r')));
    vector own = either(equal(v, all_of(csv->delimiter)), equal(v, all_of(csv->quote)));
    return mask_of(either(either(line, own), equal(v, all_of(0xef))));
}

static uint8_t *emit_quoted(uint8_t *out, const uint8_t *text, size_t length, uint8_t quote) {
    const uint8_t *end = text + length;
    *out++ = quote;
    while (text < end) {
        vector v = load(text);
        store(out, v);
        uint32_t quotes = mask_of(equal(v, all_of(quote)));
        size_t plain = quotes == 0 ? VECTOR_BYTES : (size_t)__builtin_ctz(quotes);
        plain = smaller(plain, (size_t)(end - text));
        text += plain;
        out += plain;
        if (text == end || quotes == 0) continue;
        *out++ = quote;
        *out++ = quote;
        text++;
    }
    *out++ = quote;
    return out;
}

/* Write a text as a cell, in quotes only where a reader needs them. */
static inline uint8_t *emit_cell(
    uint8_t *out, const uint8_t *text, size_t length, const sx_csv *csv) {
    for (size_t at = 0; at < length; at += VECTOR_BYTES) {
        vector v = load(text + at);
        store(out + at, v);
        uint32_t specials = csv_specials(v, csv);
        if (length - at < VECTOR_BYTES) specials &= lowest(length - at);
        for (; specials != 0; specials &= specials - 1) {
            size_t special = at + (size_t)__builtin_ctz(specials);
            if (text[special] != 0xef || is_byte_order_mark(text + special, length - special))
                return emit_quoted(out, text, length, csv->quote);
        }
    }
    return out + length;
}

/* End a record, whose last cell starts at `cell`: a lone empty one must not leave a blank line. */
static inline uint8_t *emit_line_end(uint8_t *out, bool is_blank, const sx_csv *csv) {
    if (is_blank) {
        *out++ = csv->quote;
        *out++ = csv->quote;
    }
    out[0] = csv->line_end[0];
    out[1] = csv->line_end[1];
    return out + csv->line_end_length;
}

/* Write the inside of a quoted cell as a text; return its length. */
static size_t unquote(uint8_t *out, const uint8_t *text, size_t length, uint8_t quote) {
    const uint8_t *end = text + length;
    uint8_t *start = out;
    while (text < end) {
        const uint8_t *next = memchr(text, quote, (size_t)(end - text));
        size_t plain = (size_t)((next == NULL ? end : next + 1) - text);
        memcpy(out, text, plain);
        out += plain;
        text += plain + (next != NULL);
    }
    return (size_t)(out - start);
}
