"""Output that grows, and values of user code written to it; a part of _native_encode.pyx."""

cdef enum:
    LONGEST_NUMBER_BYTES = 32
    MOST_DECIMALS = 6  # that are tried

cdef double[MOST_DECIMALS + 1] _POWERS = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6]
cdef double _MOST_EXACT = 1e15  # fewer digits than a double keeps


cdef class _Buffer:
    """Memory that grows, always with PADDING_BYTES behind what was reserved."""

    cdef uint8_t *bytes
    cdef size_t used, capacity

    def __dealloc__(self):
        free(self.bytes)

    cdef int reserve(self, size_t size) except -1:
        """Make room for more bytes."""
        cdef size_t needed = self.used + size + PADDING_BYTES
        cdef uint8_t *bytes
        if needed > self.capacity:
            needed = max(needed, 2 * self.capacity)
            bytes = <uint8_t *>realloc(self.bytes, needed)
            if bytes == NULL:
                raise MemoryError
            self.bytes, self.capacity = bytes, needed
        return 0


@cython.final
cdef class _Output(_Buffer):
    """Output of a group.

    Attributes:
        kept: what is to be reserved beside a value: all fields of its record.
        csv: the target's dialect, if it is CSV.
    """

    cdef size_t kept
    cdef sx_csv csv
    cdef _Buffer scratch

    def __cinit__(self, target):
        self.scratch = _Buffer()
        if isinstance(target, CsvFormat):
            self.csv = _csv(target)

    cdef bint put_cell(self, value, name) except -1:
        """Write a value as a cell, as its JSON would become one."""
        cdef uint8_t[LONGEST_NUMBER_BYTES + PADDING_BYTES] number
        cdef size_t length = 0
        cdef const char *text
        cdef Py_ssize_t size
        if value is None:
            return True
        if type(value) is int:
            length = _integer(value, number)
        elif type(value) is float:
            length = _float(value, number)
        if length > 0:
            self.put_text_as_cell(number, length)
            return True
        if type(value) is str:
            try:
                text = PyUnicode_AsUTF8AndSize(value, &size)
            except UnicodeEncodeError:
                return False
            self.pad(text, size)
        else:
            try:
                raw = cell_value(json_of(value, name))
            except EncodeError:
                return False
            self.put_bytes_as_cell(raw)
            return True
        self.put_text_as_cell(self.scratch.bytes, self.scratch.used)
        return True

    cdef int put_bytes_as_cell(self, bytes text) except -1:
        """Write a text without padding as a cell."""
        self.pad(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
        return self.put_text_as_cell(self.scratch.bytes, self.scratch.used)

    cdef int put_line_end(self, size_t start, Py_ssize_t width) except -1:
        """End a CSV record; a lone empty cell must not leave a blank line."""
        if self.used == start and width == 1:
            self.put_byte(self.csv.quote)
            self.put_byte(self.csv.quote)
        self.put_byte(self.csv.line_end[0])
        if self.csv.line_end_length > 1:
            self.put_byte(self.csv.line_end[1])
        return 0

    cdef int put_text_as_cell(self, const uint8_t *text, size_t length) except -1:
        """Write a text with padding as a cell."""
        cdef uint8_t *out
        self.reserve(self.kept + 2 * length + 3)
        out = self.bytes + self.used
        self.used = _kernel.rows.text_to_cell(out, text, length, &self.csv) - self.bytes
        return 0

    cdef bint put_value(self, value, name) except -1:
        """Write a value as JSON, and leave as much room as before; False if JSON has no such value."""
        cdef uint8_t *out
        cdef size_t length = 0
        self.reserve(self.kept + LONGEST_NUMBER_BYTES)
        out = self.bytes + self.used
        if type(value) is int:
            length = _integer(value, out)
        elif value is None:
            length = 4
            memcpy(out, b"null", length)
        elif type(value) is str:
            return self.put_string(value)
        elif type(value) is float:
            length = _float(value, out)
        if length > 0:
            self.used += length
            return True
        try:
            raw = json_of(value, name)
        except EncodeError:
            return False
        length = PyBytes_GET_SIZE(raw)
        self.reserve(self.kept + length)
        memcpy(self.bytes + self.used, PyBytes_AS_STRING(raw), length)
        self.used += length
        return True

    cdef bint put_string(self, str value) except -1:
        cdef Py_ssize_t size
        cdef const char *text
        try:
            text = PyUnicode_AsUTF8AndSize(value, &size)
        except UnicodeEncodeError:
            return False
        self.pad(text, size)
        self.reserve(self.kept + LONGEST_ESCAPE_BYTES * size + 2)
        self.used += _kernel.json_string(self.bytes + self.used, self.scratch.bytes, size)
        return True

    cdef int pad(self, const char *text, size_t length) except -1:
        """Copy a text to where one may read behind it."""
        self.scratch.used = 0
        self.scratch.reserve(length)
        memcpy(self.scratch.bytes, text, length)
        memset(self.scratch.bytes + length, 0, PADDING_BYTES)
        self.scratch.used = length
        return 0

    cdef int put_text(self, sx_text text) except -1:
        self.reserve(self.kept + text.length)
        memcpy(self.bytes + self.used, text.bytes, text.length)
        self.used += text.length
        return 0

    cdef int put_bytes(self, bytes text) except -1:
        self.reserve(self.kept + PyBytes_GET_SIZE(text))
        memcpy(self.bytes + self.used, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
        self.used += PyBytes_GET_SIZE(text)
        return 0

    cdef void put_byte(self, uint8_t byte) noexcept:
        """Write a byte; PADDING_BYTES are room for some."""
        self.bytes[self.used] = byte
        self.used += 1


cdef size_t _integer(value, uint8_t *out) except? 0:
    """Write an int of up to 64 bits; return its length, or 0 for others."""
    cdef int overflow = 0
    cdef int64_t number = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow != 0:
        return 0
    if number < 0:
        out[0] = b"-"
        return 1 + _digits(-<uint64_t>number, out + 1)
    return _digits(number, out)


cdef size_t _digits(uint64_t number, uint8_t *out) noexcept:
    cdef uint8_t[20] reversed
    cdef size_t count = 0, index
    while True:
        reversed[count] = <uint8_t>(48 + number % 10)
        number //= 10
        count += 1
        if number == 0:
            break
    for index in range(count):
        out[index] = reversed[count - 1 - index]
    return count


@cython.cdivision(True)
cdef size_t _float(double value, uint8_t *out) noexcept:
    """Write a float of few decimals, such as people write; return its length, or 0 for others.

    Of 15 digits or fewer no two decimals are the same double, so the first found is the shortest.
    """
    cdef double size = fabs(value), digits
    cdef size_t decimals = 0, length = 0
    cdef uint64_t power
    if not (size == 0 or 1e-4 <= size < _MOST_EXACT):
        return 0
    for decimals in range(MOST_DECIMALS + 1):
        digits = nearbyint(size * _POWERS[decimals])
        if digits < _MOST_EXACT and digits / _POWERS[decimals] == size:
            break
    else:
        return 0
    if signbit(value):
        out[0] = b"-"
        length = 1
    power = <uint64_t>_POWERS[decimals]
    length += _digits(<uint64_t>digits // power, out + length)
    out[length] = b"."
    if decimals == 0:
        out[length + 1] = b"0"
        return length + 2
    # The 1 before the fraction keeps its zeros, and is overwritten by the point.
    _digits(power + <uint64_t>digits % power, out + length)
    out[length] = b"."
    return length + 1 + decimals
