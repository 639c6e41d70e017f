/* state.h: what a thread holds while it converts the records of one layout. */

#ifndef STREAMX_STATE_H
#define STREAMX_STATE_H

#include <stdlib.h>
#include <string.h>

#include "kernel.h"

enum {
    SLICE_BYTES = 64 * 1024,            /* how much is indexed at a time, so that it stays in the cache */
    LONGEST_RECORD_BYTES = 1 << 30,     /* offsets within a slice have 32 bits */
    MOST_NEW_KEYS = 64 * 1024,          /* beyond the layout's columns, and their bytes, that are */
    MOST_NEW_KEY_BYTES = 4 * 1024 * 1024, /* remembered from one record to the next */
    MOST_POSITIONS_AT_ONCE = 16,        /* POSITIONS_AT_ONCE of any instruction set */
    MOST_PROBES = 128,                  /* of the hash table, in which keys may be made to collide */
    MOST_BYTES_OF_SCALAR = 32,          /* of a computed number, written as text */
    MOST_MADE_BYTES = 256 * 1024,       /* of the texts that a program makes of one record */
    WIDEST = 1000,                      /* that a text is filled up to */
};

typedef struct {
    uint8_t *bytes;
    size_t capacity;
} sx_buffer;

/* The fields of some CSV records; offsets count from the first record. */
typedef struct {
    uint32_t *ends;  /* of each field, where the delimiter or line feed behind it stands */
    uint32_t *lasts; /* of each record, the index of its last field in `ends` */
    size_t field_capacity, record_capacity;
    size_t fields, records;
    size_t next;     /* the record to convert next, */
    size_t next_start; /* and where it starts */
    bool has_quotes;
    bool ends_in_odd; /* behind the last record stands one that breaks the grammar */
} sx_table;

/* A key that was met in JSON; keys are found by their text, whatever their escapes. What is needed for
 * every key of every record stands first. */
typedef struct {
    size_t text;      /* where its text stands in the dictionary's bytes, with `":` behind it */
    uint32_t length;
    uint32_t after;   /* the key that came behind it last time */
    uint64_t seen_in; /* the number of the last record that had it, */
    uint32_t pair;    /* and which of its pairs it was */
    int32_t column;   /* the index of its column, or -1 for a key beyond the layout's columns */
    int32_t pick;     /* the output column that shows it, or -1 */
    bool is_plain;    /* its text stands in JSON as it is */
    bool is_name_of_pick; /* an output column that shows another key has this name */
    size_t label;     /* where `"key":` stands in the dictionary's bytes */
    size_t label_length;
    uint64_t order;   /* which key it was to be collected, from 1; 0 if it was not */
} sx_key;

typedef struct {
    sx_key *keys;
    size_t count, capacity;
    size_t column_count;  /* the first keys are those of columns, which are never forgotten */
    size_t column_bytes;
    uint32_t *slots;      /* a hash table of indexes + 1; their number is a power of two */
    size_t slot_count;
    sx_buffer text;
    size_t text_bytes;
    uint32_t first;       /* the key that came first in the last record */
    uint64_t collected;   /* how many keys have an order */
    bool has_forgotten;
    sx_buffer last;       /* the numbers of the last line's keys, where lines are gathered; */
    size_t last_count;    /* SIZE_MAX if there is none, or its keys are forgotten */
    uint64_t record;      /* number of the record at hand, */
    bool has_escapes;     /* whether one of its keys is written with any, */
    bool has_clash;       /* and whether one is_name_of_pick */
} sx_dictionary;

typedef enum { VALUE_SCALAR, VALUE_STRING, VALUE_ESCAPED_STRING, VALUE_NESTED } sx_value_kind;

typedef struct {
    uint32_t key;
    sx_value_kind kind;
    const uint8_t *label, *start, *end; /* of the key, and of the value */
} sx_pair;

enum { QUICK_LABEL_BYTES = 32 };

typedef enum { QUICK_NONE, QUICK_STRING, QUICK_INTEGER, QUICK_NUMBER, QUICK_DERIVED } sx_quick_way;

/* How most fields of an output column become JSON, in 64 bytes. */
typedef struct {
    uint8_t label[QUICK_LABEL_BYTES]; /* for a string with its opening quote */
    uint32_t column;
    uint8_t label_length;
    uint8_t way;
    uint8_t rest[64 - QUICK_LABEL_BYTES - 6];
} sx_quick_field;

/* A text to be recognised, and its first 8 bytes or fewer. */
typedef struct {
    sx_text text;
    uint64_t word, word_mask;
} sx_token;

struct sx_state {
    const sx_layout *layout;
    sx_token *nulls;
    sx_quick_field *quick_fields; /* one for each pick */
    size_t longest_null;
    sx_value *values;             /* of the program's registers */
    sx_buffer made;               /* the texts that it has made of the record at hand */
    size_t made_bytes;
    bool has_quick_lines;     /* JSONL to CSV: the output's columns are the input's */
    bool scalars_need_quotes; /* numbers and literals of JSON may, in the target's dialect */
    size_t fixed_bytes;    /* of a record's output, beside what its cells need */

    const uint8_t *data;
    size_t length;
    uint64_t remaining, remaining_output;
    sx_tally tally;
    size_t odd_start, odd_end, needed;

    /* The window holds whole records; behind its end PADDING_BYTES can be read. */
    const uint8_t *window;
    size_t window_position; /* in the data */
    size_t window_bytes;
    size_t readable_bytes;  /* of data from the window's start on, or of zeros behind the data */
    size_t cursor;          /* in the window: what was converted */
    size_t valid_bytes;     /* of the window: how far it is UTF-8 */

    sx_table table;
    sx_dictionary dictionary;
    sx_pair *pairs;
    size_t pair_count, pair_capacity;
    sx_buffer tail, scratch;
    sx_buffer lines; /* sx_lines, of which */
    size_t lines_bytes; /* are gathered */
};

static inline bool reserve(sx_buffer *buffer, size_t capacity) {
    if (capacity <= buffer->capacity) return true;
    size_t larger = buffer->capacity * 2 > capacity ? buffer->capacity * 2 : capacity;
    uint8_t *bytes = realloc(buffer->bytes, larger);
    if (bytes == NULL) return false;
    buffer->bytes = bytes;
    buffer->capacity = larger;
    return true;
}

static inline uint64_t first_word(const uint8_t *text) {
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return word;
}

/* Leave the window for one that begins there. */
static inline void go_to(sx_state *state, size_t position) {
    state->window_position = position;
    state->window_bytes = state->cursor = 0;
    state->table.records = state->table.next = state->table.next_start = 0;
    state->table.ends_in_odd = false;
}

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

#endif
