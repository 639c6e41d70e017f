"""The weight of results, roughly what they hold; a part of _native_records.pyx."""

cdef extern from "Python.h":
    # With borrowed references, unlike those that come with Cython.
    bint PyUnicode_Check(PyObject *)
    bint PyList_Check(PyObject *)
    bint PyTuple_Check(PyObject *)
    bint PyDict_Check(PyObject *)
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject *)
    Py_ssize_t PyList_GET_SIZE(PyObject *)
    Py_ssize_t PyTuple_GET_SIZE(PyObject *)
    PyObject *PyList_GET_ITEM(PyObject *, Py_ssize_t)
    PyObject *PyTuple_GET_ITEM(PyObject *, Py_ssize_t)
    bint PyDict_Next(PyObject *, Py_ssize_t *, PyObject **, PyObject **)

cdef enum:
    OBJECT_BYTES = 32
    UNKNOWN_BYTES = 64 * 1024
    MOST_WEIGHED_BYTES = 4 * 1024 * 1024
    MOST_WEIGHED_DEPTH = 100


cpdef Py_ssize_t weight_of(result) except -1:
    """See streamx.codec.reference.weight.weight_of."""
    cdef Py_ssize_t total = 0
    if type(result) is Record:
        values = (<Record>result).given
        if (<Record>result).handed is not None:  # they may be changed in place
            _weigh(<PyObject *>(<Record>result).handed, 0, &total)
        if (<Record>result).only_name is not None:
            _weigh_inner(<PyObject *>(<Record>result).only_value, 0, &total)
            return total
    elif type(result) is ReferenceRecord:
        return reference_weight_of(result)
    else:
        values = result
    if values is None:
        return total
    if not isinstance(values, dict):
        return UNKNOWN_BYTES
    _weigh(<PyObject *>values, 0, &total)
    return total


cdef void _weigh(PyObject *value, int depth, Py_ssize_t *total) noexcept:
    """Add the weight of a value; nothing in here runs other code, so borrowed references will do."""
    cdef Py_ssize_t at = 0
    cdef PyObject *each
    if PyUnicode_Check(value):
        total[0] += PyUnicode_GET_LENGTH(value)
    elif total[0] >= MOST_WEIGHED_BYTES or depth >= MOST_WEIGHED_DEPTH:
        return
    elif PyList_Check(value):
        total[0] += 8 * PyList_GET_SIZE(value)
        for at in range(PyList_GET_SIZE(value)):
            _weigh_inner(PyList_GET_ITEM(value, at), depth, total)
    elif PyTuple_Check(value):
        for at in range(PyTuple_GET_SIZE(value)):
            _weigh_inner(PyTuple_GET_ITEM(value, at), depth, total)
    elif PyDict_Check(value):
        while PyDict_Next(value, &at, NULL, &each):
            _weigh_inner(each, depth, total)


cdef inline void _weigh_inner(PyObject *value, int depth, Py_ssize_t *total) noexcept:
    total[0] += OBJECT_BYTES
    _weigh(value, depth + 1, total)
