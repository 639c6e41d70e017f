"""Records that nobody changed become what a conversion makes of them, and the same are refused."""

from __future__ import annotations

import random
import sys
from dataclasses import replace

import pytest
from codec.conversions import CSV, JSONL, TSV, converted, json_lines, layout_of
from codec.readers import with_each_reader
from codec.test_csv_records import documents
from codec.test_shapes import objects
from codec.twin_documents import (
    CHANCE,
    DIALECTS,
    csv_document,
    csv_layout,
    json_document,
    json_keys,
    json_layout,
    limit,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from streamx.codec import record_start, records
from streamx.codec.encode import Encoder
from streamx.codec.layout import ColumnType, CsvFormat, Format, Layout, Tally
from streamx.codec.record import Record
from streamx.codec.uniform import reference_of

reader = with_each_reader(sys.modules[__name__])

TARGETS: list[Format] = [JSONL, JSONL, JSONL, CSV, TSV, *DIALECTS]
thoroughly = settings(max_examples=150, deadline=None)


def encoder_of(layout: Layout) -> Encoder:
    """Return the encoder that does what a conversion by a layout does."""
    extra = "ignore" if layout.ignores_extra_keys else "drop" if layout.drops_extra_keys else None
    return Encoder(
        layout.target,
        tuple(pick.name for pick in layout.picks),
        extra_keys=extra or "error",
        strict_types=layout.strict_types,
    )


def passed_through(data: bytes, layout: Layout, limit: int | None = None) -> tuple[bytes, Tally]:
    """Take records apart and encode them again, as a run does around a function."""
    encoder, batches = encoder_of(layout), records(data, layout, limit)
    output, tally = b"", Tally()
    while tally.bad is None:
        try:
            batch = next(batches)
        except StopIteration as stop:
            tally.add(stop.value, 0)
            break
        output += encoder.encode(batch, tally)
    else:
        tally.records_in = tally.records_out
    return output, tally


def assert_same(data: bytes, layout: Layout, limit: int | None = None) -> None:
    expected_output, expected = converted(data, layout, limit)
    output, found = passed_through(data, layout, limit)
    assert output == expected_output
    if expected.bad is not None:
        found.blank_lines = expected.blank_lines  # after a refused result they do not matter
    assert found == expected


@given(CHANCE, st.sampled_from(DIALECTS), st.integers(1, 5))
@thoroughly
def test_untouched_cells_become_what_a_conversion_makes_of_them(
    chance: random.Random, format: CsvFormat, width: int
) -> None:
    data = csv_document(chance, format, width)
    assert_same(data, csv_layout(chance, format, width, chance.choice(TARGETS)), limit(chance))


@given(documents(), CHANCE)
@thoroughly
def test_any_soup_of_csv_is_taken_and_refused_alike(
    document: tuple[bytes, CsvFormat, int], chance: random.Random
) -> None:
    data, format, width = document
    assert_same(data, csv_layout(chance, format, width, chance.choice(TARGETS)), limit(chance))


def objects_layout(chance: random.Random, target: Format, keys: list[str]) -> Layout:
    """Return a layout as operations make it, for objects."""
    layout = replace(json_layout(chance, target, keys), flattens=False, is_unchanged=False)
    if isinstance(target, CsvFormat):
        names = [column.name for column in layout.columns]
        picks = tuple(replace(pick, name=names[pick.index]) for pick in layout.picks)
        is_open = not layout.ignores_extra_keys
        layout = replace(layout, picks=picks, passes_unknown_keys=is_open)
    return layout


@given(CHANCE)
@thoroughly
def test_untouched_values_become_what_a_conversion_makes_of_them(chance: random.Random) -> None:
    keys = json_keys(chance)
    data = json_document(chance, keys)
    assert_same(data, objects_layout(chance, chance.choice(TARGETS), keys), limit(chance))


@given(st.lists(objects(), max_size=6).map(b"\n".join), CHANCE)
@thoroughly
def test_any_objects_are_taken_and_refused_alike(data: bytes, chance: random.Random) -> None:
    assert_same(data, objects_layout(chance, chance.choice(TARGETS), ["a"]), limit(chance))


@given(CHANCE)
@thoroughly
def test_an_untouched_line_keeps_its_bytes(chance: random.Random) -> None:
    data = json_document(chance, json_keys(chance))
    output, tally = passed_through(data, Layout(JSONL, JSONL))
    objects_only = Layout(JSONL, JSONL, is_unchanged=False, passes_unknown_keys=True)
    assert tally.bad == converted(data, objects_only)[1].bad
    assert converted(data, Layout(JSONL, JSONL))[0].startswith(output)
    assert output.count(b"\n") == tally.records_out


@given(CHANCE, st.sampled_from(DIALECTS), st.integers(1, 5))
@thoroughly
def test_a_position_is_where_the_record_starts(
    chance: random.Random, format: CsvFormat, width: int
) -> None:
    data = csv_document(chance, format, width)
    layout = csv_layout(chance, format, width, format)
    places = [position for batch in records(data, layout) for _, position in batch]
    assert places == [record_start(data, format, number) for number in range(len(places))]


def test_positions_count_from_the_start_of_the_data_beyond_a_slice() -> None:
    data = b"12345\r\n" * 20_000 + b"\r\n\n12345"
    batches = list(records(data, layout_of(CSV, CSV, ["a"])))
    assert len(batches) > 3
    places = [position for batch in batches for _, position in batch]
    assert places == [*range(0, 140_000, 7), 140_003]


@pytest.mark.parametrize("is_flat", [True, False])
def test_positions_in_jsonl_pass_over_blank_lines(is_flat: bool) -> None:
    value = "1" if is_flat else "[1]"
    data = json_lines(f'{{"a":{value}}}', "", " \r", f'{{"a":{value}}}')
    [batch] = records(data, Layout(JSONL, JSONL))
    assert [position for _, position in batch] == [0, data.rindex(b"{")]


def test_the_tally_counts_records_and_blank_lines_and_has_the_bad_one() -> None:
    reading = records(b"1\n\n2\n3,4\n5\n", layout_of(CSV, CSV, ["a"]))
    batch = next(reading)
    assert [dict(record) for record, _ in batch] == [{"a": "1"}, {"a": "2"}]
    with pytest.raises(StopIteration) as stop:
        next(reading)
    tally = stop.value.value
    assert (tally.records_in, tally.blank_lines, tally.bad.position) == (2, 1, 5)


def test_a_misfit_is_text_and_no_business_of_the_reader() -> None:
    layout = layout_of(CSV, JSONL, ["a"], ColumnType.INTEGER, strict_types=True)
    [batch] = records(b"1\nx\n", layout)
    assert [record["a"] for record, _ in batch] == [1, "x"]


CHANGES = st.tuples(
    st.sampled_from(["set", "delete", "merge"]),
    st.sampled_from(["a", "b", 'c,"', "new", "\ud800"]),
    st.sampled_from([1, 1.5, None, True, "x", 'a "\n', [1, "a"], float("nan"), b"", 2**70]),
    st.sampled_from([1, 1, 1, 2, 3]),
)


def change(record: Record, changes: list[tuple[str, str, object, int]], number: int) -> Record:
    """Apply changes, each to every record or to every second or third."""
    for kind, name, value, every in changes:
        if number % every:
            continue
        if kind == "set":
            record[name] = value
        elif kind == "delete":
            record.pop(name, None)
        else:
            record = {name: value} | record
    return record


@given(CHANCE, st.lists(CHANGES, max_size=3), st.sampled_from([CSV, TSV, JSONL]), st.booleans())
@thoroughly
def test_results_become_the_same_by_columns_or_one_by_one(
    chance: random.Random,
    changes: list[tuple[str, str, object, int]],
    target: Format,
    is_csv: bool,
) -> None:
    if is_csv:
        data, layout = csv_document(chance, CSV, 3), csv_layout(chance, CSV, 3, target)
    else:
        data = json_document(chance, ["a", "b"])
        layout = objects_layout(chance, target, ["a", "b"])
    encoder = encoder_of(layout)
    for batch in records(data, layout):
        results = [(change(record, changes, n), place) for n, (record, place) in enumerate(batch)]
        for each in (results, [(dict(result), place) for result, place in results]):
            natively, together, apart = Tally(), Tally(), Tally()
            output = encoder.encode(each, natively)
            known = [(reference_of(result), place) for result, place in each]
            assert encoder._by_python(known, together) == output
            assert encoder._encoder.one_by_one(known, apart) == output
            assert natively == together == apart
