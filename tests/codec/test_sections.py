"""Sections hold all records of an output, each under the values that it has in some columns."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from codec.conversions import CSV, JSONL, drain, layout_of
from codec.twin_documents import (
    CHANCE,
    DIALECTS,
    csv_document,
    csv_layout,
    json_document,
    json_keys,
    json_layout,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from streamx.codec import CODEC_NAME, convert, reference, sections_of
from streamx.codec.layout import CsvFormat, Layout
from streamx.codec.sections import MISSING, SEPARATOR, Division, SectionReader, section

NAMES = ("a", "b", "c")
TEXTS = st.text(max_size=6) | st.sampled_from(["", "x", '5" pipe', "a,b", "line\nbreak", "\r"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.lists(st.dictionaries(st.sampled_from(["a", "b", 'k"', "é"]), VALUES), max_size=20)
Found = list[tuple[bytes, int, bytes]]
SECTIONS_OF = [sections_of, reference.sections_of] if CODEC_NAME == "native" else [sections_of]
each_codec = pytest.mark.parametrize("sections_of", SECTIONS_OF)


def read(framed: bytes) -> Found:
    return list(SectionReader().take(framed))


def grouped(labels: Sequence[bytes], records: Sequence[bytes]) -> Found:
    """Return the sections that records with some labels make."""
    groups: dict[bytes, list[bytes]] = {}
    for label, record in zip(labels, records, strict=True):
        groups.setdefault(label, []).append(record)
    return [(label, len(own), b"".join(own)) for label, own in groups.items()]


def written(record: Sequence[str], format: CsvFormat) -> bytes:
    """Return a record as the codec writes it."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(record)
    return drain(convert(text.getvalue().encode(), layout_of(CSV, format, NAMES)))[0]


@each_codec
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=20),
    st.sampled_from(DIALECTS),
    st.permutations(NAMES),
    st.integers(1, 3),
)
def test_sections_of_csv_are_the_records_of_each_value(
    sections_of: Callable[..., bytes],
    records: list[tuple[str, str, str]],
    format: CsvFormat,
    order: list[str],
    count: int,
) -> None:
    by = tuple(order[:count])
    lines = [written(record, format) for record in records]
    labels = [
        SEPARATOR.join(record[NAMES.index(name)].encode() for name in by) for record in records
    ]
    found = read(sections_of(b"".join(lines), Division(format, by, NAMES)))
    assert found == grouped(labels, lines)


@each_codec
@settings(max_examples=40, deadline=None)
@given(OBJECTS, st.sampled_from([("a",), ("é", "a"), ('k"',), ("z",)]))
def test_sections_of_jsonl_are_the_records_of_each_value(
    sections_of: Callable[..., bytes], objects: list[dict[str, object]], by: tuple[str, ...]
) -> None:
    lines = [json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in objects]
    labels = [
        SEPARATOR.join(text_of(each[name]) if name in each else MISSING for name in by)
        for each in objects
    ]
    found = read(sections_of(b"".join(lines), Division(JSONL, by)))
    assert found == grouped(labels, lines)


def text_of(value: object) -> bytes:
    """Return what a JSON value is as a cell."""
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@each_codec
def test_a_value_is_told_by_its_text_however_json_writes_it(
    sections_of: Callable[..., bytes],
) -> None:
    lines = [
        rb'{"a":"x"}',
        rb'{"\u0061":"\u0078"}',
        rb'{"b":{"a":"y"},"a" : "x"}',
        rb'{"a":1.50}',
        rb'{"a":"1.50"}',
        rb'{"a":"y","a":"x"}',
        rb'{"a":"y","a" :"x"}',
        rb'{"b":"a","a":"x"}',
        rb'{"b":"\"a\":","a":"x"}',
        b'{"a":\r"x"}',
        rb'{"a":null}',
        rb'{"a":""}',
        rb'{"a":[1, {"b": 2}]}',
    ]
    labels = [*[b"x"] * 3, b"1.50", b"1.50", *[b"x"] * 5, b"", b"", b'[1,{"b":2}]']
    whole = [line + b"\n" for line in lines]
    found = read(sections_of(b"".join(whole), Division(JSONL, ("a",))))
    assert found == grouped(labels, whole)


@each_codec
@settings(max_examples=40, deadline=None)
@given(CHANCE)
def test_without_columns_all_records_are_one_section_that_counts_them(
    sections_of: Callable[..., bytes], chance: random.Random
) -> None:
    output, layout, records = some_output(chance)
    found = read(sections_of(output, Division(layout.target)))
    assert found == [(b"", records, output)]


@pytest.mark.skipif(CODEC_NAME != "native", reason="the native codec is not in use")
@settings(max_examples=150, deadline=None)
@given(CHANCE)
def test_native_sections_are_those_of_the_reference(chance: random.Random) -> None:
    from codec.twins import embedded, native, using

    output, layout, _ = some_output(chance)
    names = tuple(pick.name for pick in layout.picks)
    keys = names or ("a", "b", "x")
    by = tuple(chance.sample(keys, chance.randint(1, len(keys))))
    columns = names if isinstance(layout.target, CsvFormat) else ()
    expected = reference.sections_of(output, Division(layout.target, by, columns))
    for name in native.instruction_sets():
        with using(name):
            found = sections_of(embedded(output), Division(layout.target, by, columns))
        assert read(found) == read(expected)
        assert found == expected


def some_output(chance: random.Random) -> tuple[bytes, Layout, int]:
    """Return an output, how it was made, and how many records it has."""
    if chance.random() < 0.5:
        format, width = chance.choice(DIALECTS), chance.randint(1, 4)
        layout = csv_layout(chance, format, width)
        data = csv_document(chance, format, width)
    else:
        keys = json_keys(chance)
        layout, data = json_layout(chance, keys=keys), json_document(chance, keys)
    output, tally = drain(reference.convert(data, layout))
    return output, layout, tally.records_out


@given(
    st.lists(st.tuples(st.binary(max_size=5), st.integers(1, 9), st.binary(max_size=30))),
    st.lists(st.integers(0, 400)),
)
def test_sections_are_read_whole_wherever_their_bytes_are_cut(
    sections: Found, places: list[int]
) -> None:
    framed = b"".join(section(*each) for each in sections)
    bounds = sorted({0, len(framed), *(place for place in places if place < len(framed))})
    reader, found = SectionReader(), []
    for start, end in pairwise(bounds):
        found += reader.take(framed[start:end])
    assert found == sections


@each_codec
def test_a_record_longer_than_any_that_is_read_has_its_section(
    sections_of: Callable[..., bytes],
) -> None:
    long = b'{"a":"x","b":"' + b"y" * (17 * 1024 * 1024) + b'"}\n'
    found = read(sections_of(long + b'{"a":"x"}\n', Division(JSONL, ("a",))))
    assert [(label, count, len(data)) for label, count, data in found] == [
        (b"x", 2, len(long) + 10)
    ]
