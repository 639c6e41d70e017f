"""Layouts as the kernel takes them, and the states for them; a part of _native.pyx."""

_TYPES = {
    ColumnType.STRING: TYPE_STRING,
    ColumnType.INTEGER: TYPE_INTEGER,
    ColumnType.NUMBER: TYPE_NUMBER,
    ColumnType.BOOLEAN: TYPE_BOOLEAN,
}


cdef class _State:
    """What one conversion at a time needs."""

    def __dealloc__(self):
        sx_free(self.pointer)

    cdef list take_misfits(self, list names):
        """Return the misfits since the last time, as the arguments of Tally.note_misfits.

        Args:
            names: of the columns that the picks show.
        """
        cdef const sx_remark *misfit
        misfits = []
        for index, name in enumerate(names):
            misfit = &sx_tally_of(self.pointer).misfits[index]
            if misfit.count:
                example = excerpt(misfit.example[:misfit.example_length])
                misfits.append((name, misfit.count, misfit.position, example))
        if misfits:
            sx_start(self.pointer, NULL, 0, 0, 0)
        return misfits


cdef class _Compiled:
    """A layout as the kernel takes it, and states for it that are not in use.

    Attributes:
        is_native: the kernel can convert this; flattening, for one, it cannot.
    """

    def __cinit__(self, layout):
        self._source = layout
        self._kept = []
        self._states = []
        names = dict(enumerate(column.name for column in layout.columns))
        self.names = [names.get(pick.index) for pick in layout.picks]
        self._set_formats(layout)
        self._set_columns(layout)
        self._set_picks(layout)
        self._set_nulls(layout)
        if layout.program is not None:
            self._set_program(layout.program)
        self.is_native = _can_be_native(layout)
        if self.is_native:
            state = self._new_state()
            self.is_native = state is not None
            if state is not None:
                self._states.append(state)

    cdef _State take_state(self):
        """Return a state that is not in use."""
        try:
            return self._states.pop()
        except IndexError:
            pass
        state = self._new_state()
        if state is None:
            raise MemoryError
        return state

    cdef void give_back(self, _State state):
        self._states.append(state)

    cdef bint may_find_good_odd(self):
        """Tell whether odd records may be good ones, many of them."""
        padded = self.layout.pads_short_records
        return self.layout.program.instruction_count > 0 or padded or self._source.is_lenient

    cdef _State _new_state(self):
        cdef _State state = _State()
        state.pointer = sx_new(_kernel, &self.layout)
        return None if state.pointer == NULL else state

    cdef void _set_formats(self, layout):
        self.layout.is_from_csv = isinstance(layout.source, CsvFormat)
        self.layout.is_to_csv = isinstance(layout.target, CsvFormat)
        if self.layout.is_from_csv:
            self.layout.source = _csv(layout.source)
        if self.layout.is_to_csv:
            self.layout.target = _csv(layout.target)
        if self.layout.is_from_csv and self.layout.is_to_csv:
            self.layout.keeps_cells = layout.source.has_cells_of(layout.target)
        self.layout.is_unchanged = layout.is_unchanged
        self.layout.passes_unknown_keys = layout.passes_unknown_keys
        self.layout.drops_extra_keys = layout.drops_extra_keys
        self.layout.ignores_extra_keys = layout.ignores_extra_keys
        self.layout.strict_types = layout.strict_types
        self.layout.pads_short_records = layout.pads_short_records
        self.layout.max_record_bytes = layout.max_record_bytes

    cdef void _set_columns(self, layout):
        cdef sx_column *columns
        count = len(layout.columns)
        columns = <sx_column *>self._memory(count * sizeof(sx_column))
        for index, column in enumerate(layout.columns):
            columns[index].name = self._text(column.name.encode())
            columns[index].type = _TYPES[column.type]
            columns[index].is_pinned = column.is_pinned
        self.layout.columns = columns
        self.layout.column_count = count

    cdef void _set_picks(self, layout):
        cdef sx_pick *picks
        count = len(layout.picks)
        picks = <sx_pick *>self._memory(count * sizeof(sx_pick))
        for index, pick in enumerate(layout.picks):
            name = pick.name.encode()
            picks[index].column = pick.index
            picks[index].key = pick.index if pick.key is None else pick.key
            picks[index].presence = WITH_KEY
            if pick.index >= self.layout.column_count and (pick.key is None or pick.is_last):
                picks[index].presence = ALWAYS if pick.key is None else WITHOUT_KEY
            picks[index].name = self._text(name)
            label = b"" if self.layout.is_to_csv else json_string(name) + b":"
            if self.layout.is_from_csv and not self.layout.is_to_csv:
                label = (b"{" if index == 0 else b",") + label
            picks[index].label = self._text(label)
        self.layout.picks = picks
        self.layout.pick_count = count

    cdef void _set_nulls(self, layout):
        cdef sx_text *nulls
        count = len(layout.nulls)
        nulls = <sx_text *>self._memory(count * sizeof(sx_text))
        for index, text in enumerate(sorted(layout.nulls)):
            nulls[index] = self._text(text)
        self.layout.nulls = nulls
        self.layout.null_count = count

    cdef void _set_program(self, program):
        cdef sx_instruction *instructions
        cdef sx_constant *constants
        cdef sx_program *compiled = &self.layout.program
        compiled.instruction_count = len(program.instructions)
        compiled.constant_count = len(program.constants)
        compiled.register_count = program.registers
        compiled.derived_count = program.derived
        instructions = <sx_instruction *>self._memory(
            compiled.instruction_count * sizeof(sx_instruction)
        )
        for index, (operation, to, a, b, c) in enumerate(program.instructions):
            instructions[index].operation = operation
            instructions[index].to = to
            instructions[index].a = a
            instructions[index].b = b
            instructions[index].c = c
        constants = <sx_constant *>self._memory(compiled.constant_count * sizeof(sx_constant))
        for index, (to, value) in enumerate(program.constants):
            constants[index].to = to
            constants[index].value = self._value(value)
        compiled.instructions = instructions
        compiled.constants = constants

    cdef sx_value _value(self, value):
        cdef sx_value result
        result.kind = KIND_NULL
        if isinstance(value, bool):
            result.kind = KIND_TRUTH
            result.truth = value
        elif isinstance(value, int):
            result.kind = KIND_INTEGER
            result.integer = value
        elif isinstance(value, float):
            result.kind = KIND_NUMBER
            result.number = value
        elif isinstance(value, str):
            result.kind = KIND_TEXT
            result.text = self._text(value.encode())
        return result

    cdef sx_text _text(self, bytes text):
        """Return a text with readable bytes behind it."""
        cdef sx_text view
        view.length = len(text)
        view.bytes = self._memory(view.length + PADDING_BYTES)
        memcpy(<void *>view.bytes, <const char *>text, view.length)
        return view

    cdef uint8_t *_memory(self, size_t size_bytes):
        """Return memory of zeros that is kept for as long as this lives."""
        self._kept.append(bytearray(max(size_bytes, 1)))
        return _address(self._kept[-1])


cdef enum:
    MOST_KNOWN = 16  # layouts

cdef dict _known = {}


cdef _Compiled _compiled(layout):
    """Return a layout as the kernel takes it, made once for each layout object.

    Layouts are told apart by identity, since to hash one takes as long as it has columns.
    """
    compiled = _known.get(id(layout))
    if compiled is None:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        compiled = _known[id(layout)] = _Compiled(layout)
    return compiled


cdef bytes json_string(bytes text):
    cdef bytearray padded = bytearray(text + bytes(PADDING_BYTES))
    out = bytearray(LONGEST_ESCAPE_BYTES * len(text) + 2 + PADDING_BYTES)
    return bytes(out[: _kernel.json_string(_address(out), _address(padded), len(text))])


cdef sx_csv _csv(format):
    cdef sx_csv csv
    csv.delimiter = ord(format.delimiter)
    csv.quote = ord(format.quote)
    csv.line_end[0] = format.line_end[0]
    csv.line_end[1] = format.line_end[-1]
    csv.line_end_length = len(format.line_end)
    csv.escapes_formulas = format.escapes_formulas
    return csv


def _can_be_native(layout):
    """Tell whether the kernel can follow a layout: its outputs' bounds count each cell once."""
    indexes = [pick.index for pick in layout.picks if pick.index < len(layout.columns)]
    if layout.flattens or len(set(indexes)) < len(indexes):
        return False
    return bool(layout.picks) or not (
        isinstance(layout.source, CsvFormat) or isinstance(layout.target, CsvFormat)
    )
