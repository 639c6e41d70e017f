/* csv_index.h: where the fields and records of CSV end.
 *
 * There are two ways to find out, which agree. The quick one looks at 64 bytes at a time and tells
 * what is quoted by the parity of quotes; it gives up where a quote neither opens nor closes a cell
 * nor is one of a doubled pair. The exact one follows the grammar cell by cell. Both start at the
 * start of a record, and both see no more than `length` bytes.
 */

/* The next of two bytes, or `length`. */
static inline size_t find_either(
    const uint8_t *data, size_t from, size_t length, uint8_t one, uint8_t other) {
    vector ones = all_of(one), others = all_of(other);
    for (; length - from >= VECTOR_BYTES; from += VECTOR_BYTES) {
        vector v = load(data + from);
        uint32_t mask = mask_of(either(equal(v, ones), equal(v, others)));
        if (mask != 0) return from + (size_t)__builtin_ctz(mask);
    }
    while (from < length && data[from] != one && data[from] != other) from++;
    return from;
}

/* Where a cell ends: at a delimiter or line feed, or at `length` if it is open or nothing follows.
 * `is_odd` is set where the cell is unclosed, or text follows its closing quote. */
static inline size_t cell_end(
    const sx_csv *csv, const uint8_t *data, size_t start, size_t length, bool *is_odd) {
    if (start == length || data[start] != csv->quote)
        return find_either(data, start, length, csv->delimiter, '\n');
    size_t at = start + 1;
    for (;;) {
        at = find_either(data, at, length, csv->quote, csv->quote);
        if (at == length) {
            *is_odd = true;
            return length;
        }
        if (at + 1 == length || data[at + 1] != csv->quote) break;
        at += 2;
    }
    size_t end = find_either(data, at + 1, length, csv->delimiter, '\n');
    bool is_line_end = end == at + 2 && data[at + 1] == '\r' && end < length && data[end] == '\n';
    if (end != at + 1 && !is_line_end) *is_odd = true;
    return end;
}

/* The end of the record at `start`, behind its line feed; 0 if it has none. */
static size_t record_end(const sx_csv *csv, const uint8_t *data, size_t start, size_t length) {
    bool is_odd;
    for (size_t at = start;; at++) {
        at = cell_end(csv, data, at, length, &is_odd);
        if (at == length) return 0;
        if (data[at] == '\n') return at + 1;
    }
}

/* Do the same and add the record to the table. Of its fields no more are noted than `most_fields`,
 * which shows that there are too many. */
static size_t index_record(const sx_csv *csv, const uint8_t *data, size_t start, size_t length,
                           size_t most_fields, sx_table *table, bool *is_odd) {
    size_t fields = 0;
    for (size_t at = start;; at++) {
        at = cell_end(csv, data, at, length, is_odd);
        if (at == length) return 0;
        fields += fields < most_fields;
        table->ends[table->fields + fields - 1] = (uint32_t)at;
        if (data[at] != '\n') continue;
        table->lasts[table->records++] = (uint32_t)(table->fields + fields - 1);
        table->fields += fields;
        return at + 1;
    }
}

/* What the quick way carries from one block of 64 bytes to the next. */
typedef struct {
    uint64_t in_quotes;      /* all bits, or none */
    uint64_t after_field;    /* 1: the last byte ended a field */
    uint64_t after_close;    /* 1: the last byte was a quote that closes */
    uint64_t after_close_cr; /* 1: ... and then a carriage return */
    uint64_t quotes;         /* not 0: there was a quote */
} sx_parity;

/* Find the ends of fields and of records in a block; false where parity says nothing. */
static inline bool block_ends(const sx_csv *csv, const block *b, sx_parity *parity,
                              uint64_t *field_ends, uint64_t *line_feeds) {
    uint64_t quotes = block_equal(b, csv->quote);
    *line_feeds = block_equal(b, '\n');
    *field_ends = block_equal(b, csv->delimiter) | *line_feeds;
    parity->quotes |= quotes;
    if ((quotes | parity->in_quotes | parity->after_close | parity->after_close_cr) == 0) {
        parity->after_field = *field_ends >> 63;
        return true;
    }
    uint64_t delimiters_and_feeds = *field_ends;
    uint64_t inside = running_parity(quotes) ^ parity->in_quotes;
    *line_feeds &= ~inside;
    *field_ends &= ~inside;
    uint64_t opens = quotes & inside, closes = quotes & ~inside;
    uint64_t after_field = *field_ends << 1 | parity->after_field;
    uint64_t after_close = closes << 1 | parity->after_close;
    uint64_t returns = after_close & block_equal(b, '\r');
    uint64_t after_close_cr = returns << 1 | parity->after_close_cr;
    uint64_t wrong = (opens & ~(after_field | after_close)) |
                     (after_close & ~(quotes | delimiters_and_feeds | returns)) |
                     (after_close_cr & ~*line_feeds);
    parity->in_quotes = (uint64_t)((int64_t)inside >> 63);
    parity->after_field = *field_ends >> 63;
    parity->after_close = closes >> 63;
    parity->after_close_cr = returns >> 63;
    return wrong == 0;
}

/* Index as many whole records as end within whole blocks of the data; return where they end. */
static size_t index_blocks(const sx_csv *csv, const uint8_t *data, size_t length, sx_table *table) {
    sx_parity parity = {.after_field = 1};
    uint32_t *end = table->ends;
    uint32_t *last = table->lasts;
    for (size_t at = 0; length - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
        block b = load_block(data + at);
        uint64_t field_ends, line_feeds;
        if (!block_ends(csv, &b, &parity, &field_ends, &line_feeds)) break;
        uint32_t index = (uint32_t)(end - table->ends);
        for (uint64_t feeds = line_feeds; feeds != 0; feeds &= feeds - 1) {
            uint64_t below = (feeds & -feeds) - 1;
            *last++ = index + (uint32_t)__builtin_popcountll(field_ends & below);
        }
        end = write_positions(end, field_ends, (uint32_t)at);
    }
    table->records = (size_t)(last - table->lasts);
    table->fields = table->records == 0 ? 0 : last[-1] + 1;
    table->has_quotes = parity.quotes != 0;
    return table->records == 0 ? 0 : table->ends[table->fields - 1] + 1;
}

/* Index records from the start of the data, about SLICE_BYTES or one longer one; return where they
 * end, 0 if the first has no end. Stops before a record that breaks the grammar. */
static size_t index_records(const sx_csv *csv, const uint8_t *data, size_t length,
                            size_t column_count, sx_table *table) {
    *table = (sx_table){.ends = table->ends, .lasts = table->lasts,
                        .field_capacity = table->field_capacity,
                        .record_capacity = table->record_capacity};
    size_t slice = smaller(length, SLICE_BYTES);
    size_t end = index_blocks(csv, data, slice, table);
    if (end > 0) return end;
    table->has_quotes = true;
    length = smaller(length, LONGEST_RECORD_BYTES);
    while (end < slice && table->records < table->record_capacity &&
           table->fields + column_count + 1 <= table->field_capacity) {
        size_t record_end =
            index_record(csv, data, end, length, column_count + 1, table, &table->ends_in_odd);
        if (record_end == 0) {
            table->ends_in_odd = false;
            break;
        }
        if (table->ends_in_odd) {
            table->fields = --table->records == 0 ? 0 : table->lasts[table->records - 1] + 1;
            break;
        }
        end = record_end;
    }
    return end;
}

/* The end of the last line of some data. */
static size_t line_boundary(const uint8_t *data, size_t length) {
    while (length > 0 && data[length - 1] != '\n') length--;
    return length;
}

/* The end of the last whole record of data that starts at one. */
static size_t csv_boundary(const sx_csv *csv, const uint8_t *data, size_t length) {
    if (memchr(data, csv->quote, length) == NULL) return line_boundary(data, length);
    size_t boundary = 0;
    for (size_t at = 0; boundary < length;) {
        sx_parity parity = {.after_field = 1};
        bool is_clear = true;
        for (at = boundary; at < length && is_clear; at += BLOCK_BYTES) {
            size_t rest = length - at;
            block b = rest < BLOCK_BYTES ? load_rest(data + at, rest) : load_block(data + at);
            uint64_t field_ends, line_feeds;
            is_clear = block_ends(csv, &b, &parity, &field_ends, &line_feeds);
            if (rest < BLOCK_BYTES) line_feeds &= ((uint64_t)1 << rest) - 1;
            if (is_clear && line_feeds != 0)
                boundary = at + 64 - (size_t)__builtin_clzll(line_feeds);
        }
        if (is_clear) break;
        /* Past the block that was not clear, record by record. */
        while (boundary < at) {
            size_t end = record_end(csv, data, boundary, length);
            if (end == 0) return boundary;
            boundary = end;
        }
    }
    return boundary;
}

/* Where the record with a number starts, counted from 0 without blank lines; `length` if there are
 * fewer. */
static size_t csv_record_start(
    const sx_csv *csv, const uint8_t *data, size_t length, size_t number) {
    size_t at = 0;
    while (at < length) {
        bool is_blank = data[at] == '\n' ||
                        (data[at] == '\r' && at + 1 < length && data[at + 1] == '\n');
        if (!is_blank && number-- == 0) return at;
        at = record_end(csv, data, at, length);
        if (at == 0) break;
    }
    return length;
}
