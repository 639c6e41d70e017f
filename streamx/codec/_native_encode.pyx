# cython: language_level=3
"""Encodes results of user code natively: fields as they came by the kernel, values by what is here.

This takes groups of native records and of dicts of which nothing is to be said but misfits. Any other
group is left to the Python encoders, whole, so that they alone say what is wrong with a result.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.object cimport PyObject
from libc.math cimport fabs, isfinite, nearbyint, signbit
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcpy, memset

from streamx.codec._kernel cimport *
from streamx.codec._native cimport _Compiled, _State, _csv, _kernel, json_string
from streamx.codec._native_records cimport JsonShape, Record, Shape, compiled_of, layout_of

from streamx.codec.json_values import EncodeError, json_of
from streamx.codec.layout import CsvFormat
from streamx.codec.reference.json_records import cell_value

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object, Py_ssize_t *) except NULL

cdef enum:
    MOST_WRITERS = 32  # one for each shape of records
    MOST_KEPT_BYTES = 4 * 1024 * 1024  # of output, for the next group

include "_native_output.pxi"
include "_native_writers.pxi"


cdef class Encoder:
    """Writes groups of usual results; see streamx.codec.encode.Encoder."""

    cdef object _target
    cdef bint _is_csv, _strict_types, _ignores_extra
    cdef tuple _columns
    cdef dict _column_of
    cdef dict _writers
    cdef Shape _last_shape
    cdef _Writer _last_writer
    cdef _Output _out

    def __cinit__(self, target, tuple columns, bint ignores_extra, bint strict_types):
        self._target = target
        self._is_csv = isinstance(target, CsvFormat)
        self._strict_types = strict_types
        self._ignores_extra = ignores_extra
        self._columns = columns
        self._column_of = {name: index for index, name in enumerate(columns)}
        self._writers = {}
        self._out = _Output(target)

    def encode(self, list results, tally):
        """Return the results as output, and add to the tally; None if they are left to others."""
        cdef uint64_t position, before = 0
        self._out.used = 0
        try:
            for result, place in results:
                position = place
                if position < before or not self._put_result(result, position):
                    self._forget_misfits()
                    return None
                before = position
        except:
            self._forget_misfits()
            raise
        for writer in self._writers.values():
            for misfit in (<_Writer>writer).take_misfits():
                tally.note_misfits(*misfit)
        tally.records_out += len(results)
        output = <bytes>(<char *>self._out.bytes)[: self._out.used]
        if self._out.capacity + self._out.scratch.capacity > MOST_KEPT_BYTES:
            self._out = _Output(self._target)
        return output

    cdef int _forget_misfits(self) except -1:
        for writer in self._writers.values():
            (<_Writer>writer).take_misfits()
        return 0

    cdef bint _put_result(self, result, uint64_t position) except -1:
        """Write a result; False if it is not usual."""
        self._out.kept = 0
        if type(result) is Record:
            if self._is_csv:
                return self._put_record_as_csv(result)
            return self._put_record_as_json(result, position)
        if type(result) is not dict:
            return False
        return self._put_dict_as_csv(result) if self._is_csv else self._put_dict_as_json(result)

    cdef _Writer _writer_of(self, Shape shape):
        """Return what writes records of a shape; None where that is left to others."""
        if shape is self._last_shape:
            return self._last_writer
        found = PyDict_GetItemWithError(self._writers, shape)
        if found != NULL:
            self._last_shape, self._last_writer = shape, <object>found
            return <object>found
        if len(self._writers) >= MOST_WRITERS or len(self._column_of) < len(self._columns):
            return None
        writer = self._made_writer(shape)
        if writer is not None:
            self._writers[shape] = writer
        return writer

    cdef _Writer _made_writer(self, Shape shape):
        if isinstance(shape, JsonShape):
            return _JsonWriter(shape, self._columns)
        compiled = compiled_of(layout_of(shape.fields, self._target, self._strict_types))
        return None if compiled is None else _CsvWriter(shape, self._columns, compiled)

    cdef bint _put_record_as_json(self, Record record, uint64_t position) except -1:
        cdef _Writer writer = self._writer_of(record.shape)
        cdef size_t index, first = 0, count = record.shape.count
        cdef Py_ssize_t found
        cdef bint sets_known = False
        if writer is None:
            return False
        if record.handed is not None:
            record.settle()
        self._out.kept = writer.room(record)
        self._out.reserve(self._out.kept)
        if not record.is_changed() and writer.put_line(record, self._out):
            return True
        if not writer.has_labels(record):
            return False
        if record.order is not None or count == 0:
            return self._put_ordered_as_json(record, writer, position)
        if record.only_name is not None:
            return self._put_one_set_as_json(record, writer, position)
        if record.given is not None:
            memset(writer.marks, 0, count)
            for name in record.given:
                found = record.shape.find(name)
                if found >= 0:
                    writer.marks[found] = sets_known = True
        if sets_known:
            for index in range(count):
                if not writer.marks[index]:
                    continue
                name = record.shape.names[index]
                if not self._put_fields(record, writer, first, index, position):
                    return False
                self._out.put_text(writer.label(index))
                if not self._out.put_value(record.given[name], name):
                    return False
                first = index + 1
        if not self._put_fields(record, writer, first, count, position):
            return False
        if record.added:
            for name, value in record.given.items():
                if record.shape.find(name) < 0 and not self._put_pair(name, value, b","):
                    return False
        self._out.put_byte(b"}")
        self._out.put_byte(b"\n")
        return True

    cdef bint _put_one_set_as_json(
        self, Record record, _Writer writer, uint64_t position
    ) except -1:
        """Write a record of which a single field was set."""
        cdef size_t count = record.shape.count, before = count, behind = count
        cdef bytes label
        if record.only_index >= 0:
            before, behind = record.only_index, record.only_index + 1
        if not self._put_fields(record, writer, 0, before, position):
            return False
        if record.only_index >= 0:
            self._out.put_text(writer.label(before))
        else:
            label = writer.new_label(record.only_name)
            if label is None:
                return False
            self._out.put_bytes(label)
        if not self._out.put_value(record.only_value, record.only_name):
            return False
        if not self._put_fields(record, writer, behind, count, position):
            return False
        self._out.put_byte(b"}")
        self._out.put_byte(b"\n")
        return True

    cdef bint _put_ordered_as_json(
        self, Record record, _Writer writer, uint64_t position
    ) except -1:
        """Write a record of which fields were deleted, name by name."""
        cdef size_t start
        cdef Py_ssize_t index
        cdef uint8_t before = b"{"
        cdef dict given = record.all_given()
        for name, is_untouched in record._states().items():
            if is_untouched:
                start = self._out.used
                index = record.shape.find(name)
                if not self._put_fields(record, writer, index, index + 1, position):
                    return False
                self._out.bytes[start] = before
            elif not self._put_pair(name, given[name], before):
                return False
            before = b","
        if before == b"{":
            self._out.put_byte(b"{")
        self._out.put_byte(b"}")
        self._out.put_byte(b"\n")
        return True

    cdef bint _put_fields(
        self, Record record, _Writer writer, size_t first, size_t last, uint64_t position
    ) except -1:
        """Write fields as they came, for which there is room; False for what others must judge."""
        cdef uint8_t *out = self._out.bytes + self._out.used
        if first == last:
            return True
        out = writer.put_fields(record, first, last, position, out)
        if out == NULL:
            return False
        self._out.used = out - self._out.bytes
        return True

    cdef bint _put_dict_as_json(self, dict result) except -1:
        cdef uint8_t before = b"{"
        for name, value in result.items():
            if not self._put_pair(name, value, before):
                return False
            before = b","
        self._out.reserve(3)
        if before == b"{":
            self._out.put_byte(b"{")
        self._out.put_byte(b"}")
        self._out.put_byte(b"\n")
        return True

    cdef bint _put_pair(self, name, value, uint8_t before) except -1:
        self._out.reserve(self._out.kept + 1)
        self._out.put_byte(before)
        if type(name) is not str or not self._out.put_string(name):
            return False
        self._out.put_byte(b":")
        return self._out.put_value(value, name)

    cdef bint _put_record_as_csv(self, Record record) except -1:
        cdef _Writer writer = self._writer_of(record.shape)
        cdef Py_ssize_t index, pick, width = len(self._columns), shown = 0
        cdef size_t start = self._out.used
        cdef dict given
        if writer is None or width == 0:
            return False
        if record.handed is not None:
            record.settle()
        self._out.kept = writer.room(record) + 2 * width + 16
        self._out.reserve(self._out.kept)
        memset(writer.marks, 0, width)
        given = record.all_given()
        if given is not None:
            for name in given:
                found = PyDict_GetItemWithError(self._column_of, name)
                if found != NULL:
                    writer.marks[<Py_ssize_t><object>found] = True
        for index in range(width):
            if index > 0:
                self._out.put_byte(self._out.csv.delimiter)
            pick = writer.pick_of[index]
            name = self._columns[index]
            if writer.marks[index]:
                shown += 1
                if not self._out.put_cell(given[name], name):
                    return False
            elif pick >= 0 and (record.order is None or name in record.order):
                shown += 1
                writer.put_cell(record, pick, index, width, self._out)
        self._out.put_line_end(start, len(self._columns))
        return self._ignores_extra or shown == len(record)

    cdef bint _put_dict_as_csv(self, dict result) except -1:
        cdef size_t start = self._out.used
        cdef Py_ssize_t shown = 0
        if not self._columns or len(self._column_of) < len(self._columns):
            return False
        self._out.kept = 2 * len(self._columns) + 16
        self._out.reserve(self._out.kept)
        for index, name in enumerate(self._columns):
            if index > 0:
                self._out.put_byte(self._out.csv.delimiter)
            value = PyDict_GetItemWithError(result, name)
            if value != NULL:
                shown += 1
                if not self._out.put_cell(<object>value, name):
                    return False
        self._out.put_line_end(start, len(self._columns))
        return self._ignores_extra or shown == len(result)
