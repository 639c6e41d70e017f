"""Holds the native codec against the reference: whatever one gives, the other must give too."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import product
from types import ModuleType
from typing import Any

import pytest
from codec.conversions import drain

from streamx.codec import reference
from streamx.codec.layout import CsvFormat, Format, Layout, Tally

native = pytest.importorskip("streamx.codec._native", reason="the native codec is not built")

# How much longer than usual the tests with chance in them should run.
ROUNDS = int(os.environ.get("STREAMX_TWIN_ROUNDS", "1"))

Convert = Callable[[bytes | memoryview, Layout, int | None], Generator[Any, None, Tally]]
Case = tuple[bytes, Layout, int | None]
# Output and tally, and the order of the keys left out, which comparing dicts leaves out. Misfits
# have none: whoever shows them goes through the columns.
Facts = tuple[bytes, Tally, list[str]]

# What stands around data in a larger buffer: whoever reads too far will find something there.
_AROUND = b'"\n,{\\\xff' * 20
_MOST_SHOWN_BYTES = 4_000


@contextmanager
def using(instruction_set: str) -> Iterator[None]:
    """Let the native codec use one of its instruction sets."""
    before = native.use(instruction_set)
    try:
        yield
    finally:
        native.use(before)


def facts(
    convert: Convert, data: bytes | memoryview, layout: Layout, limit: int | None = None
) -> Facts:
    """Return all that a conversion gives, but for how its output is cut into parts."""
    output, tally = drain(convert(data, layout, limit))
    return output, tally, list(tally.dropped_keys)


def assert_same(data: bytes, layout: Layout, limit: int | None = None) -> None:
    """Compare one conversion."""
    assert_each_same([(data, layout, limit)])


def assert_all_same(
    data: bytes, layouts: Iterable[Layout], limits: Iterable[int | None] = (None,)
) -> None:
    """Compare the conversions of one input by several layouts and limits."""
    assert_each_same((data, *case) for case in product(layouts, limits))


def assert_each_same(cases: Iterable[Case], *, by_turns: bool = False) -> None:
    """Compare conversions, with every instruction set and from within a larger buffer.

    Args:
        cases: what to convert.
        by_turns: use the instruction sets by turns, where cases are very many and alike.
    """
    cases = list(cases)
    expected = [facts(reference.convert, *case) for case in cases]
    names = native.instruction_sets()
    for index, name in enumerate(names):
        with using(name):  # one for many cases, since each change of it costs time
            for number, (case, facts_expected) in enumerate(zip(cases, expected, strict=True)):
                # Seven keeps step with none of the alphabets that cases are made of.
                if by_turns and number % 7 % len(names) != index:
                    continue
                found = facts(native.convert, *case)
                assert found == facts_expected, _difference(name, found, facts_expected, *case)
    for (data, layout, limit), facts_expected in zip(cases, expected, strict=True):
        found = facts(native.convert, embedded(data), layout, limit)
        assert found == facts_expected, _difference(
            "memoryview", found, facts_expected, data, layout, limit
        )


def assert_same_reading(
    data: bytes, format: Format, width: int = 1, nulls: frozenset[bytes] = frozenset()
) -> None:
    """Compare all that is told of data without converting it, with every instruction set."""
    expected = _reading(reference, data, format, width, nulls)
    for name in native.instruction_sets():
        with using(name):
            found = _reading(native, data, format, width, nulls)
        assert found == expected, f"{name}: {found}, not {expected}: {data!r} {format} {width}"


def _reading(
    codec: ModuleType, data: bytes, format: Format, width: int, nulls: frozenset[bytes]
) -> list[object]:
    """Return boundary, starts of the first records, count of lines, and types or keys."""
    told = [
        codec.last_boundary(data, format),
        *(codec.record_start(data, format, number) for number in range(3)),
        codec.count_lines(data, len(data) // 2),
    ]
    if isinstance(format, CsvFormat):
        types = (
            codec.column_types(data, format, width, nulls, pads_short_records=pads)
            for pads in (False, True)
        )
        return [*told, *types]
    return [*told, *(codec.keys_of(data, flattens=flattens) for flattens in (False, True))]


def embedded(data: bytes) -> memoryview:
    """Return data as a part of a larger buffer, at one of many alignments."""
    start = 1 + len(data) * 7 % 64
    return memoryview(_AROUND[:start] + data + _AROUND)[start : start + len(data)]


def dialect(delimiter: str, quote: str, line_end: str = "\n") -> CsvFormat:
    """Return a format from text."""
    return CsvFormat(delimiter.encode(), quote.encode(), line_end.encode())


def _difference(
    name: str, found: Facts, expected: Facts, data: bytes, layout: Layout, limit: int | None
) -> str:
    lines = [f"{name}, limit {limit}, {layout}", f"{len(data)} bytes: {data[:_MOST_SHOWN_BYTES]!r}"]
    for what, one, other in zip(("output", "tally", "dropped_keys"), found, expected, strict=True):
        if one != other:
            lines += [f"{what} native:    {_around_difference(one, other)}"]
            lines += [f"{what} reference: {_around_difference(other, one)}"]
    return "\n".join(lines)


def _around_difference(value: object, other: object) -> str:
    if not isinstance(value, bytes) or not isinstance(other, bytes):
        return repr(value)
    pairs = enumerate(zip(value, other, strict=False))
    at = next((at for at, (one, two) in pairs if one != two), min(len(value), len(other)))
    return f"{len(value)} bytes, from {max(at - 100, 0)}: {value[max(at - 100, 0) : at + 200]!r}"
