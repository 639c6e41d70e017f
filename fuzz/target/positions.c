/* positions.c: checks what the kernel says of where records and lines are. */

#include <stdlib.h>
#include <string.h>

#include "target.h"

static const sx_csv *source_of(const fuzz_case *given) {
    return given->layout.is_from_csv ? &given->layout.source : NULL;
}

static size_t lines_of(const uint8_t *data, size_t length) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++) count += data[i] == '\n';
    return count;
}

/* The end of the last whole record of a part of the data, for which there is no byte too much. */
static size_t boundary_of(const fuzz_case *given, const sx_kernel *kernel, size_t start, size_t end) {
    uint8_t *part = copy_of(given->data + start, end - start);
    size_t boundary = kernel->last_boundary(source_of(given), part, end - start);
    free(part);
    REQUIRE(boundary <= end - start);
    REQUIRE(boundary == 0 || given->data[start + boundary - 1] == '\n');
    return start + boundary;
}

size_t check_boundaries(const fuzz_case *given, const sx_kernel *kernel) {
    size_t whole = boundary_of(given, kernel, 0, given->length);
    size_t before_cut = boundary_of(given, kernel, 0, given->cut);
    REQUIRE(before_cut <= whole);
    REQUIRE(boundary_of(given, kernel, 0, before_cut) == before_cut);
    REQUIRE(boundary_of(given, kernel, before_cut, given->length) == whole);
    REQUIRE(kernel->count_lines(given->data, given->length) ==
            lines_of(given->data, given->length));
    return before_cut;
}

/* Where the record with a number starts, if counted from a record on; no other record may start in
 * between. */
static size_t start_of(
    const fuzz_case *given, const sx_kernel *kernel, size_t start, size_t number) {
    size_t length = given->length - start;
    uint8_t *part = copy_of(given->data + start, length);
    size_t found = kernel->record_start(source_of(given), part, length, number);
    REQUIRE(found <= length);
    if (found < length) {
        REQUIRE(kernel->last_boundary(source_of(given), part, found) == found);
        REQUIRE(kernel->record_start(source_of(given), part + found, length - found, 0) == 0);
    }
    free(part);
    return start + found;
}

static bool is_blank_line(const fuzz_case *given, const fuzz_range *range) {
    const uint8_t *at = given->data + range->start, *end = given->data + range->end;
    bool has_feed = end[-1] == '\n';
    end -= has_feed;
    if (given->layout.is_from_csv) return has_feed && (at == end || (at + 1 == end && *at == '\r'));
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r')) at++;
    return at == end;
}

static bool is_limited(const fuzz_case *given) {
    return given->limit < UINT64_MAX || given->output_limit < UINT64_MAX;
}

void check_starts(const fuzz_case *given, const sx_kernel *kernel, const fuzz_result *whole) {
    size_t first = start_of(given, kernel, 0, 0);
    size_t third = start_of(given, kernel, 0, 2);
    REQUIRE(first <= third);
    REQUIRE(start_of(given, kernel, first, 2) == third);
    if (is_limited(given) || whole->odd_count == MOST_ODD_RANGES) return;
    /* Each odd range is one record, unless it is a blank line that is too long for one. */
    size_t count = whole->tally.records + whole->odd_count;
    for (size_t i = 0; i < whole->odd_count; i++)
        count -= is_blank_line(given, &whole->odd_ranges[i]);
    REQUIRE(start_of(given, kernel, 0, count) == given->length);
    REQUIRE(count == 0 || start_of(given, kernel, 0, count - 1) < given->length);
    for (size_t i = 0; i < whole->odd_count; i += 1 + whole->odd_count / 4) { /* a few of them */
        size_t start = whole->odd_ranges[i].start, end = whole->odd_ranges[i].end;
        REQUIRE(boundary_of(given, kernel, 0, start) == start);
        REQUIRE(end == given->length || boundary_of(given, kernel, start, end) == end);
        REQUIRE(boundary_of(given, kernel, start, end - 1) == start);
    }
}

/* Where no line feed can be quoted, each line is a record, blank or odd. */
void check_lines(const fuzz_case *given, const fuzz_result *whole) {
    const sx_csv *csv = source_of(given);
    if (is_limited(given) || given->length == 0) return;
    if (whole->odd_count == MOST_ODD_RANGES) return;
    if (csv != NULL && memchr(given->data, csv->quote, given->length) != NULL) return;
    bool ends_open = given->data[given->length - 1] != '\n';
    REQUIRE(whole->tally.records + whole->tally.blank_lines + whole->odd_count ==
            lines_of(given->data, given->length) + ends_open);
}
