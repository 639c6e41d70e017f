# cython: language_level=3
"""Calls a function with many records in one loop; the twin of one_function.call_each."""

from libc.stdint cimport int64_t
from posix.time cimport clock_gettime, clockid_t, timespec

from streamx.codec._native_records cimport weight_of

cdef extern from *:
    """
    #include <time.h>
    /* Exact to some milliseconds, which is enough here, and read without the processor's counter:
       the exact clock takes a tenth of the time of a simple function. */
    #ifdef CLOCK_MONOTONIC_COARSE
    #define ROUGH_CLOCK CLOCK_MONOTONIC_COARSE
    #else
    #define ROUGH_CLOCK CLOCK_MONOTONIC
    #endif
    """
    clockid_t ROUGH_CLOCK


def call_each(function, list items, Py_ssize_t start, list group, others, cells, tuple bounds):
    """See streamx.transform.one_function.call_each."""
    cdef int64_t[::1] position_cell = cells[0], index_cell = cells[1]
    cdef int64_t *noted = &position_cell[0]
    cdef int64_t *at = &index_cell[0]
    cdef Py_ssize_t most_records = bounds[0]
    cdef Py_ssize_t most_bytes = bounds[1]
    cdef double due = _now() + <double>bounds[2]
    cdef Py_ssize_t index, size_bytes = 0
    cdef tuple item
    for index in range(start, len(items)):
        item = items[index]
        record, position = item
        noted[0] = position
        at[0] = index
        result = function(record)
        if result is record:
            group.append(item)
            size_bytes += weight_of(result)
        elif type(result) is dict:
            group.append(((<dict>result).copy(), position))
            size_bytes += weight_of(result)
        elif result is not None:
            size_bytes += others(result, position, group)
        items[index] = None
        if size_bytes >= most_bytes or len(group) >= most_records or _now() > due:
            return index + 1
    return len(items)


cdef double _now() noexcept:
    cdef timespec time
    clock_gettime(ROUGH_CLOCK, &time)
    return time.tv_sec + 1e-9 * time.tv_nsec
