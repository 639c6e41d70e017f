# cython: language_level=3
"""The native codec: the reference's twin in C, byte for byte the same and much faster.

This module turns layouts and buffers into what the kernel in native/ takes and lets it run without
the interpreter's lock. Records that the kernel does not recognise as right it calls odd; the reference
converts those, one at a time, and so says what is wrong with them.
"""

from cpython.buffer cimport (
    PyBUF_SIMPLE,
    PyBuffer_FillInfo,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport UINT64_MAX, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from streamx.codec._kernel cimport *

from streamx.codec.layout import (
    Column,
    ColumnType,
    CsvFormat,
    JsonlFormat,
    Layout,
    Remark,
    Tally,
    excerpt,
)

cdef const sx_kernel *_kernels[MOST_KERNELS]
cdef size_t _kernel_count = sx_kernels(_kernels)
_kernel = _kernels[_kernel_count - 1]

_EXCLUSIONS = (
    (ColumnType.INTEGER, NO_INTEGER),
    (ColumnType.NUMBER, NO_NUMBER),
    (ColumnType.BOOLEAN, NO_BOOLEAN),
)

include "_native_layout.pxi"
include "_native_conversion.pxi"


def instruction_sets():
    """Return the names of the instruction sets that this machine can run, the fastest last."""
    return tuple(_kernels[index].name.decode() for index in range(_kernel_count))


def use(name):
    """Use one of the instruction sets from now on, for tests; return the one used so far."""
    global _kernel
    before = _kernel.name.decode()
    _kernel = _kernels[instruction_sets().index(name)]
    _known.clear()
    return before


def last_boundary(data, format):
    """Return the end of the last whole record in data that starts at a record; 0 without one."""
    cdef _View view = _View(data)
    cdef sx_csv csv
    cdef const sx_csv *which = _csv_or_null(format, &csv)
    cdef size_t end
    with nogil:
        end = _kernel.last_boundary(which, view.start, view.length)
    return end


def record_start(data, format, size_t number):
    """Return where the record with a number starts, from 0 and without blank lines, or None."""
    cdef _View view = _View(data)
    cdef sx_csv csv
    cdef const sx_csv *which = _csv_or_null(format, &csv)
    start = _kernel.record_start(which, view.start, view.length, number)
    return None if start == view.length else start


def count_lines(data, Py_ssize_t end):
    """Count the line feeds before a position."""
    cdef _View view = _View(data)
    cdef size_t stop = min(<size_t>max(end, 0), view.length)
    cdef size_t count
    with nogil:
        count = _kernel.count_lines(view.start, stop)
    return count


def traverse(data, format, state):
    """Return what some data does to the state of the records; see streamx.codec.states."""
    from streamx.codec.states import State, Traversal  # which runs on one machine do without
    cdef _View view = _View(data)
    cdef sx_csv csv
    cdef const sx_csv *which = _csv_or_null(format, &csv)
    cdef sx_traversal found = sx_traversal(state, 0, 0, 0)
    with nogil:
        _kernel.traverse(which, view.start, view.length, &found)
    start = found.first_start if found.first_start < view.length else None
    return Traversal(State(found.state), start, found.records, found.records_before)


def column_types(sample, format, Py_ssize_t width, nulls, *, pads_short_records=False):
    """Return the types of a CSV's columns, as streamx.codec.types.TypeInference decides them.

    Args:
        sample: whole records; those of more or fewer cells than `width` decide nothing.
        nulls: cell texts that stand for null.
        pads_short_records: those of fewer cells decide as far as they go.
    """
    cdef _View view = _View(sample)
    cdef sx_status status
    columns = (Column(""),) * width
    layout = Layout(
        format,
        format,
        columns,
        nulls=nulls,
        pads_short_records=pads_short_records,
        max_record_bytes=len(sample) + 1,
    )
    cdef _Compiled compiled = _Compiled(layout)
    cdef _State state = compiled.take_state()
    verdicts = bytearray(width + 1)
    cdef uint8_t *notes = verdicts
    sx_start(state.pointer, view.start, view.length, UINT64_MAX, UINT64_MAX)
    with nogil:
        status = _kernel.infer_types(state.pointer, notes)
    if status == SX_MEMORY:
        raise MemoryError
    return [_type_of(verdict) for verdict in verdicts[:width]]


def keys_of(sample, *, flattens=False):
    """Return the keys of a sample of JSONL; see streamx.codec.reference.keys_of."""
    if flattens:
        return _reference().keys_of(sample, flattens=True)
    cdef _View view = _View(sample)
    cdef _Compiled compiled = _Compiled(Layout(JsonlFormat(), JsonlFormat(), is_unchanged=False))
    cdef _State state = compiled.take_state()
    cdef sx_status status = SX_ODD
    cdef size_t start, end
    cdef sx_text *keys
    sx_start(state.pointer, view.start, view.length, UINT64_MAX, UINT64_MAX)
    while status == SX_ODD:
        with nogil:
            status = _kernel.collect_keys(state.pointer)
        if status == SX_MEMORY:
            raise MemoryError
        if status == SX_ODD:
            start, end = sx_odd_start(state.pointer), sx_odd_end(state.pointer)
            if _reference().keys_of(view.start[start:end]) is not None:
                return _reference().keys_of(sample)
            _kernel.pass_odd(state.pointer, end, 0, 0)
    if status == SX_FULL:
        return _reference().keys_of(sample)
    count = sx_key_count(state.pointer)
    memory = bytearray(count * sizeof(sx_text) + 1)
    keys = <sx_text *>_address(memory)
    sx_keys(state.pointer, keys)
    names = [keys[index].bytes[:keys[index].length].decode() for index in range(count)]
    return names if names or sx_tally_of(state.pointer).records else None


def convert(data, layout, limit=None, output_limit=None, take=None):
    """Convert whole records; see streamx.codec.reference.convert."""
    cdef _Compiled compiled = _compiled(layout)
    if not compiled.is_native:
        return (yield from _reference().convert(data, layout, limit, output_limit, take))
    cdef _Conversion conversion = _Conversion(compiled, data, limit, output_limit)
    try:
        while not conversion.is_finished:
            part = conversion.next_part()
            if len(part):
                yield part
            if conversion.is_at_odd:
                odd = conversion.odd_records()
                tally = yield from _reference().convert(odd, layout, *conversion.remaining())
                if conversion.pass_odd(tally, take):
                    yield b""
        return conversion.tally()
    finally:
        conversion.close()


cdef class _View:
    """The bytes of a buffer, held for as long as this lives."""

    def __cinit__(self, data):
        PyObject_GetBuffer(data, &self.buffer, PyBUF_SIMPLE)
        self.start = <const uint8_t *>self.buffer.buf
        self.length = <size_t>self.buffer.len

    def __dealloc__(self):
        PyBuffer_Release(&self.buffer)


cdef const sx_csv *_csv_or_null(format, sx_csv *csv):
    """Return CSV's format, which is put where `csv` points, or NULL for JSONL."""
    if not isinstance(format, CsvFormat):
        return NULL
    csv[0] = _csv(format)
    return csv


cdef uint8_t *_address(bytearray memory):
    return <uint8_t *>PyByteArray_AS_STRING(memory)


def _reference():
    """Return the reference codec, which most runs do without."""
    from streamx.codec import reference

    return reference


def _type_of(verdict):
    if verdict & HAS_VALUE:
        for type, exclusion in _EXCLUSIONS:
            if not verdict & exclusion:
                return type
    return ColumnType.STRING
