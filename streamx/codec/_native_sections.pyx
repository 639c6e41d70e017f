# cython: language_level=3
"""Native sections: the twin of reference.sections, over the rows that the kernel makes of records."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcpy

from streamx.codec._kernel cimport *
from streamx.codec._native cimport _Compiled, _Conversion, _View, _csv, _kernel

import sys
from struct import Struct

from streamx.codec.layout import Column, CsvFormat, Layout, Pick, Tally
from streamx.codec.reference.json_records import cell_value
from streamx.codec.reference.sections import labelled
from streamx.codec.sections import MISSING, SEPARATOR, section

cdef enum:
    BATCH_RECORDS = 1024
    MOST_KNOWN = 16  # divisions

_FRAME = Struct("=IIQ")


def sections_of(data, division):
    """Return whole records as sections; see streamx.codec.reference.sections."""
    if not division.by:
        return section(b"", _count(data, division.format), data)
    cdef _Groups groups = _Groups(data)
    cdef _Labels labels = _labels_of(division)
    labels.add_all(data, groups)
    return groups.sections()


def _count(data, format):
    cdef _View view = _View(data)
    cdef sx_csv csv
    cdef const sx_csv *which = NULL
    cdef sx_traversal found = sx_traversal(0, 0, 0, 0)
    if isinstance(format, CsvFormat):
        csv = _csv(format)
        which = &csv
    with nogil:
        _kernel.traverse(which, view.start, view.length, &found)
    return found.records


cdef class _Groups:
    """The records of some data, by their labels."""

    cdef _View _data
    cdef dict _numbers
    cdef uint32_t *_groups  # for each record that of its label
    cdef size_t *_starts
    cdef size_t _count, _capacity

    def __cinit__(self, data):
        self._data = _View(data)
        self._numbers = {}

    def __dealloc__(self):
        free(self._groups)
        free(self._starts)

    cdef int add(self, bytes label, size_t start) except -1:
        """Add the next record."""
        number = self._numbers.get(label)
        if number is None:
            number = self._numbers[label] = len(self._numbers)
        if self._count == self._capacity:
            self._grow()
        self._groups[self._count] = number
        self._starts[self._count] = start
        self._count += 1
        return 0

    cdef int _grow(self) except -1:
        cdef size_t capacity = max(<size_t>BATCH_RECORDS, 2 * self._capacity)
        # One more start, for the end of the last record.
        starts = <size_t *>realloc(self._starts, (capacity + 1) * sizeof(size_t))
        if starts == NULL:
            raise MemoryError
        self._starts = starts
        groups = <uint32_t *>realloc(self._groups, capacity * sizeof(uint32_t))
        if groups == NULL:
            raise MemoryError
        self._groups = groups
        self._capacity = capacity
        return 0

    cdef bytes sections(self):
        """Return all records as sections."""
        cdef size_t record, length
        cdef uint32_t group
        cdef uint64_t[:] sizes
        cdef uint64_t[:] places
        cdef uint32_t[:] counts
        cdef uint8_t *out
        cdef size_t total = 0
        if self._count == 0:
            return b""
        self._starts[self._count] = self._data.length
        sizes = _zeros(len(self._numbers), "Q")
        places = _zeros(len(self._numbers), "Q")
        counts = _zeros(len(self._numbers), "I")
        for record in range(self._count):
            group = self._groups[record]
            sizes[group] += self._starts[record + 1] - self._starts[record]
            counts[group] += 1
        for label in self._numbers:
            total += _FRAME.size + len(label)
        framed = PyBytes_FromStringAndSize(NULL, total + self._data.length)
        out = <uint8_t *><char *>framed
        total = 0
        for label, group in self._numbers.items():
            frame = _FRAME.pack(len(label), counts[group], sizes[group]) + label
            length = len(frame)
            memcpy(out + total, <const char *>frame, length)
            places[group] = total + length
            total += length + sizes[group]
        with nogil:
            for record in range(self._count):
                group = self._groups[record]
                length = self._starts[record + 1] - self._starts[record]
                memcpy(out + places[group], self._data.start + self._starts[record], length)
                places[group] += length
        return framed


def _zeros(count, code):
    return memoryview(bytearray(count * Struct(code).size)).cast(code)


cdef class _Labels:
    """Finds the label of each record of an output."""

    cdef object _division
    cdef _Compiled _reader

    def __cinit__(self, division):
        self._division = division
        self._reader = _Compiled(_layout_of(division))
        if not self._reader.is_native:
            raise AssertionError("the kernel reads all formats of outputs")

    cdef int add_all(self, data, _Groups groups) except -1:
        """Add the records of some data to groups."""
        cdef _Conversion reading = _Conversion(self._reader, data, None, None)
        cdef sx_rows *rows
        cdef size_t start
        try:
            while not reading.is_finished:
                rows = reading.next_rows(BATCH_RECORDS)
                if rows != NULL:
                    try:
                        self._add_rows(rows, groups)
                    finally:
                        _kernel.rows.release(rows)
                if reading.is_at_odd:
                    start = reading.odd_start()
                    odd = reading.odd_records()
                    for label, record in labelled(odd, self._division):
                        groups.add(label, start)
                        start += len(record)
                    reading.pass_odd(Tally(records_in=1), None)
        finally:
            reading.close()
        return 0

    cdef int _add_rows(self, const sx_rows *rows, _Groups groups) except -1:
        raise NotImplementedError


cdef class _CsvLabels(_Labels):
    cdef list _indexes
    cdef uint8_t _quote
    cdef bytes _quotes

    def __cinit__(self, division):
        self._indexes = list(division.indexes)
        self._quotes = division.format.quote
        self._quote = self._quotes[0]

    cdef int _add_rows(self, const sx_rows *rows, _Groups groups) except -1:
        cdef const uint32_t *ends
        cdef size_t record
        cdef Py_ssize_t index
        cdef bytes label
        for record in range(rows.count):
            ends = rows.ends + record * rows.stride + 1
            label = None
            for index in self._indexes:
                text = self._text(rows.bytes + <uint32_t>(ends[index - 1] + 1),
                                  ends[index] - <uint32_t>(ends[index - 1] + 1))
                label = text if label is None else label + SEPARATOR + text
            groups.add(label, rows.position + <uint32_t>(ends[-1] + 1))
        return 0

    cdef bytes _text(self, const uint8_t *cell, size_t length):
        """Return the text of a cell; see CsvScanner.value."""
        if length == 0 or cell[0] != self._quote:
            return cell[:length]
        text = cell[1 : length - 1]
        if memchr(cell + 1, self._quote, length - 2) != NULL:
            text = text.replace(self._quotes * 2, self._quotes)
        return text


cdef class _JsonLabels(_Labels):
    cdef list _keys

    def __cinit__(self, division):
        self._keys = [name.encode() for name in division.by]

    cdef int _add_rows(self, const sx_rows *rows, _Groups groups) except -1:
        cdef const sx_line *line = <const sx_line *>rows.ends
        cdef list members = []
        cdef size_t record
        cdef Py_ssize_t member
        cdef bytes label
        for record in range(rows.count):
            if not line.is_like_last:
                members = self._members(rows.bytes, line)
            label = None
            for member in members:
                text = MISSING if member < 0 else _json_text(rows.bytes, &line.members[member])
                label = text if label is None else label + SEPARATOR + text
            groups.add(label, rows.position + line.start)
            line = <const sx_line *>&line.members[line.count]
        return 0

    cdef list _members(self, const uint8_t *text, const sx_line *line):
        """Return which members have the keys; -1 for one that the line lacks."""
        cdef dict numbers = {}
        cdef const uint8_t *start
        cdef const uint8_t *end
        cdef uint32_t index
        for index in range(line.count):
            start = text + line.members[index].key
            end = _key_end(start, text + line.end)
            key = start[: end - start]
            numbers[cell_value(key) if line.has_escaped_keys else key[1:-1]] = index
        return [numbers.get(key, -1) for key in self._keys]


cdef const uint8_t *_key_end(const uint8_t *start, const uint8_t *stop):
    """Return the place behind the quote that closes a key."""
    cdef const uint8_t *at = start + 1
    while at < stop and at[0] != b'"':
        at += 2 if at[0] == b"\\" else 1
    return at + 1


cdef bytes _json_text(const uint8_t *text, const sx_member *member):
    """Return the text that a value has in a cell."""
    cdef const uint8_t *start = text + member.value
    cdef size_t length = member.value_end - member.value
    if start[0] == b'"' and memchr(start, b"\\", length) == NULL:
        return start[1 : length - 1]
    if start[0] in (b'"', b"{", b"[", b"n"):
        return cell_value(start[:length])
    return start[:length]


cdef dict _known = {}


cdef _Labels _labels_of(division):
    """Return what finds the labels of a division, made once for each object."""
    labels = _known.get(id(division))
    if labels is None:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        kind = _CsvLabels if isinstance(division.format, CsvFormat) else _JsonLabels
        labels = _known[id(division)] = kind(division)
    return labels


def _layout_of(division):
    """Return how the records of an output are read: of any length, since they were written."""
    columns = tuple(map(Column, division.columns))
    picks = (Pick(0, ""),) if columns else ()
    return Layout(division.format, division.format, columns, picks, max_record_bytes=sys.maxsize)
