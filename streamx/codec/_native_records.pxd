"""Native records for the other modules of the native codec; _native_records.pyx says what each is."""

from libc.stdint cimport uint8_t

from streamx.codec._kernel cimport *
from streamx.codec._native cimport _Compiled, _State

cdef enum:
    KNOWN_NAMES = 128  # a power of two

cdef class Shape:
    cdef readonly object fields
    cdef readonly tuple names
    cdef readonly dict index_of
    cdef size_t count
    cdef dict _picked
    cdef list _lacking
    cdef void *_known[KNOWN_NAMES]
    cdef Py_ssize_t _known_index[KNOWN_NAMES]

    cdef bint _know(self, void *name, Py_ssize_t index) noexcept
    cdef Py_ssize_t find(self, name) except -2
    cdef Shape picked(self, tuple names)
    cdef Shape _sibling(self, fields)
    cdef object value(self, const sx_row *row, size_t index)
    cdef object as_reference(self, const sx_row *row)

cdef class CsvShape(Shape):
    cdef size_t _width
    cdef _Compiled _compiled
    cdef _State _state

cdef class JsonShape(Shape):
    cdef readonly bint is_unchanged
    cdef size_t label_bytes
    cdef sx_json_field *json_fields
    cdef list _kept

    cdef const uint8_t *text(self, const sx_row *row, size_t index, size_t *length) noexcept

cdef class Rows:
    cdef sx_rows *table

cdef class Record:
    cdef Rows _rows
    cdef Shape shape
    cdef sx_row row
    cdef object only_name
    cdef object only_value
    cdef Py_ssize_t only_index
    cdef dict given
    cdef dict handed
    cdef dict order
    cdef Py_ssize_t added

    cdef Record _twin(self, Shape shape)
    cdef int settle(self) except -1
    cdef bint is_only(self, name, Py_ssize_t index) except -1
    cdef bint _is_given(self, name, Py_ssize_t index) except -1
    cdef bint is_changed(self) noexcept
    cdef dict all_given(self)
    cdef dict _states(self)
    cdef list _names(self)

cpdef Py_ssize_t weight_of(result) except -1
cdef object layout_of(fields, target, bint strict_types)
cdef _Compiled compiled_of(layout)
