# cython: language_level=3
"""Native records: the twins of reference.records and of Record, which make no object unasked.

A Record points at a row of a batch: bytes and a table of where its fields end. A value is made when
it is read, each time anew, since that takes no longer than to look it up where it was kept.
"""

from collections import abc
from collections.abc import Mapping, MutableMapping
from copy import deepcopy
from sys import intern

cimport cython
from cpython.dict cimport PyDict_GetItemWithError
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint32_t

from streamx.codec._kernel cimport *
from streamx.codec._native cimport _Compiled, _Conversion, _State, _kernel

from streamx.codec.fields import csv_fields
from streamx.codec.json_values import number_of
from streamx.codec.layout import Column, CsvFormat, JsonlFormat, Layout, Pick
from streamx.codec.record import Record as ReferenceRecord
from streamx.codec.reference.reading import records as reference_records
from streamx.codec.reference.weight import weight_of as reference_weight_of

cdef enum:
    BATCH_RECORDS = 256  # as many as are encoded together
    MOST_SOURCES = 16

include "_native_shape.pxi"
include "_native_record.pxi"
include "_native_weight.pxi"


def records(data, layout, limit=None):
    """Take whole records apart; see streamx.codec.reference.reading.records."""
    cdef _Source source = _source_of(layout)
    if not source.is_native:
        return (yield from reference_records(data, layout, limit))
    cdef _Conversion reading = _Conversion(source.reader, data, limit, None)
    try:
        while not reading.is_finished:
            batch = _next_batch(reading, source.shape)
            if batch is not None:
                yield batch
            if reading.is_at_odd:
                start, odd = reading.odd_start(), reading.odd_records()
                odd_reading = reference_records(odd, layout, reading.remaining()[0])
                reading.pass_odd((yield from _moved(odd_reading, start)))
        total = reading.tally()
        total.records_out = 0
        return total
    finally:
        reading.close()


def _moved(reading, start):
    """Add to the positions of records that were read from within the data."""
    while True:
        try:
            batch = next(reading)
        except StopIteration as stop:
            return stop.value
        yield [(record, start + position) for record, position in batch]


cdef class _Source:
    """What reads the records of a layout, and their shape."""

    cdef object _layout  # kept, so that no other layout can get its id
    cdef _Compiled reader
    cdef Shape shape
    cdef bint is_native

    def __cinit__(self, layout):
        self._layout = layout
        if not isinstance(layout.source, CsvFormat) or not layout.columns:
            return
        self.shape = _shape_of(csv_fields(layout))
        reader = Layout(
            layout.source,
            layout.source,
            layout.columns,
            (Pick(0, ""),),
            max_record_bytes=layout.max_record_bytes,
        )
        self.reader = _Compiled(reader)
        self.is_native = self.shape is not None and self.reader.is_native


cdef dict _sources = {}


cdef _Source _source_of(layout):
    source = _sources.get(id(layout))
    if source is None:
        if len(_sources) >= MOST_SOURCES:
            _sources.clear()
        source = _sources[id(layout)] = _Source(layout)
    return source


cdef class Rows:
    """Memory of records, held for as long as one of them lives."""

    def __dealloc__(self):
        _kernel.rows.release(self._rows)


cdef list _next_batch(_Conversion reading, Shape shape):
    """Return the next records, each with its position, or None."""
    cdef Rows holder = Rows()
    cdef sx_rows *rows = reading.next_rows(BATCH_RECORDS)
    cdef const uint32_t *ends
    cdef Record record
    cdef tuple item
    cdef size_t index
    if rows == NULL:
        return None
    holder._rows = rows
    batch = PyList_New(rows.count)
    for index in range(rows.count):
        ends = rows.ends + index * rows.stride + 1
        record = Record.__new__(Record)
        record.shape = shape
        record._rows = holder
        record.row.bytes = rows.bytes
        record.row.ends = ends
        item = (record, rows.position + <uint32_t>(ends[-1] + 1))
        Py_INCREF(item)
        PyList_SET_ITEM(batch, index, item)
    return batch
