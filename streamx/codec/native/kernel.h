/* kernel.h: the interface of the native codec's kernel, which converts whole records.
 *
 * The kernel knows what is right. Whatever it does not recognise as right (a record that may be
 * bad, nesting beyond MOST_DEPTH) it calls odd, and the caller has it judged by the reference
 * codec. So there is one place that says what is wrong with a record, and the kernel never has to.
 *
 * It needs no Python and holds no lock. All sizes are in bytes and all positions count from the
 * start of the data, unless a name says otherwise.
 */

#ifndef STREAMX_KERNEL_H
#define STREAMX_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PADDING_BYTES = 64,     /* that may be read behind a record, and written behind an output */
    EXAMPLE_BYTES = 41,     /* one more than a message shows, to know whether there are more */
    MOST_DROPPED_KEYS = 21, /* one more than a message names */
    LONGEST_ESCAPE_BYTES = 6, /* of a byte in a JSON string */
    MOST_DEPTH = 1000,      /* of nested JSON; deeper texts are odd */
};

typedef struct {
    const uint8_t *bytes;
    size_t length;
} sx_text;

typedef enum { TYPE_STRING, TYPE_INTEGER, TYPE_NUMBER, TYPE_BOOLEAN } sx_type;

typedef struct {
    sx_text name;
    sx_type type;
    bool is_pinned;
} sx_column;

/* Whether a record of JSONL that becomes JSONL has a column of the output. */
typedef enum { WITH_KEY, WITHOUT_KEY, ALWAYS } sx_presence;

/* A column of the output; `label` is what stands before its value in JSON. Behind the input's columns
 * come those of the program. The presence depends on the key of a column of the input, in whose place
 * the value stands; an own column's is WITH_KEY. */
typedef struct {
    size_t column, key;
    sx_presence presence;
    sx_text name;
    sx_text label;
} sx_pick;

/* What expressions compute with. */
typedef enum { KIND_NULL, KIND_TRUTH, KIND_INTEGER, KIND_NUMBER, KIND_TEXT } sx_kind;

typedef struct {
    sx_kind kind;
    union {
        bool truth;
        int64_t integer;
        double number; /* finite */
        sx_text text;
    };
} sx_value;

/* What an instruction does with the registers `to`, `a`, `b` and `c`, in the order of
 * streamx.codec.program.Op. Unless it says otherwise, the result is null where an operand is, and the
 * record odd where it has no simple answer. */
typedef enum {
    OP_LOAD,  /* the value of the input's column `a` */
    OP_MOVE,
    OP_JUMP,  /* all of these go to instruction `b`, */
    OP_JUMP_IF_TRUE,
    OP_JUMP_IF_FALSE,
    OP_JUMP_UNLESS_TRUE,
    OP_JUMP_UNLESS_NULL, /* which stands behind this one */
    OP_KEEP,  /* unless `a` is true, the record has no output */
    OP_END,
    OP_ODD,   /* what the kernel does not know */
    OP_AND,   /* with three values; the first one has not decided */
    OP_OR,
    OP_NOT,
    OP_IS_NULL, /* true or false */
    OP_TRUTH, /* the truth value itself */
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_FLOOR_DIVIDE,
    OP_MODULO,
    OP_NEGATE,
    OP_PLUS,
    OP_ABS,
    OP_MIN,
    OP_MAX,
    OP_INT,
    OP_FLOAT,
    OP_LESS,
    OP_AT_MOST,
    OP_GREATER,
    OP_AT_LEAST,
    OP_EQUAL,
    OP_UNEQUAL,
    OP_AMONG, /* whether `a` is one of so many registers, `c`, from `b` on */
    OP_BOOL,
    OP_ROUND,
    OP_ROUND_TO, /* `b` decimal places */
    OP_FLOOR,
    OP_CEIL,
    /* From here on, operations of texts. */
    OP_CONTAINS, /* whether the text `b` contains `a` */
    OP_STARTS_WITH,
    OP_ENDS_WITH,
    OP_LENGTH,
    OP_STRIP, /* of white space */
    OP_LEFT_STRIP,
    OP_RIGHT_STRIP,
    OP_STRIP_ANY, /* of the characters of the text `b` */
    OP_LEFT_STRIP_ANY,
    OP_RIGHT_STRIP_ANY,
    OP_REMOVE_PREFIX,
    OP_REMOVE_SUFFIX,
    OP_LOWER,
    OP_UPPER,
    OP_SWAP_CASE,
    OP_CAPITALIZE,
    OP_TITLE,
    OP_ITEM,  /* character number `b` */
    OP_SLICE, /* from character `b` to before `c` */
    OP_FIND,  /* the text `b` */
    OP_FIND_LAST,
    OP_COUNT,
    OP_REPLACE, /* `b` by `c` */
    OP_LEFT_JUSTIFY, /* to the width `b`, with the character `c` */
    OP_RIGHT_JUSTIFY,
    OP_FILL_ZEROS,
    OP_IS_ASCII,
    OP_IS_ALNUM,
    OP_IS_ALPHA,
    OP_IS_DIGIT,
    OP_IS_SPACE,
    OP_IS_LOWER,
    OP_IS_UPPER,
    OP_TEXT,   /* any scalar as text */
    OP_FORMAT, /* a number, in b / 2 characters or more, with zeros before it if `b` is odd; as a whole
                * number or, if `c` is not 0, with c - 1 decimal places */
    OPERATION_COUNT,
} sx_operation;

typedef struct {
    uint16_t operation, to, a, b, c;
} sx_instruction;

typedef struct {
    uint16_t to;
    sx_value value;
} sx_constant;

/* Says which records are kept, and computes columns beyond the input's; the value of number i is
 * left in register i. The last instruction is OP_END. */
typedef struct {
    const sx_instruction *instructions;
    const sx_constant *constants;
    size_t instruction_count, constant_count, register_count, derived_count;
} sx_program;

typedef struct {
    uint8_t delimiter;
    uint8_t quote;
    uint8_t line_end[2];
    size_t line_end_length;
    bool escapes_formulas; /* as a target */
} sx_csv;

/* streamx.codec.layout.Layout for the kernel. Labels are followed by PADDING_BYTES readable bytes. */
typedef struct {
    bool is_from_csv, is_to_csv;
    bool keeps_cells; /* CSV to CSV: a cell can stand in the output as it is */
    bool is_unchanged, passes_unknown_keys, drops_extra_keys, ignores_extra_keys, strict_types;
    bool pads_short_records; /* with empty fields; where there is a program they are odd */
    sx_csv source, target;
    size_t max_record_bytes;
    size_t column_count, pick_count, null_count;
    const sx_column *columns;
    const sx_pick *picks;
    const sx_text *nulls;
    sx_program program; /* without instructions there is none */
} sx_layout;

typedef struct {
    uint64_t count;
    uint64_t position; /* of the record with the first case */
    size_t example_length;
    uint8_t example[EXAMPLE_BYTES];
} sx_remark;

typedef struct {
    sx_text key; /* allocated */
    uint64_t position;
} sx_dropped_key;

/* Counts since the last sx_start. */
typedef struct {
    uint64_t records, blank_lines, dropped_values;
    uint64_t left_out; /* of the records, by the program */
    uint64_t padded, first_padded; /* how many records, and the position of the first */
    sx_remark *misfits; /* one for each pick */
    sx_dropped_key dropped_keys[MOST_DROPPED_KEYS];
    size_t dropped_key_count;
} sx_tally;

/* All that the grammar remembers of what came before, in the order of streamx.codec.states.State. JSONL
 * has three of them: AT_RECORD, AT_BLANK and IN_CELL. */
typedef enum {
    AT_RECORD,   /* a record starts here */
    AT_CELL,     /* a cell, but no record */
    IN_CELL,     /* in a cell without quotes, or behind those around it */
    IN_QUOTES,
    AFTER_QUOTE, /* which closes, or is the first of a doubled one */
    AT_BLANK,    /* what has come of the record would make a blank line */
} sx_record_state;

typedef struct {
    sx_record_state state;   /* before the data, then behind it */
    size_t first_start;      /* of the first record that starts in the data; its length without one */
    uint64_t records;        /* that end in the data; blank lines are none */
    uint64_t records_before; /* of these, what ends at the first start */
} sx_traversal;

typedef enum {
    SX_END,    /* all data was converted, or the limit reached */
    SX_FULL,   /* the next record needs `needed` bytes of output, which there are not */
    SX_ODD,    /* the record from `odd_start` to `odd_end` must be judged by the reference */
    SX_MEMORY, /* there is no memory left */
} sx_status;

typedef struct sx_state sx_state;

/* Records taken apart, in memory of their own. */
typedef struct {
    uint8_t *bytes;  /* with PADDING_BYTES behind them */
    uint32_t *ends;  /* for each record what stands before its first field, and the end of each; of */
    size_t stride;   /* JSON sx_lines, one behind the other. `stride`: one more than CSV has columns */
    size_t count, capacity;
    size_t position; /* of the bytes, in the data */
    size_t size_bytes;
} sx_rows;

/* Where a member of an object has its key, from the quote on, and its value. */
typedef struct {
    uint32_t key, value, value_end;
} sx_member;

/* A line that holds an object, without its line feed. */
typedef struct {
    uint32_t start, end, count;
    bool is_like_last; /* it has the keys of the line before, in the same order */
    bool has_escaped_keys;
    sx_member members[];
} sx_line;

/* One of them: of CSV, field i stands in its bytes from ends[i - 1] + 1 to ends[i], for 0 as well. */
typedef struct {
    const uint8_t *bytes;
    union {
        const uint32_t *ends;
        const sx_line *line;
    };
} sx_row;

/* Which member a field shows, and what stands before it in JSON, with PADDING_BYTES behind it. */
typedef struct {
    sx_text label;
    uint32_t member;
} sx_json_field;

typedef enum {
    SX_NULL, SX_FALSE, SX_TRUE, SX_INTEGER, SX_NUMBER, SX_TEXT,
    SX_LONG, /* what takes Python to read it, such as a number of more digits than fit */
    SX_NO_MEMORY,
} sx_value_type;

typedef struct {
    sx_text text;
    int64_t integer;
    double number;
} sx_field_value;

/* What records.h and lines.h do; they say how. */
typedef struct {
    sx_status (*read)(sx_state *, size_t most, sx_rows **rows);
    sx_value_type (*read_field)(sx_state *, const sx_row *, size_t pick, sx_field_value *);
    size_t (*output_bytes)(const sx_state *, const sx_row *);
    uint8_t *(*to_json)(sx_state *, const sx_row *, size_t first, size_t last, uint64_t position,
                        uint8_t *out);
    uint8_t *(*to_cell)(sx_state *, const sx_row *, size_t pick, bool is_first, bool is_last,
                        uint8_t *out);
    uint8_t *(*text_to_cell)(uint8_t *out, const uint8_t *text, size_t length, const sx_csv *);
    void (*release)(sx_rows *);
    sx_value_type (*read_json)(const uint8_t *text, size_t length, sx_field_value *);
    uint8_t *(*members_to_json)(
        const sx_row *, const sx_json_field *, size_t first, size_t last, uint8_t *out);
} sx_row_functions;

typedef struct {
    const char *name; /* of the instruction set */
    sx_status (*convert)(sx_state *, uint8_t *out, size_t capacity, size_t *written);
    /* Go on at `end`, behind the odd record or more; `records` were read there and `written` written,
     * which count for the limits. */
    void (*pass_odd)(sx_state *, size_t end, uint64_t records, uint64_t written);
    sx_status (*infer_types)(sx_state *, uint8_t *verdicts);
    sx_status (*collect_keys)(sx_state *); /* SX_FULL: more than can be remembered */
    /* For CSV or, with NULL, for JSONL. */
    size_t (*last_boundary)(const sx_csv *, const uint8_t *data, size_t length);
    size_t (*record_start)(const sx_csv *, const uint8_t *data, size_t length, size_t number);
    size_t (*count_lines)(const uint8_t *data, size_t length);
    void (*traverse)(const sx_csv *, const uint8_t *data, size_t length, sx_traversal *);
    /* Both with PADDING_BYTES behind them; a byte becomes LONGEST_ESCAPE_BYTES at most. */
    size_t (*json_string)(uint8_t *out, const uint8_t *text, size_t length);
    bool (*prepare)(sx_state *); /* for sx_new */
    sx_row_functions rows;
} sx_kernel;

/* What `infer_types` notes of a column; no type is excluded that has no bit. */
enum { HAS_VALUE = 1, NO_INTEGER = 2, NO_NUMBER = 4, NO_BOOLEAN = 8 };

enum { MOST_KERNELS = 4 };

/* Find the kernels that this machine can run, the fastest last; return how many there are. */
size_t sx_kernels(const sx_kernel *kernels[MOST_KERNELS]);

/* Return what a thread needs to convert records of a layout, which must outlive it; NULL if there is
 * no memory, or the layout is one that the kernel cannot follow. */
sx_state *sx_new(const sx_kernel *kernel, const sx_layout *layout);
void sx_free(sx_state *state);

/* Begin with new data of whole records; reads at most `limit` of them and, where there is a program,
 * writes at most `output_limit`; clears the tally. */
void sx_start(
    sx_state *state, const uint8_t *data, size_t length, uint64_t limit, uint64_t output_limit);

const sx_tally *sx_tally_of(const sx_state *state);
size_t sx_odd_start(const sx_state *state);
size_t sx_odd_end(const sx_state *state);
size_t sx_needed(const sx_state *state);

/* How many keys were collected; and all of them in order. */
size_t sx_key_count(const sx_state *state);
void sx_keys(const sx_state *state, sx_text *keys);

#endif
