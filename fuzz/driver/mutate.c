/* mutate.c: changes an input at random, in ways that CSV, JSON and UTF-8 are sensitive to. */

#include "mutate.h"

#include <string.h>

#include "target.h"

typedef struct {
    const char *bytes;
    size_t length;
} token;

#define TOKEN(text) {text, sizeof text - 1}

static const token TOKENS[] = {
    /* Those of SEPARATOR_COUNT. */
    TOKEN("\""), TOKEN("\"\""), TOKEN("\"\"\""), TOKEN("'"), TOKEN(","), TOKEN("\t"), TOKEN(";"),
    TOKEN("|"), TOKEN(",\""), TOKEN("\","), TOKEN("\"\n"), TOKEN("\"\r\n"), TOKEN("\n\""),
    TOKEN("\n"), TOKEN("\r\n"), TOKEN("\r"), TOKEN("\r\r\n"), TOKEN(" "), TOKEN("{"),
    TOKEN("}"), TOKEN("["), TOKEN("]"), TOKEN("1,"), TOKEN("\"\","),
    /* And the others. */
    TOKEN("\n\n"), TOKEN("{}"), TOKEN("[]"), TOKEN(":"),
    TOKEN("{\"a\":1}\n"), TOKEN("{\"a\":1,\"b\":\"x\"}\n"), TOKEN("{\"\":{}}\n"), TOKEN("\"a\":"),
    TOKEN("\"id\":"), TOKEN(",\"name\":"), TOKEN(",\"new\":"), TOKEN("\"\\u0061\":"),
    TOKEN("\\"), TOKEN("\\\\"), TOKEN("\\\""), TOKEN("\\n"), TOKEN("\\/"), TOKEN("\\u"),
    TOKEN("\\u0000"), TOKEN("\\u00e9"), TOKEN("\\ud83d\\ude00"), TOKEN("\\ud83d"),
    TOKEN("\\ude00"), TOKEN("\\uFFFF"), TOKEN("null"), TOKEN("true"), TOKEN("false"),
    TOKEN("TRUE"), TOKEN("False"), TOKEN("NA"), TOKEN("N/A"), TOKEN("12345678"),
    TOKEN("123456789"), TOKEN("0"), TOKEN("-"), TOKEN("-0"), TOKEN("-1"), TOKEN("1.5"),
    TOKEN("0.1"), TOKEN("."), TOKEN("1e9"), TOKEN("1E+400"), TOKEN("00"),
    TOKEN("999999999999999"), TOKEN("1000000000000000"), TOKEN("0.000000000000001"),
    TOKEN("\xef\xbb\xbf"), TOKEN("\xef"), TOKEN("\xc3\xa9"), TOKEN("\xe2\x82\xac"),
    TOKEN("\xf0\x9f\x98\x80"), TOKEN("\xf0\x9f\x98"), TOKEN("\x80"), TOKEN("\xc0\x80"),
    TOKEN("\xe0\x80\x80"), TOKEN("\xed\xa0\x80"), TOKEN("\xf4\x90\x80\x80"), TOKEN("\xff"),
    TOKEN("\0"), TOKEN("\x1f"), TOKEN("\x7f"),
};
enum { TOKEN_COUNT = sizeof TOKENS / sizeof *TOKENS, SEPARATOR_COUNT = 24 };

static uint64_t random_state;

void seed_random(uint64_t seed) { random_state = seed; }

size_t random_below(size_t bound) {
    /* splitmix64 */
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (size_t)((z ^ z >> 31) % bound);
}

/* A position in the data. */
static size_t any_position(const fuzz_input *input) {
    return HEADER_BYTES + random_below(input->length - HEADER_BYTES + 1);
}

/* A length that is small more often than large. */
static size_t any_length(size_t most) {
    static const size_t BOUNDS[] = {4, 4, 16, 16, 70, 300, LONGEST_INPUT_BYTES};
    size_t bound = BOUNDS[random_below(sizeof BOUNDS / sizeof *BOUNDS)];
    size_t length = 1 + random_below(bound);
    return length < most ? length : most;
}

static void insert(fuzz_input *input, size_t at, const uint8_t *bytes, size_t length) {
    size_t room = LONGEST_INPUT_BYTES - input->length;
    if (length > room) length = room;
    memmove(input->bytes + at + length, input->bytes + at, input->length - at);
    memcpy(input->bytes + at, bytes, length);
    input->length += length;
}

static void erase(fuzz_input *input, size_t at, size_t length) {
    memmove(input->bytes + at, input->bytes + at + length, input->length - at - length);
    input->length -= length;
}

static void insert_token(fuzz_input *input) {
    const token *chosen = &TOKENS[random_below(TOKEN_COUNT)];
    insert(input, any_position(input), (const uint8_t *)chosen->bytes, chosen->length);
}

static void overwrite_with_token(fuzz_input *input) {
    const token *chosen = &TOKENS[random_below(TOKEN_COUNT)];
    size_t at = any_position(input);
    if (chosen->length > input->length - at) return;
    memcpy(input->bytes + at, chosen->bytes, chosen->length);
}

/* Insert a token over and over, most often one that ends cells or records, to cross the border of a
 * vector, block or slice, to fill a table or to nest deeply. */
static void insert_run(fuzz_input *input) {
    static const size_t BOUNDS[] = {20, 70, 300, 2048};
    const token *chosen = &TOKENS[random_below(random_below(2) == 0 ? SEPARATOR_COUNT : TOKEN_COUNT)];
    uint8_t run[LONGEST_INPUT_BYTES];
    size_t length = 0, wanted = 1 + random_below(BOUNDS[random_below(4)]);
    size_t at = any_position(input);
    while (length < wanted) {
        memcpy(run + length, chosen->bytes, chosen->length);
        length += chosen->length;
    }
    insert(input, at, run, length);
}

static void duplicate(fuzz_input *input, const fuzz_input *from) {
    uint8_t part[LONGEST_INPUT_BYTES];
    size_t start = any_position(from);
    size_t length = any_length(from->length - start);
    memcpy(part, from->bytes + start, length);
    insert(input, any_position(input), part, length);
}

static void erase_part(fuzz_input *input) {
    size_t at = any_position(input);
    erase(input, at, any_length(input->length - at));
}

static void change_byte(fuzz_input *input) {
    size_t at = any_position(input);
    if (at == input->length) return;
    uint8_t *byte = &input->bytes[at];
    switch (random_below(4)) {
    case 0: *byte ^= (uint8_t)(1 << random_below(8)); break;
    case 1: *byte = (uint8_t)random_below(256); break;
    case 2: *byte += 1; break;
    default: *byte -= 1; break;
    }
}

static void change_header(fuzz_input *input) {
    uint8_t *byte = &input->bytes[random_below(HEADER_BYTES)];
    switch (random_below(4)) {
    case 0: *byte = 0; break;
    case 1: *byte = (uint8_t)random_below(256); break;
    default: *byte ^= (uint8_t)(1 << random_below(8)); break;
    }
}

void mutate(fuzz_input *input, const fuzz_input *other) {
    if (random_below(20) == 0) memcpy(input->bytes, other->bytes, HEADER_BYTES);
    size_t changes = 1 + random_below(random_below(2) == 0 ? 2 : 8);
    for (size_t i = 0; i < changes; i++) {
        switch (random_below(10)) {
        case 0: change_header(input); break;
        case 1: case 2: insert_token(input); break;
        case 3: overwrite_with_token(input); break;
        case 4: insert_run(input); break;
        case 5: duplicate(input, input); break;
        case 6: duplicate(input, other); break;
        case 7: erase_part(input); break;
        default: change_byte(input); break;
        }
    }
}
