# cython: language_level=3
"""The native codec: the reference's twin in C, byte for byte the same and much faster.

This module turns layouts and buffers into what the kernel in native/ takes and lets it run without
the interpreter's lock. Records that the kernel does not recognise as right it calls odd; the reference
converts those, one at a time, and so says what is wrong with them.
"""

from cpython.buffer cimport (
    PyBUF_SIMPLE,
    PyBuffer_FillInfo,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport UINT64_MAX, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from streamx.codec._kernel cimport *

from streamx.codec.layout import (
    Column,
    ColumnType,
    CsvFormat,
    JsonlFormat,
    Layout,
    Remark,
    Tally,
    excerpt,
)

cdef const sx_kernel *_kernels[MOST_KERNELS]
cdef size_t _kernel_count = sx_kernels(_kernels)
_kernel = _kernels[_kernel_count - 1]

_EXCLUSIONS = (
    (ColumnType.INTEGER, NO_INTEGER),
    (ColumnType.NUMBER, NO_NUMBER),
    (ColumnType.BOOLEAN, NO_BOOLEAN),
)
_TYPES = {
    ColumnType.STRING: TYPE_STRING,
    ColumnType.INTEGER: TYPE_INTEGER,
    ColumnType.NUMBER: TYPE_NUMBER,
    ColumnType.BOOLEAN: TYPE_BOOLEAN,
}


def instruction_sets():
    """Return the names of the instruction sets that this machine can run, the fastest last."""
    return tuple(_kernels[index].name.decode() for index in range(_kernel_count))


def use(name):
    """Use one of the instruction sets from now on, for tests; return the one used so far."""
    global _kernel
    before = _kernel.name.decode()
    _kernel = _kernels[instruction_sets().index(name)]
    _known.clear()
    return before


def last_boundary(data, format):
    """Return the end of the last whole record in data that starts at a record; 0 without one."""
    cdef _View view = _View(data)
    cdef sx_csv csv
    cdef const sx_csv *which = _csv_or_null(format, &csv)
    cdef size_t end
    with nogil:
        end = _kernel.last_boundary(which, view.start, view.length)
    return end


def record_start(data, format, size_t number):
    """Return where the record with a number starts, from 0 and without blank lines, or None."""
    cdef _View view = _View(data)
    cdef sx_csv csv
    cdef const sx_csv *which = _csv_or_null(format, &csv)
    start = _kernel.record_start(which, view.start, view.length, number)
    return None if start == view.length else start


def count_lines(data, Py_ssize_t end):
    """Count the line feeds before a position."""
    cdef _View view = _View(data)
    return _kernel.count_lines(view.start, min(<size_t>max(end, 0), view.length))


def column_types(sample, format, Py_ssize_t width, nulls):
    """Return the types of a CSV's columns, as streamx.codec.types.TypeInference decides them.

    Args:
        sample: whole records; those of more or fewer cells than `width` decide nothing.
        nulls: cell texts that stand for null.
    """
    cdef _View view = _View(sample)
    cdef sx_status status
    columns = (Column(""),) * width
    layout = Layout(format, format, columns, nulls=nulls, max_record_bytes=len(sample) + 1)
    cdef _Compiled compiled = _Compiled(layout)
    cdef _State state = compiled.take_state()
    verdicts = bytearray(width + 1)
    cdef uint8_t *notes = verdicts
    sx_start(state.pointer, view.start, view.length, UINT64_MAX, UINT64_MAX)
    with nogil:
        status = _kernel.infer_types(state.pointer, notes)
    if status == SX_MEMORY:
        raise MemoryError
    return [_type_of(verdict) for verdict in verdicts[:width]]


def keys_of(sample, *, flattens=False):
    """Return the keys of a sample of JSONL; see streamx.codec.reference.keys_of."""
    if flattens:
        return _reference().keys_of(sample, flattens=True)
    cdef _View view = _View(sample)
    cdef _Compiled compiled = _Compiled(Layout(JsonlFormat(), JsonlFormat(), is_unchanged=False))
    cdef _State state = compiled.take_state()
    cdef sx_status status = SX_ODD
    cdef size_t start, end
    cdef sx_text *keys
    sx_start(state.pointer, view.start, view.length, UINT64_MAX, UINT64_MAX)
    while status == SX_ODD:
        with nogil:
            status = _kernel.collect_keys(state.pointer)
        if status == SX_MEMORY:
            raise MemoryError
        if status == SX_ODD:
            start, end = sx_odd_start(state.pointer), sx_odd_end(state.pointer)
            if _reference().keys_of(view.start[start:end]) is not None:
                return _reference().keys_of(sample)
            sx_pass_odd(state.pointer, end, 0, 0)
    if status == SX_FULL:
        return _reference().keys_of(sample)
    count = sx_key_count(state.pointer)
    memory = bytearray(count * sizeof(sx_text) + 1)
    keys = <sx_text *>_address(memory)
    sx_keys(state.pointer, keys)
    names = [keys[index].bytes[:keys[index].length].decode() for index in range(count)]
    return names if names or sx_tally_of(state.pointer).records else None


def convert(data, layout, limit=None, output_limit=None):
    """Convert whole records; see streamx.codec.reference.convert."""
    cdef _Compiled compiled = _compiled(layout)
    if not compiled.is_native:
        return (yield from _reference().convert(data, layout, limit, output_limit))
    cdef _Conversion conversion = _Conversion(compiled, data, limit, output_limit)
    try:
        while not conversion.is_finished:
            part = conversion.next_part()
            if len(part):
                yield part
            if conversion.is_at_odd:
                odd = conversion.odd_records()
                conversion.pass_odd(
                    (yield from _reference().convert(odd, layout, *conversion.remaining()))
                )
        return conversion.tally()
    finally:
        conversion.close()


cdef class _View:
    """The bytes of a buffer, held for as long as this lives."""

    def __cinit__(self, data):
        PyObject_GetBuffer(data, &self.buffer, PyBUF_SIMPLE)
        self.start = <const uint8_t *>self.buffer.buf
        self.length = <size_t>self.buffer.len

    def __dealloc__(self):
        PyBuffer_Release(&self.buffer)


cdef class _Block:
    """Memory for a part of the output, which is used again when nobody holds the part any more.

    What malloc does with blocks that one thread takes and another gives back leaves holes, so that
    a process needs twice the memory; and fresh memory costs a page fault for every 4 KiB.
    """

    cdef uint8_t *bytes
    cdef size_t capacity
    cdef Py_ssize_t used

    def __cinit__(self, size_t capacity):
        global _spare_count
        self.capacity = capacity
        if capacity == PART_BYTES and _spare_count > 0:
            _spare_count -= 1
            self.bytes = _spare[_spare_count]
        else:
            self.bytes = <uint8_t *>malloc(capacity)
        if self.bytes == NULL:
            raise MemoryError

    def __dealloc__(self):
        global _spare_count
        if self.capacity == PART_BYTES and _spare_count < MOST_SPARE and self.bytes != NULL:
            _spare[_spare_count] = self.bytes
            _spare_count += 1
        else:
            free(self.bytes)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.bytes, self.used, True, flags)


cdef enum:
    PART_BYTES = 512 * 1024  # large beside what it costs to hand it on, small beside a cache
    MOST_SPARE = 16
    NEAR_BYTES = 1024  # between odd records for the next ones to be taken for odd, too
    MOST_ODD_BYTES = 256 * 1024
    MOST_KNOWN = 16  # layouts

cdef uint8_t *_spare[MOST_SPARE]
cdef size_t _spare_count = 0


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
            label = b"" if self.layout.is_to_csv else _json_string(name) + b":"
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


cdef class _Conversion:
    """A conversion under way.

    Attributes:
        is_at_odd: the kernel met records that the reference must convert.
        is_finished: there is nothing more to convert.
    """

    def __cinit__(self, _Compiled compiled, data, limit, output_limit):
        self._compiled = compiled
        self._state = compiled.take_state()
        self._view = _View(data)
        self._limit = limit
        self._output_limit = output_limit
        self._odd = []
        sx_start(
            self._state.pointer,
            self._view.start,
            self._view.length,
            UINT64_MAX if limit is None else limit,
            UINT64_MAX if output_limit is None else output_limit,
        )

    cdef object next_part(self):
        """Convert until a part is full, a record is odd or the data ends."""
        cdef size_t capacity = min(<size_t>PART_BYTES, 16 * self._view.length + 4096)
        cdef _Block block
        cdef size_t written = 0
        cdef sx_status status = SX_FULL
        while status == SX_FULL and written == 0:
            block = _Block(capacity)
            with nogil:
                status = _kernel.convert(self._state.pointer, block.bytes, capacity, &written)
            capacity = max(capacity, sx_needed(self._state.pointer))
        if status == SX_MEMORY:
            raise MemoryError
        self.is_at_odd = status == SX_ODD
        self.is_finished = status == SX_END
        if written < capacity // 8:
            return block.bytes[:written]  # a whole block is too much to hold for so little
        block.used = written
        return memoryview(block)

    cdef sx_rows *next_rows(self, size_t most) except? NULL:
        """Take some records apart, which the caller frees; NULL if the next is odd, or there is none."""
        cdef sx_rows *rows = NULL
        cdef sx_status status
        with nogil:
            status = _kernel.rows.read(self._state.pointer, most, &rows)
        if status == SX_MEMORY:
            raise MemoryError
        self.is_at_odd = status == SX_ODD
        self.is_finished = status == SX_END
        return rows

    cdef size_t odd_start(self):
        return sx_odd_start(self._state.pointer)

    cdef bytes odd_records(self):
        """Return the odd records at hand, of a layout with a program maybe more than one.

        There, odd records may be good ones that the kernel cannot compute, and then most of their
        neighbours are odd, too. Together they take the reference a tenth of the time.
        """
        cdef size_t start = sx_odd_start(self._state.pointer)
        cdef size_t end = sx_odd_end(self._state.pointer)
        cdef size_t taken = 0
        cdef const sx_csv *csv
        if self._compiled.layout.program.instruction_count > 0:
            if self._odd_end > 0 and start - self._odd_end <= NEAR_BYTES:
                taken = min(2 * self._odd_bytes, <size_t>MOST_ODD_BYTES)
            self._odd_bytes = max(taken, end - start)
            taken = min(taken, self._view.length - start)
            csv = &self._compiled.layout.source if self._compiled.layout.is_from_csv else NULL
            taken = _kernel.last_boundary(csv, self._view.start + start, taken)
            end = max(end, start + taken)
        self._odd_end = end
        return self._view.start[start:end]

    cdef void pass_odd(self, tally):
        """Go on behind odd records, of which the reference has given an account."""
        self._odd.append((sx_odd_start(self._state.pointer), tally))
        self._odd_records += tally.records_in
        self._odd_output += tally.records_out
        self.is_finished = tally.bad is not None
        sx_pass_odd(self._state.pointer, self._odd_end, tally.records_in, tally.records_out)

    cdef tuple remaining(self):
        """Return how many more records are wanted, read and written; None for all."""
        cdef const sx_tally *own = sx_tally_of(self._state.pointer)
        limit, output_limit = self._limit, self._output_limit
        if limit is not None:
            limit -= own.records + self._odd_records
        if output_limit is not None:
            output_limit -= own.records - own.left_out + self._odd_output
        return limit, output_limit

    cdef object tally(self):
        """Return the account of the kernel and the reference together."""
        total = self._own_tally()
        for start, tally in self._odd:
            total.add(tally, start)
        return total

    cdef object _own_tally(self):
        cdef const sx_tally *own = sx_tally_of(self._state.pointer)
        cdef const sx_dropped_key *dropped
        total = Tally(own.records, own.records - own.left_out, own.blank_lines)
        total.dropped_values = own.dropped_values
        for index in range(own.dropped_key_count):
            dropped = &own.dropped_keys[index]
            key = dropped.key.bytes[:dropped.key.length]
            total.dropped_keys[key.decode()] = dropped.position
        for name, count, position, example in self._state.take_misfits(self._compiled.names):
            total.misfits[name] = Remark(count, position, example)
        return total

    cdef void close(self):
        self._compiled.give_back(self._state)
        self._state = None


cdef bytes _json_string(bytes text):
    cdef bytearray padded = bytearray(text + bytes(PADDING_BYTES))
    out = bytearray(LONGEST_ESCAPE_BYTES * len(text) + 2 + PADDING_BYTES)
    return bytes(out[: _kernel.json_string(_address(out), _address(padded), len(text))])


cdef const sx_csv *_csv_or_null(format, sx_csv *csv):
    """Return CSV's format, which is put where `csv` points, or NULL for JSONL."""
    if not isinstance(format, CsvFormat):
        return NULL
    csv[0] = _csv(format)
    return csv


cdef sx_csv _csv(format):
    cdef sx_csv csv
    csv.delimiter = ord(format.delimiter)
    csv.quote = ord(format.quote)
    csv.line_end[0] = format.line_end[0]
    csv.line_end[1] = format.line_end[-1]
    csv.line_end_length = len(format.line_end)
    return csv


cdef uint8_t *_address(bytearray memory):
    return <uint8_t *>PyByteArray_AS_STRING(memory)


def _reference():
    """Return the reference codec, which most runs do without."""
    from streamx.codec import reference

    return reference


def _can_be_native(layout):
    """Tell whether the kernel can follow a layout: its outputs' bounds count each cell once."""
    indexes = [pick.index for pick in layout.picks if pick.index < len(layout.columns)]
    if layout.flattens or len(set(indexes)) < len(indexes):
        return False
    return bool(layout.picks) or not (
        isinstance(layout.source, CsvFormat) or isinstance(layout.target, CsvFormat)
    )


def _type_of(verdict):
    if verdict & HAS_VALUE:
        for type, exclusion in _EXCLUSIONS:
            if not verdict & exclusion:
                return type
    return ColumnType.STRING
