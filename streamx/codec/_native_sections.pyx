# cython: language_level=3
"""Native sections: the twin of reference.sections, which looks for values where it need not parse."""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcpy

from streamx.codec._kernel cimport *
from streamx.codec._native cimport _Compiled, _Conversion, _View, _csv, _kernel

import sys
from struct import Struct

from streamx.codec.layout import Column, CsvFormat, Layout, Pick
from streamx.codec.reference.json_records import cell_value
from streamx.codec.reference.sections import labelled
from streamx.codec.sections import MISSING, SEPARATOR, section

cdef extern from "string.h":
    void *memmem(const void *, size_t, const void *, size_t) nogil

cdef enum:
    BATCH_RECORDS = 1024
    OTHER_RECORDS = 256
    MOST_KNOWN = 16  # divisions

_FRAME = Struct("=IIQ")


def sections_of(data, division):
    """Return whole records as sections; see streamx.codec.reference.sections."""
    if not division.by:
        return section(b"", _count(data, division.format), data)
    cdef _View view = _View(data)
    cdef _Groups groups = _Groups(view)
    cdef _Labels labels = _labels_of(division)
    labels.add_all(memoryview(data), view, groups)
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

    def __cinit__(self, _View data):
        self._data = data
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

    @cython.boundscheck(False)
    @cython.wraparound(False)
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


cdef struct _Text:
    const uint8_t *start
    size_t length


cdef class _Labels:
    """Finds the label of each record of an output.

    Most records are simple: where their values stand shows without taking all of them apart. Others
    are taken apart by the kernel, some at a time.
    """

    cdef object _division
    cdef _Compiled _reader
    cdef size_t _width  # how many values a label has

    def __cinit__(self, division):
        self._division = division
        self._width = len(division.by)
        self._reader = _Compiled(_layout_of(division))
        assert self._reader.is_native, "the kernel reads all formats of outputs"

    cdef int add_all(self, data, _View view, _Groups groups) except -1:
        """Add the records of some data, of which there is a view, to groups."""
        cdef size_t at = 0
        cdef size_t *starts = <size_t *>malloc(BATCH_RECORDS * sizeof(size_t))
        cdef _Text *texts = <_Text *>malloc(BATCH_RECORDS * self._width * sizeof(_Text))
        try:
            if starts == NULL or texts == NULL:
                raise MemoryError
            while at < view.length:
                count = self._add_simple(view, &at, groups, starts, texts)
                if count < BATCH_RECORDS and at < view.length:
                    at = self._add_others(data[at:], at, groups)
        finally:
            free(starts)
            free(texts)
        return 0

    cdef size_t _add_simple(
        self, _View data, size_t *at, _Groups groups, size_t *starts, _Text *texts
    ) except? 0:
        """Add records from a place on, as many as are simple; return how many there were."""
        cdef size_t count, record, column
        cdef _Text *text
        with nogil:
            count = self._find_simple(data.start, data.length, at, starts, texts)
        for record in range(count):
            text = texts + record * self._width
            label = text.start[: text.length]
            for column in range(1, self._width):
                text += 1
                label += SEPARATOR + text.start[: text.length]
            groups.add(label, starts[record])
        return count

    cdef size_t _add_others(self, data, size_t at, _Groups groups) except 0:
        """Add the first records of data that starts at a place, whatever they are; return their end."""
        cdef _Conversion reading
        cdef sx_rows *rows
        cdef size_t end = at
        reading = _Conversion(self._reader, data, None, None)
        try:
            rows = reading.next_rows(OTHER_RECORDS)
            if rows != NULL:
                try:
                    self._add_rows(rows, at, groups)
                    end = at + rows.position + rows.size_bytes
                finally:
                    _kernel.rows.release(rows)
            if reading.is_at_odd:
                end = at + reading.odd_start()
                for label, record in labelled(reading.odd_records(), self._division):
                    groups.add(label, end)
                    end += len(record)
        finally:
            reading.close()
        assert end > at, "an output has no blank lines"
        return end

    cdef size_t _find_simple(
        self, const uint8_t *data, size_t length, size_t *at, size_t *starts, _Text *texts
    ) noexcept nogil:
        """Find where records start and their values stand; move the place behind them."""
        return 0

    cdef int _add_rows(self, const sx_rows *rows, size_t base, _Groups groups) except -1:
        """Add records that start at a place of the data."""
        raise NotImplementedError


cdef class _CsvLabels(_Labels):
    cdef list _indexes
    cdef object _memory
    cdef size_t *_sorted  # the indexes, for those without the interpreter's lock
    cdef uint8_t _delimiter, _quote
    cdef bytes _quotes

    def __cinit__(self, division):
        self._indexes = list(division.indexes)
        self._memory = bytearray(len(self._indexes) * sizeof(size_t))
        self._sorted = <size_t *>PyByteArray_AS_STRING(self._memory)
        for place, index in enumerate(self._indexes):
            self._sorted[place] = index
        self._quotes = division.format.quote
        self._quote = self._quotes[0]
        self._delimiter = division.format.delimiter[0]

    cdef size_t _find_simple(
        self, const uint8_t *data, size_t length, size_t *at, size_t *starts, _Text *texts
    ) noexcept nogil:
        """Records without quotes end with their line, and their cells at delimiters."""
        cdef size_t count = 0, column
        cdef const uint8_t *line
        cdef const uint8_t *end
        while count < BATCH_RECORDS and at[0] < length:
            line = data + at[0]
            end = <const uint8_t *>memchr(line, b"\n", length - at[0])
            if end == NULL or memchr(line, self._quote, end - line) != NULL:
                break
            starts[count] = at[0]
            at[0] = end + 1 - data
            if end > line and end[-1] == b"\r":
                end -= 1
            for column in range(self._width):
                if not _find_cell(
                    line, end, self._delimiter, self._sorted[column],
                    texts + count * self._width + column,
                ):
                    at[0] = starts[count]
                    return count
            count += 1
        return count

    cdef int _add_rows(self, const sx_rows *rows, size_t base, _Groups groups) except -1:
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
            groups.add(label, base + rows.position + <uint32_t>(ends[-1] + 1))
        return 0

    cdef bytes _text(self, const uint8_t *cell, size_t length):
        """Return the text of a cell; see CsvScanner.value."""
        if length == 0 or cell[0] != self._quote:
            return cell[:length]
        text = cell[1 : length - 1]
        if memchr(cell + 1, self._quote, length - 2) != NULL:
            text = text.replace(self._quotes * 2, self._quotes)
        return text


cdef bint _find_cell(
    const uint8_t *line, const uint8_t *end, uint8_t delimiter, size_t index, _Text *text
) noexcept nogil:
    """Find a cell of a record without quotes; false if there are fewer."""
    cdef const uint8_t *next
    while True:
        next = <const uint8_t *>memchr(line, delimiter, end - line)
        if index == 0:
            text.start = line
            text.length = (end if next == NULL else next) - line
            return True
        if next == NULL:
            return False
        line = next + 1
        index -= 1


cdef class _JsonLabels(_Labels):
    cdef list _keys
    cdef list _needles
    cdef _Text *_labels  # keys as they stand before their values
    cdef object _memory
    cdef bint _is_findable

    def __cinit__(self, division):
        cdef bytes needle
        self._keys = [name.encode() for name in division.by]
        self._needles = [b'"%b":' % key for key in self._keys]
        self._memory = bytearray(len(self._keys) * sizeof(_Text))
        self._labels = <_Text *>PyByteArray_AS_STRING(self._memory)
        for index, needle in enumerate(self._needles):
            self._labels[index].start = <const uint8_t *>needle
            self._labels[index].length = len(needle)
        # Else what looks like the quote before a key might close the text before it.
        self._is_findable = all(
            (key[:1].isalnum() or key[:1] == b"_") and b'"' not in key and b"\\" not in key
            for key in self._keys
        )

    cdef size_t _find_simple(
        self, const uint8_t *data, size_t length, size_t *at, size_t *starts, _Text *texts
    ) noexcept nogil:
        """In lines without escapes and inner objects a key stands where its text and a colon do."""
        cdef size_t count = 0, column
        cdef const uint8_t *line
        cdef const uint8_t *end
        while self._is_findable and count < BATCH_RECORDS and at[0] < length:
            line = data + at[0]
            end = <const uint8_t *>memchr(line, b"\n", length - at[0])
            if end == NULL or line[0] != b"{" or memchr(line, b"\\", end - line) != NULL:
                break
            if memchr(line + 1, b"{", end - line - 1) != NULL:
                break
            for column in range(self._width):
                if not _find_member(
                    line, end, self._labels + column, texts + count * self._width + column
                ):
                    return count
            starts[count] = at[0]
            at[0] = end + 1 - data
            count += 1
        return count

    cdef int _add_rows(self, const sx_rows *rows, size_t base, _Groups groups) except -1:
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
            groups.add(label, base + rows.position + line.start)
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


cdef bint _find_member(
    const uint8_t *line, const uint8_t *end, const _Text *label, _Text *text
) noexcept nogil:
    """Find the value of a key in a simple line; false where that takes more than to look."""
    cdef const uint8_t *start = <const uint8_t *>memmem(line, end - line, label.start, label.length)
    cdef const uint8_t *stop
    if start == NULL:
        return False
    start += label.length
    # Once more, with or without space before its colon, it would be the one that counts.
    if memmem(start, end - start, label.start, label.length - 1) != NULL:
        return False
    if start[0] == b'"':
        start += 1
        stop = <const uint8_t *>memchr(start, b'"', end - start)
    elif start[0] in (b" ", b"\t", b"\r", b"[", b"{"):
        return False
    else:
        stop = start
        while stop < end and stop[0] not in (b",", b"}", b" ", b"\t", b"\r"):
            stop += 1
    if stop == NULL or stop == end:
        return False
    text.start = start
    text.length = 0 if start[0] == b"n" and start[-1] == b":" else stop - start
    return True


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
