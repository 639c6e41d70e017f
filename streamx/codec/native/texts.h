/* texts.h: what operations make of texts, after Python.
 *
 * As in values.h, false says that the kernel has no answer: here also where one would have to know more
 * of Unicode than ASCII, or where a made text does not fit. Made texts stand in memory of their own
 * until the next record.
 */

/* Where a text of so many bytes can be made, which `keep` then keeps; NULL if there is no room. */
static inline uint8_t *room_for_text(sx_state *state, size_t bytes) {
    if (bytes > MOST_MADE_BYTES - state->made_bytes) return NULL;
    return state->made.bytes + state->made_bytes;
}

static inline bool keep(sx_state *state, const uint8_t *start, const uint8_t *end, sx_value *to) {
    state->made_bytes = (size_t)(end - state->made.bytes);
    return set_text(to, start, (size_t)(end - start));
}

static inline uint8_t *put(uint8_t *out, const uint8_t *text, size_t length) {
    memcpy(out, text, length);
    return out + length;
}

/* Join two texts; the first stays where it is if it was made last, as the parts of an f-string are. */
static bool join_texts(sx_state *state, const sx_text *a, const sx_text *b, sx_value *to) {
    bool is_last = a->bytes + a->length == state->made.bytes + state->made_bytes;
    uint8_t *out = room_for_text(state, (is_last ? 0 : a->length) + b->length);
    if (out == NULL) return false;
    const uint8_t *start = is_last ? a->bytes : out;
    if (!is_last) out = put(out, a->bytes, a->length);
    return keep(state, start, put(out, b->bytes, b->length), to);
}

static inline bool is_ascii(const sx_text *text) {
    uint8_t all = 0;
    for (size_t i = 0; i < text->length; i++) all |= text->bytes[i];
    return all < 0x80;
}

static inline int64_t count_characters(const uint8_t *at, const uint8_t *end) {
    size_t count = 0;
    for (; at < end; at++) count += !is_continuation(*at);
    return (int64_t)count;
}

static inline const uint8_t *skip_characters(const uint8_t *at, const uint8_t *end, int64_t count) {
    if (count >= end - at) return end;
    for (; count > 0 && at < end; count--)
        do at++;
        while (at < end && is_continuation(*at));
    return at;
}

/* Where a part first stands in a text from `at` on, or NULL. */
static const uint8_t *find_text(const uint8_t *at, const uint8_t *end, const sx_text *part) {
    if (part->length == 0) return at;
    while ((size_t)(end - at) >= part->length) {
        at = memchr(at, part->bytes[0], (size_t)(end - at) - part->length + 1);
        if (at == NULL) return NULL;
        if (memcmp(at, part->bytes, part->length) == 0) return at;
        at++;
    }
    return NULL;
}

static const uint8_t *find_last_text(const sx_text *text, const sx_text *part) {
    for (size_t left = text->length + 1; left-- > part->length;) {
        const uint8_t *at = text->bytes + (left - part->length);
        if (memcmp(at, part->bytes, part->length) == 0) return at;
    }
    return NULL;
}

static size_t count_text(const sx_text *text, const sx_text *part) {
    const uint8_t *at = text->bytes, *end = at + text->length;
    size_t count = 0;
    while ((at = find_text(at, end, part)) != NULL) {
        count++;
        at += part->length;
    }
    return count;
}

static inline bool starts_with(const sx_text *text, const sx_text *part) {
    return part->length <= text->length && memcmp(text->bytes, part->bytes, part->length) == 0;
}

static inline bool ends_with(const sx_text *text, const sx_text *part) {
    return part->length <= text->length &&
           memcmp(text->bytes + text->length - part->length, part->bytes, part->length) == 0;
}

/* The number of the character at which a part was found, or -1. */
static inline bool set_place(sx_value *to, const sx_text *text, const uint8_t *found) {
    return set_integer(to, found == NULL ? -1 : count_characters(text->bytes, found));
}

/* What two texts give that needs no memory. */
static bool text_pair(sx_operation operation, const sx_text *a, const sx_text *b, sx_value *to) {
    const uint8_t *end = a->bytes + a->length;
    switch (operation) {
    case OP_CONTAINS:
        return set_truth(to, find_text(b->bytes, b->bytes + b->length, a) != NULL);
    case OP_STARTS_WITH: return set_truth(to, starts_with(a, b));
    case OP_ENDS_WITH: return set_truth(to, ends_with(a, b));
    case OP_REMOVE_PREFIX: {
        size_t prefix = starts_with(a, b) ? b->length : 0;
        return set_text(to, a->bytes + prefix, a->length - prefix);
    }
    case OP_REMOVE_SUFFIX:
        return set_text(to, a->bytes, a->length - (ends_with(a, b) ? b->length : 0));
    case OP_FIND: return set_place(to, a, find_text(a->bytes, end, b));
    case OP_FIND_LAST: return set_place(to, a, find_last_text(a, b));
    default:
        if (b->length == 0) return set_integer(to, count_characters(a->bytes, end) + 1);
        return set_integer(to, (int64_t)count_text(a, b));
    }
}

/* What Python takes for white space in ASCII. */
static inline bool is_space(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r') || (byte >= 0x1c && byte <= 0x1f);
}

static inline bool is_stripped(uint8_t byte, const sx_text *characters) {
    if (characters == NULL) return is_space(byte);
    return byte < 0x80 && memchr(characters->bytes, byte, characters->length) != NULL;
}

/* Leave out white space, or some characters, at one or both sides. */
static bool strip(const sx_text *text, const sx_text *characters, bool left, bool right, sx_value *to) {
    if (characters != NULL && !is_ascii(characters)) return false;
    const uint8_t *start = text->bytes, *end = start + text->length;
    while (left && start < end && is_stripped(*start, characters)) start++;
    while (right && start < end && is_stripped(end[-1], characters)) end--;
    /* There is white space beyond ASCII, too. */
    bool may_go_on = start < end && ((left && *start >= 0x80) || (right && end[-1] >= 0x80));
    if (characters == NULL && may_go_on) return false;
    return set_text(to, start, (size_t)(end - start));
}

static inline bool is_lower(uint8_t byte) { return (uint8_t)(byte - 'a') < 26; }
static inline bool is_upper(uint8_t byte) { return (uint8_t)(byte - 'A') < 26; }

/* Write an ASCII text with other letters large and small. */
static bool change_case(sx_state *state, sx_operation operation, const sx_text *text, sx_value *to) {
    const uint8_t *from = text->bytes;
    uint8_t *out = room_for_text(state, text->length);
    if (out == NULL || !is_ascii(text)) return false;
    for (size_t i = 0; i < text->length && operation != OP_UPPER; i++)
        out[i] = (uint8_t)(from[i] + (is_upper(from[i]) << 5));
    for (size_t i = 0; i < text->length && operation == OP_UPPER; i++)
        out[i] = (uint8_t)(from[i] - (is_lower(from[i]) << 5));
    for (size_t i = 0; i < text->length && operation == OP_SWAP_CASE; i++)
        if (is_lower(from[i])) out[i] = from[i] & 0xdf;
    bool is_start = operation == OP_CAPITALIZE || operation == OP_TITLE;
    for (size_t i = 0; i < text->length && (is_start || operation == OP_TITLE); i++) {
        bool is_letter = is_lower(out[i]);
        if (is_letter && is_start) out[i] &= 0xdf;
        is_start = operation == OP_TITLE && !is_letter;
    }
    return keep(state, out, out + text->length, to);
}

/* What Python's `is...` says of an ASCII text: of every character, or of all letters. */
static bool text_class(sx_operation operation, const sx_text *text, sx_value *to) {
    if (operation == OP_IS_ASCII) return set_truth(to, is_ascii(text));
    if (!is_ascii(text)) return false;
    size_t letters = 0, lower = 0, digits = 0, spaces = 0;
    for (size_t i = 0; i < text->length; i++) {
        uint8_t byte = text->bytes[i];
        lower += is_lower(byte);
        letters += is_lower(byte | 0x20);
        digits += is_digit(byte);
        spaces += is_space(byte);
    }
    size_t length = text->length;
    switch (operation) {
    case OP_IS_ALNUM: return set_truth(to, length > 0 && letters + digits == length);
    case OP_IS_ALPHA: return set_truth(to, length > 0 && letters == length);
    case OP_IS_DIGIT: return set_truth(to, length > 0 && digits == length);
    case OP_IS_SPACE: return set_truth(to, length > 0 && spaces == length);
    case OP_IS_LOWER: return set_truth(to, letters > 0 && lower == letters);
    default: return set_truth(to, letters > 0 && lower == 0);
    }
}

static inline int64_t clamp(int64_t at, int64_t length) {
    if (at < 0) at = at < -length ? 0 : at + length;
    return at > length ? length : at;
}

/* Take the characters from `first` to before `last`, counted from the end where negative. */
static bool slice_text(const sx_text *text, int64_t first, int64_t last, sx_value *to) {
    const uint8_t *end = text->bytes + text->length;
    int64_t length = count_characters(text->bytes, end);
    first = clamp(first, length);
    last = clamp(last, length);
    if (last < first) last = first;
    if (length == (int64_t)text->length)
        return set_text(to, text->bytes + first, (size_t)(last - first));
    const uint8_t *start = skip_characters(text->bytes, end, first);
    return set_text(to, start, (size_t)(skip_characters(start, end, last - first) - start));
}

static bool item_of(const sx_text *text, int64_t at, sx_value *to) {
    int64_t length = count_characters(text->bytes, text->bytes + text->length);
    if (at < -length || at >= length) return set_null(to);
    if (at < 0) at += length;
    return slice_text(text, at, at + 1, to);
}

static bool replace_text(
    sx_state *state, const sx_text *text, const sx_text *old, const sx_text *new, sx_value *to) {
    if (old->length == 0) return false;
    size_t count = count_text(text, old), rest = text->length - count * old->length;
    if (new->length > 0 && count > MOST_MADE_BYTES / new->length) return false;
    uint8_t *start = room_for_text(state, rest + count * new->length), *out = start;
    if (start == NULL) return false;
    const uint8_t *at = text->bytes, *end = at + text->length, *found;
    for (; (found = find_text(at, end, old)) != NULL; at = found + old->length) {
        out = put(out, at, (size_t)(found - at));
        out = put(out, new->bytes, new->length);
    }
    return keep(state, start, put(out, at, (size_t)(end - at)), to);
}

/* Fill a text up to a width; zeros go behind a sign. */
static bool justify(sx_state *state, sx_operation operation, const sx_text *text, int64_t width,
                    uint8_t fill, sx_value *to) {
    if (width > WIDEST) return false;
    const uint8_t *from = text->bytes, *end = from + text->length;
    int64_t missing = (width > 0 ? width : 0) - count_characters(from, end);
    if (missing <= 0) return set_text(to, text->bytes, text->length);
    uint8_t *start = room_for_text(state, text->length + (size_t)missing), *out = start;
    if (start == NULL) return false;
    bool has_sign = from < end && (*from == '-' || *from == '+');
    if (operation == OP_LEFT_JUSTIFY) out = put(out, from, text->length);
    if (operation == OP_FILL_ZEROS && has_sign) *out++ = *from++;
    memset(out, fill, (size_t)missing);
    out += missing;
    if (operation != OP_LEFT_JUSTIFY) out = put(out, from, (size_t)(end - from));
    return keep(state, start, out, to);
}

/* Write a scalar as text; `out` may be given back as it was, for null. */
static inline uint8_t *emit_scalar(uint8_t *out, const sx_value *value) {
    switch (value->kind) {
    case KIND_TRUTH:
        memcpy(out, value->truth ? "true" : "false", value->truth ? 4 : 5);
        return out + (value->truth ? 4 : 5);
    case KIND_INTEGER: return emit_integer(out, value->integer);
    case KIND_NUMBER: return emit_number(out, value->number);
    default: return out;
    }
}

/* Write a value as `str` does, which gives numbers from 1e-4 on down an exponent. */
static bool scalar_text(sx_state *state, const sx_value *a, sx_value *to) {
    if (a->kind == KIND_TEXT) return set_text(to, a->text.bytes, a->text.length);
    if (a->kind == KIND_NUMBER && a->number != 0 &&
        (!is_writable(a->number) || magnitude_of(a->number) < 1e-4))
        return false;
    uint8_t *out = room_for_text(state, MOST_BYTES_OF_SCALAR);
    return out != NULL && keep(state, out, emit_scalar(out, a), to);
}

/* Write a number with so many decimal places, or none and as a whole one if that is 0 too much. */
static bool format_number(
    sx_state *state, const sx_value *a, unsigned width, bool has_zeros, unsigned places, sx_value *to) {
    uint8_t digits[MOST_BYTES_OF_SCALAR], *end = digits;
    bool is_negative = false;
    if (places == 0) {
        if (a->kind != KIND_INTEGER) return false;
        is_negative = a->integer < 0;
        end = emit_digits(end, is_negative ? -(uint64_t)a->integer : (uint64_t)a->integer);
    } else {
        if (!is_numeric(a) || !is_exact(a)) return false;
        uint64_t rounded;
        double number = as_double(a);
        is_negative = __builtin_signbit(number);
        if (!round_decimal(magnitude_of(number), places - 1, &rounded)) return false;
        end = emit_decimal(end, rounded, (int)places - 1);
    }
    size_t length = (size_t)(end - digits), own = length + is_negative;
    size_t missing = own < width ? width - own : 0;
    uint8_t *start = width > WIDEST ? NULL : room_for_text(state, own + missing), *out = start;
    if (start == NULL) return false;
    if (is_negative && has_zeros) *out++ = '-';
    memset(out, has_zeros ? '0' : ' ', missing);
    out += missing;
    if (is_negative && !has_zeros) *out++ = '-';
    return keep(state, start, put(out, digits, length), to);
}
