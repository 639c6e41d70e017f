"""What native records of the same fields have in common; a part of _native_records.pyx."""

cdef extern from "Python.h":
    bint PyUnicode_CHECK_INTERNED(object)

cdef enum:
    MOST_PICKS = 16  # of a shape; names may be data
    MOST_STEPS = 4  # from where a name is looked for first


cdef class Shape:
    """Fields for native records: which names they have, and what makes values of their cells.

    Names in user code are mostly the very objects that `intern` gives, so a name is first looked
    for by its address; one that the shape lacks, too, once it was looked for.
    """

    def __cinit__(self, fields, *others):
        self.fields = fields
        self.names = tuple([intern(str(name)) for name in fields.names])
        self.index_of = {name: index for index, name in enumerate(self.names)}
        self.count = len(self.names)
        self._picked = {}
        self._lacking = []
        for name, index in self.index_of.items():
            self._know(<void *>name, index)

    @cython.final
    cdef Py_ssize_t find(self, name) except -2:
        """Return the index of a name, or -1."""
        cdef size_t slot = _slot_of(<void *>name), step
        for step in range(MOST_STEPS):
            if self._known[slot + step] == <void *>name:
                return self._known_index[slot + step]
        found = PyDict_GetItemWithError(self.index_of, name)
        if found != NULL:
            return <object>found
        if type(name) is str and PyUnicode_CHECK_INTERNED(name) and self._know(<void *>name, -1):
            self._lacking.append(name)  # while it is alive no other name can get its address
        return -1

    @cython.final
    cdef bint _know(self, void *name, Py_ssize_t index) noexcept:
        """Note what `find` gives for a name; False if there is no room."""
        cdef size_t slot = _slot_of(name), step
        for step in range(MOST_STEPS):
            if self._known[slot + step] == NULL:
                self._known[slot + step], self._known_index[slot + step] = name, index
                return True
        return False

    cdef Shape picked(self, tuple names):
        """Return the shape of some of the fields under other names; None for one too many."""
        if names not in self._picked and len(self._picked) < MOST_PICKS:
            self._picked[names] = self._sibling(self.fields.picked(names))
        return self._picked.get(names)

    cdef Shape _sibling(self, fields):
        """Return the shape of other fields of the same cells, or None where there is none."""
        return None

    cdef object value(self, const sx_row *row, size_t index):
        """Return a field's value."""
        raise NotImplementedError

    cdef object as_reference(self, const sx_row *row):
        """Return an untouched record as the reference has it."""
        return ReferenceRecord(self.fields, ())


cdef class CsvShape(Shape):
    """Fields of CSV.

    Args:
        compiled: for the kernel, a layout with a pick for each field.
    """

    def __cinit__(self, fields, _Compiled compiled):
        self._width = compiled.layout.column_count
        self._compiled = compiled
        self._state = compiled.take_state()

    cdef Shape _sibling(self, fields):
        return csv_shape(fields)

    cdef object value(self, const sx_row *row, size_t index):
        cdef sx_field_value value
        cdef sx_value_type type = _kernel.rows.read_field(
            self._state.pointer, row, index, &value
        )
        if type == SX_LONG:
            return number_of(value.text.bytes[: value.text.length])
        return _value_of(type, &value)

    cdef object as_reference(self, const sx_row *row):
        cdef Py_ssize_t index
        cells = [
            row.bytes[<uint32_t>(row.ends[index - 1] + 1) : row.ends[index]]
            for index in range(<Py_ssize_t>self._width)
        ]
        return ReferenceRecord(self.fields, cells)


cdef class JsonShape(Shape):
    """Fields of JSON objects of the same keys in the same order.

    Attributes:
        is_unchanged: an object with these fields is written as its line.
        label_bytes: of what stands before all values.
    """

    def __cinit__(self, fields):
        cdef size_t index
        cdef bytes label
        self.is_unchanged = fields.is_unchanged
        self._kept = [bytearray(self.count * sizeof(sx_json_field) + 1)]
        self.json_fields = <sx_json_field *>PyByteArray_AS_STRING(self._kept[0])
        for index, name in enumerate(fields.names):
            label = (b"," if index else b"{") + json_string(name.encode()) + b":"
            self._kept.append(label + bytes(PADDING_BYTES))
            self.json_fields[index].label.bytes = <const uint8_t *><const char *>self._kept[-1]
            self.json_fields[index].label.length = len(label)
            self.json_fields[index].member = fields.indexes[index]
            self.label_bytes += len(label)

    cdef Shape _sibling(self, fields):
        return json_shape(fields)

    cdef const uint8_t *text(self, const sx_row *row, size_t index, size_t *length) noexcept:
        """Return the JSON text of a field."""
        cdef const sx_member *member = &row.line.members[self.json_fields[index].member]
        length[0] = member.value_end - member.value
        return row.bytes + member.value

    cdef object value(self, const sx_row *row, size_t index):
        cdef sx_field_value value
        cdef size_t length
        cdef const uint8_t *text = self.text(row, index, &length)
        cdef sx_value_type type = _kernel.rows.read_json(text, length, &value)
        return value_of(text[:length]) if type == SX_LONG else _value_of(type, &value)

    cdef object as_reference(self, const sx_row *row):
        cdef const sx_line *line = row.line
        cdef uint32_t index
        cells = [
            row.bytes[line.members[index].value : line.members[index].value_end]
            for index in range(line.count)
        ]
        return ReferenceRecord(self.fields, cells, row.bytes[line.start : line.end])


cdef object _value_of(sx_value_type type, const sx_field_value *value):
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
    return type == SX_TRUE


cdef inline size_t _slot_of(void *name) noexcept:
    return (<size_t>name >> 4) & (KNOWN_NAMES - MOST_STEPS)


cdef Shape csv_shape(fields):
    """Return the shape of a CSV's fields, or None if the kernel cannot follow it."""
    cdef _Compiled compiled = compiled_of(layout_of(fields, JsonlFormat(), False))
    return None if compiled is None else CsvShape(fields, compiled)


cdef Shape json_shape(fields):
    """Return the shape of an object's fields, or None if one has a name that is no Unicode."""
    try:
        return JsonShape(fields)
    except UnicodeEncodeError:
        return None


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
