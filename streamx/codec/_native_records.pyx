# cython: language_level=3
"""Native records: the twins of reference.records and of Record, which make no object unasked.

A Record points at a row of a batch: bytes and a table of where its fields stand. A value is made when
it is read, each time anew, since that takes no longer than to look it up where it was kept.
"""

from collections import abc
from collections.abc import Mapping, MutableMapping
from copy import deepcopy
from dataclasses import replace
from sys import intern

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.dict cimport PyDict_GetItemWithError
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memchr

from streamx.codec._kernel cimport *
from streamx.codec._native cimport _Compiled, _Conversion, _State, _kernel, json_string

from streamx.codec.fields import csv_fields, jsonl_fields
from streamx.codec.json_values import number_of, value_of
from streamx.codec.layout import Column, CsvFormat, JsonlFormat, Layout, Pick
from streamx.codec.record import Record as ReferenceRecord
from streamx.codec.record import is_same
from streamx.codec.reference.json_records import raw_pairs
from streamx.codec.reference.reading import moved
from streamx.codec.reference.reading import records as reference_records
from streamx.codec.reference.weight import weight_of as reference_weight_of

cdef enum:
    BATCH_RECORDS = 256  # as many as are encoded together
    MOST_SOURCES = 16
    MOST_SHAPES = 256  # of objects; keys are data

include "_native_shape.pxi"
include "_native_record.pxi"
include "_native_weight.pxi"


def records(data, layout, limit=None, take=None):
    """Take whole records apart; see streamx.codec.reference.reading.records."""
    cdef _Source source = _source_of(layout)
    if not source.is_native:
        return (yield from reference_records(data, layout, limit, take))
    cdef _Conversion reading = _Conversion(source.reader, data, limit, None)
    try:
        while not reading.is_finished:
            rows = _next_rows(reading)
            if rows is not None:
                yield source.batch(rows)
            if reading.is_at_odd:
                start, odd = reading.odd_start(), reading.odd_records()
                odd_reading = reference_records(odd, layout, reading.remaining()[0])
                if reading.pass_odd((yield from moved(odd_reading, start)), take):
                    yield []
        total = reading.tally()
        total.records_out = 0
        return total
    finally:
        reading.close()


cdef class _Source:
    """What reads the records of a layout, and makes them of rows.

    Args:
        layout: kept, so that no other layout can get its id.
        reader: what the records are; what becomes of them is no business of this.
    """

    cdef object _layout
    cdef _Compiled reader
    cdef bint is_native

    def __cinit__(self, layout, reader):
        self._layout = layout
        self.reader = compiled_of(reader)
        self.is_native = self.reader is not None

    cdef object batch(self, Rows rows):
        """Return the records of rows, each with its position."""
        raise NotImplementedError


cdef class _CsvSource(_Source):
    cdef Shape _shape

    def __cinit__(self, layout, reader):
        self._shape = csv_shape(csv_fields(layout)) if self.is_native else None
        self.is_native = self._shape is not None

    cdef object batch(self, Rows rows):
        cdef const sx_rows *table = rows.table
        cdef const uint32_t *ends
        cdef Record record
        cdef size_t index
        batch = PyList_New(table.count)
        for index in range(table.count):
            ends = table.ends + index * table.stride + 1
            record = _new_record(rows, self._shape)
            record.row.ends = ends
            _set_item(batch, index, record, table.position + <uint32_t>(ends[-1] + 1))
        return batch


cdef class _JsonSource(_Source):
    cdef dict _shapes

    def __cinit__(self, layout, reader):
        self._shapes = {}

    cdef object batch(self, Rows rows):
        cdef const sx_rows *table = rows.table
        cdef const sx_line *line = <const sx_line *>table.ends
        cdef Shape shape = None
        cdef Record record
        cdef size_t index
        batch = PyList_New(table.count)
        for index in range(table.count):
            if not line.is_like_last:
                shape = self._shape_of(table.bytes, line)
            record = _new_record(rows, shape)
            record.row.line = line
            _set_item(batch, index, record, table.position + line.start)
            line = <const sx_line *>&line.members[line.count]
        return batch

    cdef Shape _shape_of(self, const uint8_t *text, const sx_line *line):
        """Return the shape of objects with the keys of a line."""
        keys = _keys_of(text, line)
        shape = self._shapes.get(keys)
        if shape is None:
            if len(self._shapes) >= MOST_SHAPES:
                self._shapes.clear()
            shape = self._shapes[keys] = JsonShape(jsonl_fields(self._layout, keys))
        return shape


cdef tuple _keys_of(const uint8_t *text, const sx_line *line):
    cdef const uint8_t *start
    cdef const uint8_t *end
    cdef uint32_t index
    if line.has_escaped_keys:
        return tuple(raw_pairs(text[line.start : line.end]))
    keys = []
    for index in range(line.count):
        start = text + line.members[index].key + 1
        end = <const uint8_t *>memchr(start, b'"', text + line.end - start)
        keys.append(start[: end - start])
    return tuple(keys)


cdef inline Record _new_record(Rows rows, Shape shape):
    cdef Record record = Record.__new__(Record)
    record.shape = shape
    record._rows = rows
    record.row.bytes = rows.table.bytes
    return record


cdef inline int _set_item(list batch, Py_ssize_t index, record, size_t position) except -1:
    item = (record, position)
    Py_INCREF(item)
    PyList_SET_ITEM(batch, index, item)
    return 0


cdef dict _sources = {}


cdef _Source _source_of(layout):
    source = _sources.get(id(layout))
    if source is None:
        if len(_sources) >= MOST_SOURCES:
            _sources.clear()
        source = _sources[id(layout)] = _made_source(layout)
    return source


cdef _Source _made_source(layout):
    if not isinstance(layout.source, CsvFormat):
        return _JsonSource(layout, replace(layout, target=JsonlFormat(), flattens=False, program=None))
    picks = (Pick(0, ""),) if layout.columns else ()
    reader = Layout(
        layout.source,
        layout.source,
        layout.columns,
        picks,
        pads_short_records=layout.pads_short_records,
        is_lenient=layout.is_lenient,
        max_record_bytes=layout.max_record_bytes,
    )
    return _CsvSource(layout, reader)


cdef class Rows:
    """Memory of records, held for as long as one of them lives."""

    def __dealloc__(self):
        if self.table != NULL:
            _kernel.rows.release(self.table)


cdef Rows _next_rows(_Conversion reading):
    """Return the memory of the next records, or None."""
    cdef Rows rows = Rows()
    rows.table = reading.next_rows(BATCH_RECORDS)
    return None if rows.table == NULL else rows
