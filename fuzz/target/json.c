/* json.c: a second opinion on what is JSON (RFC 8259) and UTF-8 (RFC 3629), as plain as can be.
 *
 * The kernel takes its own output for right even where it is wrong about what is right.
 */

#include <string.h>

#include "target.h"

typedef struct {
    const uint8_t *at, *end;
    unsigned depth;
} reader;

static bool is_next(const reader *r, const char *any_of) {
    return r->at < r->end && *r->at != 0 && strchr(any_of, *r->at) != NULL;
}

static bool take(reader *r, const char *any_of) {
    bool is_taken = is_next(r, any_of);
    r->at += is_taken;
    return is_taken;
}

static void take_space(reader *r) {
    while (take(r, " \t\r")) continue;
}

static bool take_word(reader *r, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) return false;
    r->at += length;
    return true;
}

static bool take_digits(reader *r) {
    const uint8_t *start = r->at;
    while (take(r, "0123456789")) continue;
    return r->at > start;
}

static bool take_number(reader *r) {
    take(r, "-");
    if (!take(r, "0") && !take_digits(r)) return false;
    if (take(r, ".") && !take_digits(r)) return false;
    if (!take(r, "eE")) return true;
    take(r, "+-");
    return take_digits(r);
}

/* One character that stands for itself in a string. */
static bool take_character(reader *r) {
    uint32_t point = *r->at++;
    if (point < 0x80) return point >= 0x20;
    unsigned more = point >= 0xf0 ? 3 : point >= 0xe0 ? 2 : 1;
    if (point < 0xc0 || point >= 0xf8 || (size_t)(r->end - r->at) < more) return false;
    point &= 0x3fu >> more;
    for (unsigned i = 0; i < more; i++) {
        if ((*r->at & 0xc0) != 0x80) return false;
        point = point << 6 | (*r->at++ & 0x3fu);
    }
    static const uint32_t LEAST[] = {0, 0x80, 0x800, 0x10000};
    return point >= LEAST[more] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

/* Four hexadecimal digits, as a code unit; -1 if they are not there. */
static int32_t take_unit(reader *r) {
    static const char DIGITS[] = "0123456789abcdef0123456789ABCDEF";
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        const char *digit = r->at < r->end && *r->at != 0 ? strchr(DIGITS, *r->at) : NULL;
        if (digit == NULL) return -1;
        unit = unit * 16 + (int32_t)((digit - DIGITS) % 16);
        r->at++;
    }
    return unit;
}

static bool take_escape(reader *r) {
    if (take(r, "\"\\/bfnrt")) return true;
    if (!take(r, "u")) return false;
    int32_t unit = take_unit(r);
    if (unit < 0xd800 || unit > 0xdfff) return unit >= 0;
    if (unit > 0xdbff || !take_word(r, "\\u")) return false;
    unit = take_unit(r);
    return unit >= 0xdc00 && unit <= 0xdfff;
}

static bool take_string(reader *r) {
    if (!take(r, "\"")) return false;
    while (!take(r, "\"")) {
        if (r->at == r->end) return false;
        if (take(r, "\\") ? !take_escape(r) : !take_character(r)) return false;
    }
    return true;
}

static bool take_value(reader *r);

static bool take_container(reader *r, bool is_object, const char *closing) {
    take_space(r);
    if (take(r, closing)) return true;
    do {
        take_space(r);
        if (is_object) {
            if (!take_string(r)) return false;
            take_space(r);
            if (!take(r, ":")) return false;
            take_space(r);
        }
        if (!take_value(r)) return false;
        take_space(r);
    } while (take(r, ","));
    return take(r, closing);
}

static bool take_value(reader *r) {
    if (is_next(r, "\"")) return take_string(r);
    if (take_word(r, "null") || take_word(r, "true") || take_word(r, "false")) return true;
    bool is_object = is_next(r, "{");
    if (!take(r, "{[")) return take_number(r);
    if (++r->depth > MOST_DEPTH) return false;
    bool is_right = take_container(r, is_object, is_object ? "}" : "]");
    r->depth--;
    return is_right;
}

bool is_json(const uint8_t *text, size_t length) {
    reader r = {text, text + length, 0};
    take_space(&r);
    if (!take_value(&r)) return false;
    take_space(&r);
    return r.at == r.end;
}
