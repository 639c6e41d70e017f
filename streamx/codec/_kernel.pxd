"""The kernel's interface for Cython; native/kernel.h says what each part means."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "native/kernel.h":
    enum: PADDING_BYTES, LONGEST_ESCAPE_BYTES
    enum: MOST_KERNELS
    enum: HAS_VALUE, NO_INTEGER, NO_NUMBER, NO_BOOLEAN
    ctypedef enum sx_status: SX_END, SX_FULL, SX_ODD, SX_MEMORY
    ctypedef enum sx_type: TYPE_STRING, TYPE_INTEGER, TYPE_NUMBER, TYPE_BOOLEAN

    ctypedef struct sx_text:
        const uint8_t *bytes
        size_t length
    ctypedef struct sx_column:
        sx_text name
        sx_type type
        bint is_pinned
    ctypedef enum sx_presence: WITH_KEY, WITHOUT_KEY, ALWAYS
    ctypedef struct sx_pick:
        size_t column, key
        sx_presence presence
        sx_text name
        sx_text label
    ctypedef enum sx_kind: KIND_NULL, KIND_TRUTH, KIND_INTEGER, KIND_NUMBER, KIND_TEXT
    ctypedef struct sx_value:
        sx_kind kind
        bint truth
        int64_t integer
        double number
        sx_text text
    ctypedef struct sx_instruction:
        uint16_t operation, to, a, b, c
    ctypedef struct sx_constant:
        uint16_t to
        sx_value value
    ctypedef struct sx_program:
        const sx_instruction *instructions
        const sx_constant *constants
        size_t instruction_count, constant_count, register_count, derived_count
    ctypedef struct sx_csv:
        uint8_t delimiter
        uint8_t quote
        uint8_t line_end[2]
        size_t line_end_length
        bint escapes_formulas
    ctypedef struct sx_layout:
        bint is_from_csv, is_to_csv, keeps_cells
        bint is_unchanged, passes_unknown_keys, drops_extra_keys, ignores_extra_keys, strict_types
        bint pads_short_records
        sx_csv source, target
        size_t max_record_bytes, column_count, pick_count, null_count
        const sx_column *columns
        const sx_pick *picks
        const sx_text *nulls
        sx_program program
    ctypedef struct sx_remark:
        uint64_t count, position
        size_t example_length
        uint8_t *example
    ctypedef struct sx_dropped_key:
        sx_text key
        uint64_t position
    ctypedef struct sx_tally:
        uint64_t records, blank_lines, dropped_values, left_out, padded, first_padded
        sx_remark *misfits
        sx_dropped_key *dropped_keys
        size_t dropped_key_count
    ctypedef struct sx_state:
        pass
    ctypedef struct sx_rows:
        uint8_t *bytes
        uint32_t *ends
        size_t stride, count, capacity, position, size_bytes
    ctypedef struct sx_member:
        uint32_t key, value, value_end
    ctypedef struct sx_line:
        uint32_t start, end, count
        bint is_like_last, has_escaped_keys
        sx_member *members
    ctypedef struct sx_row:
        const uint8_t *bytes
        const uint32_t *ends
        const sx_line *line
    ctypedef struct sx_json_field:
        sx_text label
        uint32_t member
    ctypedef enum sx_value_type:
        SX_NULL, SX_FALSE, SX_TRUE, SX_INTEGER, SX_NUMBER, SX_TEXT, SX_LONG, SX_NO_MEMORY
    ctypedef struct sx_field_value:
        sx_text text
        int64_t integer
        double number
    ctypedef struct sx_row_functions:
        sx_status (*read)(sx_state *, size_t, sx_rows **) nogil
        void (*release)(sx_rows *)
        sx_value_type (*read_field)(sx_state *, const sx_row *, size_t, sx_field_value *) nogil
        size_t (*output_bytes)(const sx_state *, const sx_row *) nogil
        uint8_t *(*to_json)(
            sx_state *, const sx_row *, size_t, size_t, uint64_t, uint8_t *) nogil
        uint8_t *(*to_cell)(sx_state *, const sx_row *, size_t, bint, bint, uint8_t *) nogil
        uint8_t *(*text_to_cell)(uint8_t *, const uint8_t *, size_t, const sx_csv *) nogil
        sx_value_type (*read_json)(const uint8_t *, size_t, sx_field_value *) nogil
        uint8_t *(*members_to_json)(
            const sx_row *, const sx_json_field *, size_t, size_t, uint8_t *) nogil
    ctypedef int sx_record_state
    ctypedef struct sx_traversal:
        sx_record_state state
        size_t first_start
        uint64_t records
        uint64_t records_before
    ctypedef struct sx_kernel:
        const char *name
        sx_status (*convert)(sx_state *, uint8_t *, size_t, size_t *) nogil
        void (*pass_odd)(sx_state *, size_t, uint64_t, uint64_t) nogil
        sx_status (*infer_types)(sx_state *, uint8_t *) nogil
        sx_status (*collect_keys)(sx_state *) nogil
        size_t (*last_boundary)(const sx_csv *, const uint8_t *, size_t) nogil
        size_t (*record_start)(const sx_csv *, const uint8_t *, size_t, size_t) nogil
        size_t (*count_lines)(const uint8_t *, size_t) nogil
        void (*traverse)(const sx_csv *, const uint8_t *, size_t, sx_traversal *) nogil
        size_t (*json_string)(uint8_t *, const uint8_t *, size_t) nogil
        sx_row_functions rows

    size_t sx_kernels(const sx_kernel **) nogil
    sx_state *sx_new(const sx_kernel *, const sx_layout *) nogil
    void sx_free(sx_state *) nogil
    void sx_start(sx_state *, const uint8_t *, size_t, uint64_t, uint64_t) nogil
    const sx_tally *sx_tally_of(const sx_state *) nogil
    size_t sx_odd_start(const sx_state *) nogil
    size_t sx_odd_end(const sx_state *) nogil
    size_t sx_needed(const sx_state *) nogil
    size_t sx_key_count(const sx_state *) nogil
    void sx_keys(const sx_state *, sx_text *) nogil
