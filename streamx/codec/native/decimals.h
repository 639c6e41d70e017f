/* decimals.h: numbers from decimal text and back, in the range in which that is exact and short.
 *
 * A double becomes the shortest text that reads back as it, as Python and orjson write it. Between
 * 1e-5 and 1e16, where they write no exponent, 128 bits hold all that has to be computed for that; what
 * lies beyond is for the reference.
 */

static const uint64_t POWERS_OF_TEN[] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000,
    100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000,
    10000000000000000, 100000000000000000, 1000000000000000000,
};

enum { MOST_INTEGER_DIGITS = 18, MOST_DOUBLE_DIGITS = 22, MOST_PLACES = 21, MOST_NUMBER_BYTES = 40 };

static const int64_t EXACT_IN_DOUBLE = (int64_t)1 << 53;

/* Read an integer of JSON's grammar; false if it is too large. */
static inline bool read_integer(const uint8_t *text, size_t length, int64_t *value) {
    bool is_negative = *text == '-';
    const uint8_t *end = text + length;
    text += is_negative;
    if (end - text > MOST_INTEGER_DIGITS + 1) return false;
    uint64_t digits = 0;
    for (; text < end; text++) digits = digits * 10 + (uint64_t)(*text - '0');
    if (digits > INT64_MAX) return false;
    *value = is_negative ? -(int64_t)digits : (int64_t)digits;
    return true;
}

/* Read a number of JSON's grammar as C does, which takes its time; false if it is long, or if C
 * expects another point, as in some languages. */
static bool read_any_number(const uint8_t *text, size_t length, double *value) {
    char copy[MOST_NUMBER_BYTES + 1], *end;
    if (length > MOST_NUMBER_BYTES) return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    *value = strtod(copy, &end);
    return end == copy + length;
}

/* Read a decimal fraction: digits and a power of ten that are both exact give an exact quotient. False
 * if they are not, or there is an exponent. */
static inline bool read_fraction(const uint8_t *text, size_t length, double *value) {
    static const double POWERS[MOST_DOUBLE_DIGITS + 1] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    };
    const uint8_t *end = text + length, *point = NULL;
    bool is_negative = *text == '-';
    int64_t digits = 0;
    for (text += is_negative; text < end; text++) {
        if (*text == '.') {
            point = text;
            continue;
        }
        digits = digits * 10 + (*text - '0');
        if (digits > EXACT_IN_DOUBLE || (uint8_t)(*text - '0') > 9) return false;
    }
    if (point == NULL || end - point - 1 > MOST_DOUBLE_DIGITS) return false;
    double magnitude = (double)digits / POWERS[end - point - 1];
    *value = is_negative ? -magnitude : magnitude;
    return true;
}

static inline double magnitude_of(double number) { return number < 0 ? -number : number; }

static inline bool is_whole(double number) {
    return magnitude_of(number) < (double)EXACT_IN_DOUBLE && number == (double)(int64_t)number;
}

/* Tell whether emit_number knows the text of a number. */
static inline bool is_writable(double number) {
    double magnitude = magnitude_of(number);
#ifndef __SIZEOF_INT128__
    return is_whole(number);
#endif
    return magnitude == 0 || (magnitude >= 1e-5 && magnitude < 1e16);
}

static inline uint8_t *emit_digits(uint8_t *out, uint64_t digits) {
    uint8_t text[20], *start = text + sizeof text;
    do {
        *--start = (uint8_t)('0' + digits % 10);
        digits /= 10;
    } while (digits > 0);
    size_t length = (size_t)(text + sizeof text - start);
    memcpy(out, start, length);
    return out + length;
}

static inline uint8_t *emit_integer(uint8_t *out, int64_t integer) {
    if (integer < 0) *out++ = '-';
    return emit_digits(out, integer < 0 ? -(uint64_t)integer : (uint64_t)integer);
}

#ifdef __SIZEOF_INT128__

__extension__ typedef unsigned __int128 sx_wide;

/* Find the fewest digits, and the number of them behind the point, that stand between the middles to
 * the doubles next to a positive writable one; and of these the nearest to it. Everything is exact,
 * in units of a quarter of the double's last bit. */
static uint64_t shortest_digits(double number, int *places) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    int exponent = (int)(bits >> 52) - 1075;
    uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
    sx_wide quarters = 4 * (sx_wide)(fraction | (uint64_t)1 << 52);
    bool takes_middles = (fraction & 1) == 0;
    int shift = 2 - exponent; /* from 1 to 71 */
    /* As many as make 17 digits, which are always enough, or a few more; log10(2) is 77 / 256 or more. */
    *places = 16 - (int)(((exponent + 52) * 77 - 255 * (exponent + 52 < 0)) / 256);
    if (*places > MOST_PLACES) *places = MOST_PLACES;
    sx_wide power = POWERS_OF_TEN[*places / 2] * (sx_wide)POWERS_OF_TEN[*places - *places / 2];
    sx_wide low = quarters * power - (fraction == 0 ? 1 : 2) * power;
    sx_wide high = quarters * power + 2 * power;
    sx_wide rest = ((sx_wide)1 << shift) - 1;
    uint64_t first = (uint64_t)(low >> shift) + ((low & rest) != 0 || !takes_middles);
    uint64_t last = (uint64_t)(high >> shift) - ((high & rest) == 0 && !takes_middles);
    while (*places > 0 && (first + 9) / 10 <= last / 10) {
        first = (first + 9) / 10;
        last = last / 10;
        --*places;
    }
    sx_wide scaled =
        quarters * POWERS_OF_TEN[*places / 2] * POWERS_OF_TEN[*places - *places / 2];
    uint64_t nearest = (uint64_t)(scaled >> shift);
    sx_wide half = (sx_wide)1 << (shift - 1), left = scaled & rest;
    nearest += left > half || (left == half && (nearest & 1) == 1);
    return nearest < first ? first : nearest > last ? last : nearest;
}

/* Round a magnitude to decimal places, to even where it is halfway, and give its digits. False if it is
 * too large for all of it to be exact. */
static bool round_decimal(double magnitude, unsigned places, uint64_t *digits) {
    if (magnitude >= (double)EXACT_IN_DOUBLE || places > MOST_INTEGER_DIGITS) return false;
    uint64_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    int shift = 1075 - (int)(bits >> 52 & 0x7ff); /* 0 or more; zero may be negative */
    uint64_t fraction = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
    *digits = 0;
    if (shift > 114) return true;
    sx_wide scaled = fraction * (sx_wide)POWERS_OF_TEN[places], whole = scaled >> shift;
    sx_wide rest = scaled - (whole << shift), half = ((sx_wide)1 << shift) / 2;
    *digits = (uint64_t)whole + (rest > half || (rest == half && shift > 0 && (whole & 1) == 1));
    return whole < (sx_wide)1 << 63;
}

#else

static uint64_t shortest_digits(double number, int *places) {
    *places = 0;
    return (uint64_t)number;
}

static bool round_decimal(double magnitude, unsigned places, uint64_t *digits) {
    if (!is_whole(magnitude) || places > 0) return false;
    *digits = (uint64_t)magnitude;
    return true;
}

#endif

/* Write digits, so many of them behind the point. */
static uint8_t *emit_decimal(uint8_t *out, uint64_t digits, int places) {
    uint8_t text[20];
    int length = (int)(emit_digits(text, digits) - text);
    if (length <= places) *out++ = '0';
    for (int i = length <= places ? places : length; i > 0; i--) {
        if (i == places) *out++ = '.';
        *out++ = i > length ? '0' : text[length - i];
    }
    return out;
}

/* Write a writable number in MOST_BYTES_OF_SCALAR bytes or fewer. */
static uint8_t *emit_number(uint8_t *out, double number) {
    if (__builtin_signbit(number)) *out++ = '-';
    number = magnitude_of(number);
    int places = 0;
    uint64_t digits =
        is_whole(number) ? (uint64_t)number : shortest_digits(number, &places);
    out = emit_decimal(out, digits, places);
    if (places == 0) {
        *out++ = '.';
        *out++ = '0';
    }
    return out;
}
