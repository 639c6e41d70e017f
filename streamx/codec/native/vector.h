/* vector.h: vectors of bytes and blocks of 64 bytes as bit masks, for the instruction set at hand.
 *
 * A mask has a bit for each byte, the lowest for the first one. Everything in the kernel that looks
 * at many bytes at a time is written with these few functions; a file that includes the kernel
 * chooses the instruction set by defining KERNEL_AVX2, KERNEL_SSE2 or neither.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(KERNEL_AVX512)
#define KERNEL_AVX2 /* and blocks and positions beyond it */
#endif
#if defined(KERNEL_AVX2) || defined(KERNEL_SSE2)
#include <immintrin.h>
#endif

#if defined(KERNEL_AVX2)

enum { VECTOR_BYTES = 32 };
typedef __m256i vector;

static inline vector load(const uint8_t *from) { return _mm256_loadu_si256((const __m256i *)from); }
static inline void store(uint8_t *to, vector v) { _mm256_storeu_si256((__m256i *)to, v); }
static inline vector all_of(uint8_t byte) { return _mm256_set1_epi8((char)byte); }
static inline uint32_t mask_of(vector v) { return (uint32_t)_mm256_movemask_epi8(v); }
static inline vector equal(vector a, vector b) { return _mm256_cmpeq_epi8(a, b); }
static inline vector at_most(vector a, vector b) { return equal(_mm256_min_epu8(a, b), a); }
static inline vector either(vector a, vector b) { return _mm256_or_si256(a, b); }
static inline vector minus(vector a, vector b) { return _mm256_sub_epi8(a, b); }

#elif defined(KERNEL_SSE2)

enum { VECTOR_BYTES = 16 };
typedef __m128i vector;

static inline vector load(const uint8_t *from) { return _mm_loadu_si128((const __m128i *)from); }
static inline void store(uint8_t *to, vector v) { _mm_storeu_si128((__m128i *)to, v); }
static inline vector all_of(uint8_t byte) { return _mm_set1_epi8((char)byte); }
static inline uint32_t mask_of(vector v) { return (uint32_t)_mm_movemask_epi8(v); }
static inline vector equal(vector a, vector b) { return _mm_cmpeq_epi8(a, b); }
static inline vector at_most(vector a, vector b) { return equal(_mm_min_epu8(a, b), a); }
static inline vector either(vector a, vector b) { return _mm_or_si128(a, b); }
static inline vector minus(vector a, vector b) { return _mm_sub_epi8(a, b); }

#else

enum { VECTOR_BYTES = 16 };
typedef struct {
    uint8_t bytes[VECTOR_BYTES];
} vector;

#define FOR_EACH_BYTE for (int i = 0; i < VECTOR_BYTES; i++)

static inline vector load(const uint8_t *from) {
    vector v;
    memcpy(v.bytes, from, VECTOR_BYTES);
    return v;
}

static inline void store(uint8_t *to, vector v) { memcpy(to, v.bytes, VECTOR_BYTES); }

static inline vector all_of(uint8_t byte) {
    vector v;
    memset(v.bytes, byte, VECTOR_BYTES);
    return v;
}

static inline uint32_t mask_of(vector v) {
    uint32_t mask = 0;
    FOR_EACH_BYTE mask |= (uint32_t)(v.bytes[i] >> 7) << i;
    return mask;
}

static inline vector equal(vector a, vector b) {
    FOR_EACH_BYTE a.bytes[i] = a.bytes[i] == b.bytes[i] ? 0xff : 0;
    return a;
}

static inline vector at_most(vector a, vector b) {
    FOR_EACH_BYTE a.bytes[i] = a.bytes[i] <= b.bytes[i] ? 0xff : 0;
    return a;
}

static inline vector either(vector a, vector b) {
    FOR_EACH_BYTE a.bytes[i] |= b.bytes[i];
    return a;
}

static inline vector minus(vector a, vector b) {
    FOR_EACH_BYTE a.bytes[i] = (uint8_t)(a.bytes[i] - b.bytes[i]);
    return a;
}

#endif

/* The widest vectors, for texts that may be long. */
#if defined(KERNEL_AVX512)

enum { WIDE_BYTES = 64 };
typedef __m512i wide;

static inline wide load_wide(const uint8_t *from) { return _mm512_loadu_si512(from); }
static inline void store_wide(uint8_t *to, wide v) { _mm512_storeu_si512(to, v); }

static inline uint64_t wide_equal(wide v, uint8_t byte) {
    return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8((char)byte));
}

static inline uint64_t wide_at_most(wide v, uint8_t byte) {
    return _mm512_cmple_epu8_mask(v, _mm512_set1_epi8((char)byte));
}

#else

enum { WIDE_BYTES = VECTOR_BYTES };
typedef vector wide;

static inline wide load_wide(const uint8_t *from) { return load(from); }
static inline void store_wide(uint8_t *to, wide v) { store(to, v); }
static inline uint64_t wide_equal(wide v, uint8_t byte) { return mask_of(equal(v, all_of(byte))); }

static inline uint64_t wide_at_most(wide v, uint8_t byte) {
    return mask_of(at_most(v, all_of(byte)));
}

#endif

enum { BLOCK_BYTES = 64 };

#if defined(KERNEL_AVX512)

typedef __m512i block;

static inline block load_block(const uint8_t *from) { return _mm512_loadu_si512(from); }

static inline uint64_t block_equal(const block *b, uint8_t byte) {
    return _mm512_cmpeq_epi8_mask(*b, _mm512_set1_epi8((char)byte));
}

#else

enum { BLOCK_VECTORS = BLOCK_BYTES / VECTOR_BYTES };

typedef struct {
    vector part[BLOCK_VECTORS];
} block;

static inline block load_block(const uint8_t *from) {
    block b;
    for (int i = 0; i < BLOCK_VECTORS; i++) b.part[i] = load(from + i * VECTOR_BYTES);
    return b;
}

static inline uint64_t block_equal(const block *b, uint8_t byte) {
    uint64_t mask = 0;
    for (int i = 0; i < BLOCK_VECTORS; i++)
        mask |= (uint64_t)mask_of(equal(b->part[i], all_of(byte))) << (i * VECTOR_BYTES);
    return mask;
}

#endif

/* Load the last bytes of some data, with zeros behind them. */
static inline block load_rest(const uint8_t *from, size_t length) {
    uint8_t bytes[BLOCK_BYTES] = {0};
    memcpy(bytes, from, length);
    return load_block(bytes);
}

/* Write `base` and the number of each bit that is set; return where they end. Up to POSITIONS_AT_ONCE
 * more are written, which mean nothing. */
#if defined(KERNEL_AVX512)

enum { POSITIONS_AT_ONCE = 16 };

static inline uint32_t *write_positions(uint32_t *to, uint64_t mask, uint32_t base) {
    static const uint8_t NUMBERS[BLOCK_BYTES] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    uint32_t *end = to + _mm_popcnt_u64(mask);
    uint8_t chosen[BLOCK_BYTES];
    _mm512_storeu_si512(chosen, _mm512_maskz_compress_epi8(mask, _mm512_loadu_si512(NUMBERS)));
    const uint8_t *next = chosen;
    do { /* one round for none as well, which is not to be guessed */
        __m512i wide = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)next));
        _mm512_storeu_si512(to, _mm512_add_epi32(wide, _mm512_set1_epi32((int)base)));
        to += 16;
        next += 16;
    } while (to < end);
    return end;
}

#elif defined(KERNEL_AVX2)

enum { POSITIONS_AT_ONCE = 8 };

static inline uint32_t *write_positions(uint32_t *to, uint64_t mask, uint32_t base) {
    uint32_t *end = to + _mm_popcnt_u64(mask);
    while (to < end)
        for (int i = 0; i < POSITIONS_AT_ONCE; i++, mask = _blsr_u64(mask))
            *to++ = base + (uint32_t)_tzcnt_u64(mask);
    return end;
}

#else

enum { POSITIONS_AT_ONCE = 1 };

static inline uint32_t *write_positions(uint32_t *to, uint64_t mask, uint32_t base) {
    for (; mask != 0; mask &= mask - 1) *to++ = base + (uint32_t)__builtin_ctzll(mask);
    return to;
}

#endif

/* The lowest `count` bits, for a count of at most 31. */
static inline uint32_t lowest(size_t count) { return ((uint32_t)1 << count) - 1; }

/* Tell whether two texts are the same; reads a vector of each, however short they are. */
static inline bool is_same(const uint8_t *one, const uint8_t *other, size_t length) {
    if (length >= VECTOR_BYTES) return memcmp(one, other, length) == 0;
    uint32_t differences = ~mask_of(equal(load(one), load(other)));
    return (differences & lowest(length)) == 0;
}

/* Bit i tells whether an odd number of bits is set in 0..i. */
static inline uint64_t running_parity(uint64_t mask) {
#if defined(KERNEL_AVX2)
    /* A product without carries adds up the bits shifted by 0, 1, 2 and so on. */
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)mask), _mm_set1_epi8(-1), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
#else
    for (int shift = 1; shift < 64; shift *= 2) mask ^= mask << shift;
    return mask;
#endif
}

/* Which of the first 16 bytes are digits. */
static inline uint32_t digits_of_16(const uint8_t *from) {
#if defined(KERNEL_AVX2) || defined(KERNEL_SSE2)
    /* Digits become the ten lowest signed bytes. */
    __m128i v = _mm_add_epi8(_mm_loadu_si128((const __m128i *)from), _mm_set1_epi8(0x80 - '0'));
    return (uint32_t)_mm_movemask_epi8(_mm_cmplt_epi8(v, _mm_set1_epi8(-128 + 10)));
#else
    return mask_of(at_most(minus(load(from), all_of('0')), all_of(9)));
#endif
}
