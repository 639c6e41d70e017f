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
<<<<<<< HEAD
=======


cdef object layout_of(fields, target, bint strict_types):
    """Return the layout by which fields are written."""
    columns = [Column("")] * (max(fields.indexes, default=-1) + 1)
    for index, column in zip(fields.indexes, fields.columns):
        columns[index] = column
    picks = tuple(map(Pick, fields.indexes, fields.names))
    return Layout(
        fields.source, target, tuple(columns), picks, nulls=fields.nulls, strict_types=strict_types
    )


cdef _Compiled compiled_of(layout):
    """Return a layout for the kernel, or None if it cannot follow it."""
    names = [pick.name for pick in layout.picks]
    if len(set(names)) < len(names):
        return None
    try:
        compiled = _Compiled(layout)
    except UnicodeEncodeError:  # a name that is no Unicode
        return None
    return compiled if compiled.is_native else None


cdef Shape _shape_of(fields):
    cdef _Compiled compiled = compiled_of(layout_of(fields, JsonlFormat(), False))
    return None if compiled is None else Shape(fields, compiled)


cdef class Shape:
    """Fields for native records: which names they have, and what makes values of their cells.

    Names in user code are mostly the very objects that `intern` gives, so a name is first looked
    for by its address.
    """

    def __cinit__(self, fields, _Compiled compiled):
        cdef size_t slot
        self.fields = fields
        self.names = tuple([intern(str(name)) for name in fields.names])
        self.index_of = {name: index for index, name in enumerate(self.names)}
        self.count = len(self.names)
        self.width = compiled.layout.column_count
        self._compiled = compiled
        self._state = compiled.take_state()
        self._picked = {}
        for index, name in enumerate(self.names):
            slot = _slot_of(<void *>name)
            self._known[slot] = <void *>name
            self._known_index[slot] = index

    cdef Py_ssize_t find(self, name) except -2:
        """Return the index of a name, or -1."""
        cdef size_t slot = _slot_of(<void *>name)
        if self._known[slot] == <void *>name:
            return self._known_index[slot]
        found = PyDict_GetItemWithError(self.index_of, name)
        return -1 if found == NULL else <object>found

    cdef Shape picked(self, tuple names):
        """Return the shape of some of the fields under other names; None for one too many."""
        if names not in self._picked and len(self._picked) < MOST_PICKS:
            self._picked[names] = _shape_of(self.fields.picked(names))
        return self._picked.get(names)

    cdef object value(self, const sx_row *row, size_t index):
        """Return a field's value."""
        cdef sx_field_value value
        cdef sx_value_type type = _kernel.rows.read_field(
            self._state.pointer, row, index, &value
        )
        if type == SX_INTEGER:
            return value.integer
        if type == SX_NULL:
            return None
        if type == SX_TEXT:
            return PyUnicode_DecodeUTF8(<char *>value.text.bytes, value.text.length, NULL)
        if type == SX_NUMBER:
            return value.number
        if type == SX_NO_MEMORY:
            raise MemoryError
        if type == SX_LONG:
            return number_of(value.text.bytes[: value.text.length])
        return type == SX_TRUE


cdef inline size_t _slot_of(void *name) noexcept:
    return (<size_t>name >> 4) & (KNOWN_NAMES - 1)


class _Keys(KeysView):
    """The names of a record."""

    __slots__ = ()

    def __iter__(self):
        return iter(self._mapping)


class _Items(ItemsView):
    """The names and values of a record."""

    __slots__ = ()

    def __iter__(self):
        return iter([(name, self._mapping[name]) for name in self._mapping])


class _Values(ValuesView):
    """The values of a record."""

    __slots__ = ()

    def __iter__(self):
        return iter([self._mapping[name] for name in self._mapping])


_MISSING = object()


@cython.final
@cython.freelist(512)
cdef class Record:
    """One record of the input, used as a dict; the native twin of streamx.Record.

    `given` has what was set. Names stand in the shape's order, and new ones behind them, until one
    is deleted: from then on `order` has them, and for each whether its field is as it came.
    """

    def __cinit__(self):
        self.shape = _NO_SHAPE

    def __init__(self):
        raise TypeError("records are made by reading")

    def __getitem__(self, name):
        cdef Py_ssize_t index
        if self.given is not None:
            found = PyDict_GetItemWithError(self.given, name)
            if found != NULL:
                return <object>found
        if self.order is not None and name not in self.order:
            raise KeyError(name)
        index = self.shape.find(name)
        if index < 0:
            raise KeyError(name)
        return self.shape.value(&self.row, index)

    def __setitem__(self, name, value):
        if not isinstance(name, str):
            raise TypeError(f"a field's name is text; found {name!r} ({type(name).__name__})")
        if self.given is None:
            self.given = {}
        if self.order is not None:
            self.order[name] = False
        elif self.shape.find(name) < 0 and name not in self.given:
            self.added += 1
        self.given[name] = value

    def __delitem__(self, name):
        order = self._states()
        del order[name]
        self.order = order
        if self.given is not None:
            self.given.pop(name, None)

    def __contains__(self, name):
        if self.order is not None:
            return name in self.order
        return self.shape.find(name) >= 0 or (self.given is not None and name in self.given)

    def __iter__(self):
        return iter(self._names())

    def __reversed__(self):
        return reversed(self._names())

    def __len__(self):
        return self.shape.count + self.added if self.order is None else len(self.order)

    def __repr__(self):
        return repr(dict(self))

    def __eq__(self, other):
        if not isinstance(other, Mapping):
            return NotImplemented
        return dict(self) == dict(other.items())

    def __or__(self, other):
        if not isinstance(other, Mapping):
            return NotImplemented
        merged = self.copy()
        merged.update(other)
        return merged

    def __ror__(self, other):
        cdef Record merged
        if not isinstance(other, Mapping):
            return NotImplemented
        merged = self._twin(self.shape)
        merged.given, merged.order = {}, {}
        merged.update(other)
        states = self._states()
        for name in states:
            merged.given.pop(name, None)
        merged.order.update(states)
        if self.given is not None:
            merged.given.update(self.given)
        return merged

    def __ior__(self, other):
        self.update(other)
        return self

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        cdef Record other = self.copy()
        other.given = deepcopy(self.given, memo)
        return other

    def __reduce__(self):
        return dict, (dict(self),)

    def keys(self):
        """Return a view of the names."""
        return _Keys(self)

    def items(self):
        """Return a view of names and values."""
        return _Items(self)

    def values(self):
        """Return a view of the values."""
        return _Values(self)

    def get(self, name, default=None):
        """Return a field's value, or another one where there is no such field."""
        try:
            return self[name]
        except KeyError:
            return default

    def pop(self, name, default=_MISSING):
        """Remove a field and return its value, or another one where there is no such field."""
        try:
            value = self[name]
        except KeyError:
            if default is _MISSING:
                raise
            return default
        del self[name]
        return value

    setdefault = MutableMapping.setdefault
    update = MutableMapping.update
    clear = MutableMapping.clear

    def popitem(self):
        """Remove the last field and return its name and value, as a dict does."""
        names = self._names()
        if not names:
            raise KeyError("popitem(): the record has no fields")
        return names[-1], self.pop(names[-1])

    def copy(self):
        """Return a record of the same fields that can be changed by itself."""
        cdef Record other = self._twin(self.shape)
        other.added = self.added
        if self.given is not None:
            other.given = self.given.copy()
        if self.order is not None:
            other.order = self.order.copy()
        return other

    def picked(self, names):
        """Return a record of some of the fields; see streamx.codec.record.Record.picked."""
        cdef Record other
        cdef Shape shape
        states = None
        untouched = tuple(names)
        if self.given is not None or self.order is not None:
            states = self._states()
            untouched = tuple([pair for pair in names if states[pair[0]]])
        shape = self.shape.picked(untouched)
        if shape is None:
            return self.as_reference().picked(names)
        other = self._twin(shape)
        if len(untouched) < len(names):
            other.given = {new: self.given[old] for old, new in names if old in self.given}
            other.order = {new: states[old] for old, new in names}
        return other

    def as_reference(self):
        """Return the same record as the reference has it."""
        cdef Py_ssize_t index
        cells = [
            self.row.bytes[<uint32_t>(self.row.ends[index - 1] + 1) : self.row.ends[index]]
            for index in range(<Py_ssize_t>self.shape.width)
        ]
        record = ReferenceRecord(self.shape.fields, cells)
        if self.given is not None or self.order is not None:
            record._changes = self._states()
            record._values = {} if self.given is None else self.given.copy()
        return record

    cdef Record _twin(self, Shape shape):
        """Return a record of the same cells in which nothing is set."""
        cdef Record other = Record.__new__(Record)
        other.shape = shape
        other._rows = self._rows
        other.row = self.row
        return other

    cdef dict _states(self):
        """Return all names in order, in a dict of its own: for each whether its field is as it came."""
        if self.order is not None:
            return self.order.copy()
        states = dict.fromkeys(self.shape.names, True)
        if self.given is not None:
            states.update(dict.fromkeys(self.given, False))
        return states

    cdef list _names(self):
        if self.order is not None:
            return list(self.order)
        names = list(self.shape.names)
        if self.added:
            names += [name for name in self.given if name not in self.shape.index_of]
        return names


cdef Shape _NO_SHAPE = Shape.__new__(
    Shape, csv_fields(Layout(CsvFormat(), CsvFormat())), _Compiled(Layout(CsvFormat(), CsvFormat()))
)

# What `match` looks for; registering alone does not mark a type of C.
(<PyTypeObject *>Record).tp_flags |= Py_TPFLAGS_MAPPING
MutableMapping.register(Record)
ReferenceRecord.register(Record)
