"""What native records of the same fields have in common; a part of _native_records.pyx."""

cdef enum:
    MOST_PICKS = 16  # of a shape; names may be data


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
