/* record_states.h: from the state that the records are in before some data to the one behind it.
 *
 * The state is exact for any data, since it says all that the grammar remembers; and a line is blank
 * or not whatever comes before it. Whoever cuts a file at any place can so tell what is what on both
 * sides of the cut.
 */

/* Follow the grammar to the end of the record; return where that is, or `length`. */
static size_t follow_record(
    const sx_csv *csv, const uint8_t *data, size_t at, size_t length, sx_traversal *traversal) {
    sx_record_state state = traversal->state;
    while (at < length) {
        uint8_t byte = data[at];
        switch (state) {
        case AT_RECORD:
        case AT_BLANK:
            if (byte == '\n') {
                traversal->state = AT_RECORD;
                return at + 1;
            }
            if (state == AT_RECORD && byte == '\r') {
                state = AT_BLANK;
                at++;
                break;
            }
            state = state == AT_RECORD ? AT_CELL : IN_CELL;
            break;
        case AT_CELL:
            if (byte == csv->quote) at++;
            state = byte == csv->quote ? IN_QUOTES : IN_CELL;
            break;
        case IN_QUOTES:
            at = find_either(data, at, length, csv->quote, csv->quote);
            if (at == length) break;
            at++;
            state = AFTER_QUOTE;
            break;
        case AFTER_QUOTE:
            if (byte == csv->quote) at++;
            state = byte == csv->quote ? IN_QUOTES : IN_CELL;
            break;
        case IN_CELL:
            at = find_either(data, at, length, csv->delimiter, '\n');
            if (at == length) break;
            state = AT_CELL;
            if (data[at++] != '\n') break;
            traversal->records++;
            traversal->state = AT_RECORD;
            return at;
        }
    }
    traversal->state = state;
    return length;
}

/* Count the records in whole blocks that parity understands, from a record's start on; return where
 * the last of them ends. `at` becomes where the block begins that was not looked through. */
static size_t follow_blocks(
    const sx_csv *csv, const uint8_t *data, size_t *at, size_t length, sx_traversal *traversal) {
    sx_parity parity = {.after_field = 1};
    uint64_t after_feed = 1, after_return = 0; /* behind a line feed; behind that and a CR */
    size_t boundary = *at;
    for (; length - *at >= BLOCK_BYTES; *at += BLOCK_BYTES) {
        block b = load_block(data + *at);
        uint64_t field_ends, line_feeds;
        if (!block_ends(csv, &b, &parity, &field_ends, &line_feeds)) break;
        uint64_t starts = line_feeds << 1 | after_feed;
        uint64_t returns = starts & block_equal(&b, '\r');
        uint64_t blank = line_feeds & (starts | returns << 1 | after_return);
        traversal->records += (uint64_t)__builtin_popcountll(line_feeds & ~blank);
        after_feed = line_feeds >> 63;
        after_return = returns >> 63;
        if (line_feeds != 0) boundary = *at + 64 - (size_t)__builtin_clzll(line_feeds);
    }
    return boundary;
}

static void traverse_csv(
    const sx_csv *csv, const uint8_t *data, size_t length, sx_traversal *traversal) {
    size_t at = 0;
    if (traversal->state != AT_RECORD) at = follow_record(csv, data, 0, length, traversal);
    traversal->first_start = at;
    traversal->records_before = traversal->records;
    while (at < length) {
        size_t stop = at;
        at = follow_blocks(csv, data, &stop, length, traversal);
        stop = smaller(stop + BLOCK_BYTES, length);
        while (at < stop) at = follow_record(csv, data, at, length, traversal);
    }
}

static void traverse_lines(const uint8_t *data, size_t length, sx_traversal *traversal) {
    traversal->first_start = traversal->state == AT_RECORD ? 0 : length;
    bool is_first = traversal->state != AT_RECORD;
    for (size_t at = 0; at < length;) {
        size_t end = find_either(data, at, length, '\n', '\n');
        size_t text = at;
        if (traversal->state != IN_CELL) {
            while (text < end && (data[text] == ' ' || data[text] == '\t' || data[text] == '\r'))
                text++;
            if (text > at) traversal->state = AT_BLANK;
            if (text < end) traversal->state = IN_CELL;
        }
        if (end == length) break;
        traversal->records += traversal->state == IN_CELL;
        traversal->state = AT_RECORD;
        at = end + 1;
        if (is_first) {
            traversal->first_start = at;
            traversal->records_before = traversal->records;
            is_first = false;
        }
    }
    if (is_first) traversal->records_before = traversal->records;
}
