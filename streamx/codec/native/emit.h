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

/* Write a text as the inside of a JSON string, escape by escape. With `quote` not 0, it is the inside
 * of a quoted cell, in which that byte stands doubled for itself. Looks at each vector once, however
 * many escapes it needs: between two of them only a count of bits has to be waited for. */
static inline uint8_t *emit_json_runs(
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

#if defined(KERNEL_AVX512)

/* What stands behind the backslash for each control character that has a short escape, else 0. */
static inline wide escape_letters(wide v) {
    const wide letters = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 'b', 't', 'n', 0, 'f', 'r', 0, 0));
    /* The highest bit, which bytes from 16 on have then, makes a shuffle give 0. */
    return _mm512_shuffle_epi8(letters, _mm512_adds_epu8(v, _mm512_set1_epi8(0x70)));
}

/* Write those bytes of a vector that are kept, each escaped one with a backslash before it. */
static inline uint8_t *emit_escaped(uint8_t *out, vector v, uint32_t kept, uint32_t escaped) {
    const uint64_t backslashes = 0x5555555555555555, bytes = ~backslashes;
    wide pairs =
        _mm512_mask_expand_epi8(_mm512_set1_epi8('\\'), bytes, _mm512_castsi256_si512(v));
    uint64_t chosen = _pdep_u64(kept, bytes) | _pdep_u64(escaped, backslashes);
    store_wide(out, _mm512_maskz_compress_epi8(chosen, pairs));
    return out + _mm_popcnt_u64(chosen);
}

/* A call of it, since it is rare enough here and would push other code apart. */
__attribute__((noinline)) static uint8_t *emit_json_rest(
    uint8_t *out, const uint8_t *text, size_t length, uint8_t quote) {
    return emit_json_runs(out, text, length, quote);
}

/* Do the same in steps that do not depend on how many escapes there are and where, so that there is
 * nothing for the processor to guess. Control characters without a short escape are left to the way
 * above, and all that follows them. */
static inline uint8_t *emit_json_text(
    uint8_t *out, const uint8_t *text, size_t length, uint8_t quote) {
    const uint8_t *end = text + length;
    uint64_t is_second = 0; /* 1: the next byte is the second one of a pair of quotes */
    while (text < end) {
        wide v = load_wide(text);
        size_t here = smaller((size_t)(end - text), WIDE_BYTES);
        uint64_t kept = ~(uint64_t)0 >> (64 - here);
        uint64_t controls = wide_at_most(v, 0x1f) & kept;
        uint64_t quotes = quote == 0 ? 0 : wide_equal(v, quote) & kept;
        uint64_t escaped = (wide_equal(v, '"') | wide_equal(v, '\\') | controls) & kept;
        if ((escaped | quotes) == 0) {
            store_wide(out, v);
            out += here;
            text += WIDE_BYTES;
            continue;
        }
        wide letters = escape_letters(v);
        uint64_t lettered = _mm512_test_epi8_mask(letters, letters);
        if ((controls & ~lettered) != 0) {
            text += is_second; /* and text is left: a pair of quotes was none of these */
            return emit_json_rest(out, text, (size_t)(end - text), quote);
        }
        kept ^= _pdep_u64(0xaaaaaaaaaaaaaaaa ^ -is_second, quotes); /* every second one */
        is_second ^= _mm_popcnt_u64(quotes) & 1;
        escaped &= kept;
        v = _mm512_mask_mov_epi8(v, lettered, letters);
        vector low = _mm512_castsi512_si256(v), high = _mm512_extracti64x4_epi64(v, 1);
        out = emit_escaped(out, low, (uint32_t)kept, (uint32_t)escaped);
        out = emit_escaped(out, high, (uint32_t)(kept >> 32), (uint32_t)(escaped >> 32));
        text += WIDE_BYTES;
    }
    return out;
}

#else

static inline uint8_t *emit_json_text(
    uint8_t *out, const uint8_t *text, size_t length, uint8_t quote) {
    return emit_json_runs(out, text, length, quote);
}

#endif

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

/* Tell whether a spreadsheet would take a text for a formula. */
static inline bool is_formula(const uint8_t *text, size_t length) {
    if (length == 0) return false;
    switch (*text) {
    case '=': case '@': case '\t': case '\r': return true;
    case '+': case '-': return !is_signed_number(text, length);
    default: return false;
    }
}

/* Write a text as a cell, in quotes only where a reader needs them. */
static inline uint8_t *emit_text_cell(
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

/* Write a text with an apostrophe before it as a cell; the dialect has no other use for those. */
static uint8_t *emit_formula(uint8_t *out, const uint8_t *text, size_t length, const sx_csv *csv) {
    uint8_t *end = emit_text_cell(out + 1, text, length, csv);
    bool is_quoted = out[1] == csv->quote; /* a text that starts with the quote is quoted */
    if (is_quoted) out[0] = csv->quote;
    out[is_quoted] = '\'';
    return end;
}

/* Write a text as a cell of a dialect. */
static inline uint8_t *emit_cell(
    uint8_t *out, const uint8_t *text, size_t length, const sx_csv *csv) {
    if (csv->escapes_formulas && is_formula(text, length))
        return emit_formula(out, text, length, csv);
    return emit_text_cell(out, text, length, csv);
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
