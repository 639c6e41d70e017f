"""A conversion under way, and the memory that its parts are views of; a part of _native.pyx."""

cdef enum:
    PART_BYTES = 512 * 1024  # large beside what it costs to hand it on, small beside a cache
    MOST_SPARE = 16
    NEAR_BYTES = 1024  # between odd records for the next ones to be taken for odd, too
    MOST_ODD_BYTES = 256 * 1024

cdef uint8_t *_spare[MOST_SPARE]
cdef size_t _spare_count = 0


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
        self._odd = Tally()
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
        """Take some records apart, for the caller to release; NULL if the next is odd, or there is none."""
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
        """Return the odd records at hand, maybe more than one where they may be good ones.

        Those are short ones that get padded, and what the kernel cannot compute of a program. Most of
        their neighbours are odd then, too. Together they take the reference a tenth of the time.
        """
        cdef size_t start = sx_odd_start(self._state.pointer)
        cdef size_t end = sx_odd_end(self._state.pointer)
        cdef size_t taken = 0
        cdef const sx_csv *csv
        if self._compiled.may_find_good_odd():
            if self._odd_end > 0 and start - self._odd_end <= NEAR_BYTES:
                taken = min(2 * self._odd_bytes, <size_t>MOST_ODD_BYTES)
            self._odd_bytes = max(taken, end - start)
            taken = min(taken, self._view.length - start)
            csv = &self._compiled.layout.source if self._compiled.layout.is_from_csv else NULL
            taken = _kernel.last_boundary(csv, self._view.start + start, taken)
            end = max(end, start + taken)
        self._odd_end = end
        return self._view.start[start:end]

    cdef bint pass_odd(self, tally, take) except -1:
        """Go on behind odd records, of which the reference has given an account.

        Returns:
            Whether one of them was a bad one that was taken; what is behind that is yet to be read.
        """
        cdef size_t start = sx_odd_start(self._state.pointer)
        bad = None if take is None else tally.bad
        self._odd_records += tally.records_in
        self._odd_output += tally.records_out
        if bad is not None:
            tally.bad = None
            good = sx_tally_of(self._state.pointer).records + self._odd_records
            self._odd_end = take(bad.moved(start), good)
            self._odd_bytes = 0  # what was handed over behind it has to be read again
        self._odd.add(tally, start)
        self.is_finished = tally.bad is not None
        _kernel.pass_odd(self._state.pointer, self._odd_end, tally.records_in, tally.records_out)
        return bad is not None

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
        total.add(self._odd, 0)
        return total

    cdef object _own_tally(self):
        cdef const sx_tally *own = sx_tally_of(self._state.pointer)
        cdef const sx_dropped_key *dropped
        total = Tally(own.records, own.records - own.left_out, own.blank_lines)
        total.dropped_values = own.dropped_values
        if own.padded > 0:
            total.note_padded(own.padded, own.first_padded)
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
