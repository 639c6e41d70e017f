/* utf8.h: how far some bytes are UTF-8 (RFC 3629).
 *
 * The vector version classifies each pair of bytes by three tables of 16 entries, after Keiser and
 * Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte" (2021).
 */

static inline bool is_continuation(uint8_t byte) { return (byte & 0xc0) == 0x80; }

/* The length of the sequence at the start, or 0 if it is none. */
static inline size_t sequence_length(const uint8_t *at, size_t length) {
    uint8_t first = at[0];
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    size_t needed = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length < needed || !is_continuation(at[1])) return 0;
    if (first == 0xe0 && at[1] < 0xa0) return 0; /* overlong */
    if (first == 0xed && at[1] > 0x9f) return 0; /* a surrogate */
    if (first == 0xf0 && at[1] < 0x90) return 0; /* overlong */
    if (first == 0xf4 && at[1] > 0x8f) return 0; /* beyond U+10FFFF */
    for (size_t i = 2; i < needed; i++)
        if (!is_continuation(at[i])) return 0;
    return needed;
}

#if defined(KERNEL_AVX2)

enum {
    TOO_SHORT = 1 << 0,  /* a lead without its continuation */
    TOO_LONG = 1 << 1,   /* a continuation behind ASCII */
    OVERLONG_3 = 1 << 2,
    TOO_LARGE = 1 << 3,
    SURROGATE = 1 << 4,
    OVERLONG_2 = 1 << 5,
    TOO_LARGE_1000 = 1 << 6,
    OVERLONG_4 = 1 << 6,
    TWO_CONTINUATIONS = 1 << 7,
    CARRY = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS,
};

#define TABLE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

static inline vector behind(vector now, vector before, int bytes) {
    vector joint = _mm256_permute2x128_si256(before, now, 0x21);
    switch (bytes) {
    case 1: return _mm256_alignr_epi8(now, joint, 15);
    case 2: return _mm256_alignr_epi8(now, joint, 14);
    default: return _mm256_alignr_epi8(now, joint, 13);
    }
}

static inline vector high_half(vector v) {
    return _mm256_and_si256(_mm256_srli_epi16(v, 4), all_of(0x0f));
}

static inline vector utf8_errors(vector now, vector before) {
    const vector first_high = TABLE(
        TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
        (char)TWO_CONTINUATIONS, (char)TWO_CONTINUATIONS, (char)TWO_CONTINUATIONS,
        (char)TWO_CONTINUATIONS, TOO_SHORT | OVERLONG_2, TOO_SHORT,
        TOO_SHORT | OVERLONG_3 | SURROGATE,
        TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4);
    const vector first_low = TABLE(
        (char)(CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4), (char)(CARRY | OVERLONG_2),
        (char)CARRY, (char)CARRY, (char)(CARRY | TOO_LARGE),
        (char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000),
        (char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000),
        (char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000),
        (char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000),
        (char)(CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE),
        (char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000));
    const vector second_high = TABLE(
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
        (char)(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4),
        (char)(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE),
        (char)(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE),
        (char)(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE),
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT);
    vector first = behind(now, before, 1);
    vector pairs = _mm256_and_si256(
        _mm256_and_si256(_mm256_shuffle_epi8(first_high, high_half(first)),
                         _mm256_shuffle_epi8(first_low, _mm256_and_si256(first, all_of(0x0f)))),
        _mm256_shuffle_epi8(second_high, high_half(now)));
    /* The third and fourth bytes of long sequences must be a second continuation, and only they. */
    vector third = _mm256_subs_epu8(behind(now, before, 2), all_of(0xe0 - 0x80));
    vector fourth = _mm256_subs_epu8(behind(now, before, 3), all_of(0xf0 - 0x80));
    vector must = _mm256_and_si256(either(third, fourth), all_of(0x80));
    return _mm256_xor_si256(must, pairs);
}

/* Where the sequence starts that the byte before `at` belongs to; ASCII text if there is none. */
static inline size_t last_lead(const uint8_t *data, size_t at) {
    for (size_t back = 1; back <= 3 && back <= at; back++)
        if (data[at - back] >= 0xc0) return at - back;
    return at;
}

static size_t valid_prefix(const uint8_t *data, size_t from, size_t length) {
    while (from < length) {
        size_t step = sequence_length(data + from, length - from);
        if (step == 0) break;
        from += step;
    }
    return from;
}

/* How many of the first bytes are whole UTF-8 sequences. */
static size_t utf8_length(const uint8_t *data, size_t length) {
    vector before = all_of(0);
    size_t at = 0;
    for (; length - at >= VECTOR_BYTES; at += VECTOR_BYTES) {
        vector now = load(data + at);
        if (mask_of(either(now, before)) == 0) continue;
        vector errors = utf8_errors(now, before);
        if (!_mm256_testz_si256(errors, errors)) break;
        before = now;
    }
    return valid_prefix(data, last_lead(data, at), length);
}

#else

static size_t utf8_length(const uint8_t *data, size_t length) {
    size_t at = 0;
    while (at < length) {
        if (length - at >= VECTOR_BYTES && mask_of(load(data + at)) == 0) {
            at += VECTOR_BYTES;
            continue;
        }
        size_t step = sequence_length(data + at, length - at);
        if (step == 0) break;
        at += step;
    }
    return at;
}

#endif
