"""How the fields of a record that nobody set are written; a part of _native_encode.pyx."""


cdef class _Writer:
    """How records of a shape are written.

    Attributes:
        marks: for each field, or each column of a CSV, whether the record at hand sets it.
        pick_of: for each column of a CSV the field that it shows, or -1.
    """

    cdef list pick_of
    cdef bytearray _marks
    cdef uint8_t *marks
    cdef object _new_name
    cdef bytes _new_label

    def __cinit__(self, Shape shape, tuple columns, *others):
        self._marks = bytearray(max(shape.count, len(columns)) + 1)
        self.marks = self._marks
        self.pick_of = [shape.index_of.get(name, -1) for name in columns]

    cdef size_t room(self, Record record) except 0:
        """Return the most bytes that all fields become."""
        raise NotImplementedError

    cdef bint has_labels(self, Record record):
        """Tell whether a record's fields have the labels that are known for its shape."""
        return True

    cdef sx_text label(self, size_t index) noexcept:
        """Return what stands before a field in JSON, with the brace or comma before it."""

    cdef bytes new_label(self, str name):
        """Return what stands before a field of a name that the shape lacks; None for no Unicode.

        Code that sets such a field gives it mostly the same name, as one object.
        """
        if name is not self._new_name:
            try:
                self._new_label = b"," + json_string(name.encode()) + b":"
            except UnicodeEncodeError:
                return None
            self._new_name = name
        return self._new_label

    cdef uint8_t *put_fields(
        self, Record record, size_t first, size_t last, uint64_t position, uint8_t *out
    ) noexcept:
        """Write fields behind their labels; NULL for what Python must judge."""
        return NULL

    cdef bint put_line(self, Record record, _Output out) except -1:
        """Write a record in which nothing was set as it came, if it may stand like that."""
        return False

    cdef bint put_cell(
        self, Record record, size_t pick, size_t index, size_t width, _Output out
    ) except -1:
        """Write a field as a cell, which is number `index` of `width`."""
        raise NotImplementedError

    cdef list take_misfits(self):
        return []


cdef class _CsvWriter(_Writer):
    cdef _Compiled _compiled
    cdef _State _state
    cdef list _columns

    def __cinit__(self, Shape shape, tuple columns, _Compiled compiled):
        self._compiled = compiled
        self._state = compiled.take_state()
        self._columns = [column.name for column in shape.fields.columns]

    cdef size_t room(self, Record record) except 0:
        return _kernel.rows.output_bytes(self._state.pointer, &record.row)

    cdef sx_text label(self, size_t index) noexcept:
        return self._compiled.layout.picks[index].label

    cdef uint8_t *put_fields(
        self, Record record, size_t first, size_t last, uint64_t position, uint8_t *out
    ) noexcept:
        return _kernel.rows.to_json(self._state.pointer, &record.row, first, last, position, out)

    cdef bint put_cell(
        self, Record record, size_t pick, size_t index, size_t width, _Output out
    ) except -1:
        cdef uint8_t *end = _kernel.rows.to_cell(
            self._state.pointer,
            &record.row,
            pick,
            index == 0,
            index + 1 == width,
            out.bytes + out.used,
        )
        if end == NULL:
            raise MemoryError
        out.used = end - out.bytes
        return True

    cdef list take_misfits(self):
        return self._state.take_misfits(self._columns)


cdef class _JsonWriter(_Writer):
    cdef JsonShape _shape

    def __cinit__(self, Shape shape, tuple columns):
        self._shape = shape

    cdef size_t room(self, Record record) except 0:
        cdef const sx_line *line = record.row.line
        return self._shape.label_bytes + 2 * (line.end - line.start + len(self.pick_of)) + 2

    cdef bint has_labels(self, Record record):
        # Where nothing has a new name, keys stay as they came, with their escapes.
        return not (self._shape.is_unchanged and record.row.line.has_escaped_keys)

    cdef sx_text label(self, size_t index) noexcept:
        return self._shape.json_fields[index].label

    cdef uint8_t *put_fields(
        self, Record record, size_t first, size_t last, uint64_t position, uint8_t *out
    ) noexcept:
        return _kernel.rows.members_to_json(
            &record.row, self._shape.json_fields, first, last, out
        )

    cdef bint put_line(self, Record record, _Output out) except -1:
        cdef const sx_line *line = record.row.line
        cdef sx_text text
        if not self._shape.is_unchanged:
            return False
        text.bytes, text.length = record.row.bytes + line.start, line.end - line.start
        out.put_text(text)
        out.put_byte(b"\n")
        return True

    cdef bint put_cell(
        self, Record record, size_t pick, size_t index, size_t width, _Output out
    ) except -1:
        cdef size_t length
        cdef const uint8_t *text = self._shape.text(&record.row, pick, &length)
        if text[0] == b"n":
            return True
        if text[0] == b'"' and memchr(text, b"\\", length) == NULL:
            out.put_text_as_cell(text + 1, length - 2)
        elif text[0] in b'"[{':
            out.put_bytes_as_cell(cell_value(text[:length]))
        else:
            out.put_text_as_cell(text, length)
        return True
