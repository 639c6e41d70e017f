"""Record, the native twin of streamx.Record, and its views; a part of _native_records.pyx."""

cdef extern from "Python.h":
    enum: Py_TPFLAGS_MAPPING


class KeysView(abc.KeysView):
    """The names of a record."""

    __slots__ = ()

    def __iter__(self):
        return iter(self._mapping)


class ItemsView(abc.ItemsView):
    """The names and values of a record."""

    __slots__ = ()

    def __iter__(self):
        return zip(self._mapping, map(self._mapping.__getitem__, self._mapping))


class ValuesView(abc.ValuesView):
    """The values of a record."""

    __slots__ = ()

    def __iter__(self):
        return map(self._mapping.__getitem__, self._mapping)


_MISSING = object()


@cython.final
@cython.freelist(512)
cdef class Record:
    """One record of the input, used as a dict; the native twin of streamx.Record.

    `given` has what was set; where that is a single field it stands in `only_name`, `only_index` and
    `only_value` instead, since a dict takes as long as all else that is done to set it. Names stand in
    the shape's order, and new ones behind them, until one is deleted: from then on `order` has them,
    and for each whether its field is as it came. `handed` has the lists and dicts that were read, which
    may have been changed since.
    """

    def __cinit__(self):
        self.shape = _NO_SHAPE

    def __init__(self):
        raise TypeError("records are made by reading")

    def __getitem__(self, name):
        cdef Py_ssize_t index = self.shape.find(name)
        if self.is_only(name, index):
            return self.only_value
        if self.given is not None:
            found = PyDict_GetItemWithError(self.given, name)
            if found != NULL:
                return <object>found
        if self.order is not None and name not in self.order:
            raise KeyError(name)
        if self.handed is not None:
            found = PyDict_GetItemWithError(self.handed, name)
            if found != NULL:
                return <object>found
        if index < 0:
            raise KeyError(name)
        value = self.shape.value(&self.row, index)
        if type(value) is dict or type(value) is list:
            if self.handed is None:
                self.handed = {}
            self.handed[name] = value
        return value

    def __setitem__(self, name, value):
        cdef Py_ssize_t index
        if not isinstance(name, str):
            raise TypeError(f"a field's name is text; found {name!r} ({type(name).__name__})")
        index = self.shape.find(name)
        if self.is_only(name, index):
            self.only_value = value
            return
        if not self.is_changed() and type(name) is str:
            self.only_name, self.only_index, self.only_value = name, index, value
            self.added = index < 0
            return
        given = self.all_given()
        if given is None:
            given = self.given = {}
        if self.order is not None:
            self.order[name] = False
        elif index < 0 and name not in given:
            self.added += 1
        given[name] = value

    def __delitem__(self, name):
        order = self._states() if self.order is None else self.order
        del order[name]
        self.order = order
        if self.all_given() is not None:
            self.given.pop(name, None)
        if self.handed is not None:
            self.handed.pop(name, None)

    def __contains__(self, name):
        cdef Py_ssize_t index = self.shape.find(name)
        if self.order is not None:
            return name in self.order
        return index >= 0 or self._is_given(name, index)

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
        merged.handed = None if self.handed is None else self.handed.copy()
        merged.given, merged.order = {}, {}
        merged.update(other)
        states = self._states()
        for name in states:
            merged.given.pop(name, None)
        merged.order.update(states)
        if self.all_given() is not None:
            merged.given.update(self.given)
        return merged

    def __ior__(self, other):
        self.update(other)
        return self

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        cdef Record other = self.copy()
        other.only_value = deepcopy(self.only_value, memo)
        other.given = deepcopy(self.given, memo)
        other.handed = deepcopy(self.handed, memo)
        return other

    def __reduce__(self):
        return dict, (dict(self),)

    def keys(self):
        """Return a view of the names."""
        return KeysView(self)

    def items(self):
        """Return a view of names and values."""
        return ItemsView(self)

    def values(self):
        """Return a view of the values."""
        return ValuesView(self)

    def get(self, key, default=None):
        """Return a field's value, or another one where there is no such field."""
        try:
            return self[key]
        except KeyError:
            return default

    def pop(self, key, default=_MISSING):
        """Remove a field and return its value, or another one where there is no such field."""
        try:
            value = self[key]
        except KeyError:
            if default is _MISSING:
                raise
            return default
        del self[key]
        return value

    setdefault = MutableMapping.setdefault
    update = MutableMapping.update

    def clear(self):
        """Remove all fields."""
        self.only_name = self.only_value = None
        self.given, self.handed, self.order = {}, None, {}

    def popitem(self):
        """Remove the last field and return its name and value, as a dict does."""
        name = next(reversed(self._names() if self.order is None else self.order), None)
        if name is None:
            raise KeyError("popitem(): the record has no fields")
        return name, self.pop(name)

    def copy(self):
        """Return a record of the same fields that can be changed by itself."""
        cdef Record other = self._twin(self.shape)
        other.added = self.added
        other.only_name, other.only_index = self.only_name, self.only_index
        other.only_value = self.only_value
        if self.given is not None:
            other.given = self.given.copy()
        if self.handed is not None:
            other.handed = self.handed.copy()
        if self.order is not None:
            other.order = self.order.copy()
        return other

    def picked(self, names):
        """Return a record of some of the fields; see streamx.codec.record.Record.picked."""
        cdef Record other
        cdef Shape shape
        states = None
        untouched = tuple(names)
        if self.is_changed():
            states = self._states()
            untouched = tuple([pair for pair in names if states[pair[0]]])
        shape = self.shape.picked(untouched)
        if shape is None:
            return self.as_reference().picked(names)
        other = self._twin(shape)
        if self.handed is not None:
            other.handed = {new: self.handed[old] for old, new in names if old in self.handed}
        if len(untouched) < len(names):
            other.given = {new: self.given[old] for old, new in names if old in self.given}
            other.order = {new: states[old] for old, new in names}
        return other

    def as_reference(self):
        """Return the same record as the reference has it."""
        record = self.shape.as_reference(&self.row)
        if self.is_changed():
            record._changes = self._states()
        record._values = {**(self.handed or {}), **(self.given or {})}
        return record

    cdef int settle(self) except -1:
        """Take handed-out lists and dicts that were changed since for set."""
        cdef Py_ssize_t index
        for name, value in list(self.handed.items()):
            index = self.shape.find(name)
            if not self._is_given(name, index) and name in self:
                if not is_same(value, self.shape.value(&self.row, index)):
                    self[name] = value
        return 0

    cdef bint is_only(self, name, Py_ssize_t index) except -1:
        """Tell whether a field, which has an index in the shape or -1, is the only one that was set."""
        if self.only_name is None or index != self.only_index:
            return False
        if index >= 0 or name is self.only_name:
            return True
        return hash(name) == hash(self.only_name) and name == self.only_name  # as a dict has it

    cdef bint is_changed(self) noexcept:
        """Tell whether anything was set or deleted."""
        return self.only_name is not None or self.given is not None or self.order is not None

    cdef bint _is_given(self, name, Py_ssize_t index) except -1:
        return self.is_only(name, index) or (self.given is not None and name in self.given)

    cdef dict all_given(self):
        """Return all that was set, from now on kept in a dict; None if that is nothing."""
        if self.only_name is not None:
            self.given = {self.only_name: self.only_value}
            self.only_name = self.only_value = None
        return self.given

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
        if self.all_given() is not None:
            states.update(dict.fromkeys(self.given, False))
        return states

    cdef list _names(self):
        if self.order is not None:
            return list(self.order)
        names = list(self.shape.names)
        if self.added:
            names += [name for name in self.all_given() if name not in self.shape.index_of]
        return names


cdef Shape _NO_SHAPE = Shape(csv_fields(Layout(CsvFormat(), CsvFormat())))

# What `match` looks for; registering alone does not mark a type of C.
(<PyTypeObject *>Record).tp_flags |= Py_TPFLAGS_MAPPING
# What messages about wrong use call it.
(<PyTypeObject *>Record).tp_name = b"Record"
MutableMapping.register(Record)
ReferenceRecord.register(Record)
