"""What the native codec's modules share; _native.pyx says what each part is."""

from libc.stdint cimport uint8_t, uint64_t

from streamx.codec._kernel cimport *

cdef const sx_kernel *_kernel
cdef sx_csv _csv(format)
cdef bytes json_string(bytes text)

cdef class _View:
    cdef Py_buffer buffer
    cdef const uint8_t *start
    cdef size_t length

cdef class _State:
    cdef sx_state *pointer

    cdef list take_misfits(self, list names)

cdef class _Compiled:
    cdef sx_layout layout
    cdef bint is_native
    cdef list names
    cdef object _source  # kept, so that no other layout can get its id
    cdef list _kept
    cdef list _states

    cdef _State take_state(self)
    cdef void give_back(self, _State state)
    cdef bint may_find_good_odd(self)
    cdef _State _new_state(self)
    cdef void _set_formats(self, layout)
    cdef void _set_columns(self, layout)
    cdef void _set_picks(self, layout)
    cdef void _set_nulls(self, layout)
    cdef void _set_program(self, program)
    cdef sx_value _value(self, value)
    cdef sx_text _text(self, bytes text)
    cdef uint8_t *_memory(self, size_t size_bytes)

cdef class _Conversion:
    cdef _Compiled _compiled
    cdef _State _state
    cdef _View _view
    cdef object _limit
    cdef object _output_limit
    cdef object _odd
    cdef uint64_t _odd_records
    cdef uint64_t _odd_output
    cdef size_t _odd_end
    cdef size_t _odd_bytes
    cdef bint is_at_odd
    cdef bint is_finished

    cdef object next_part(self)
    cdef sx_rows *next_rows(self, size_t most) except? NULL
    cdef size_t odd_start(self)
    cdef bytes odd_records(self)
    cdef bint pass_odd(self, tally, take) except -1
    cdef tuple remaining(self)
    cdef object tally(self)
    cdef object _own_tally(self)
    cdef void close(self)
