"""However a file is cut into ranges, its splits are its records, all of them, in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamx.cluster.splits import Split, SplitPlanner
from streamx.cluster.transition import Transition, transition_of
from streamx.codec.counting import count_records
from streamx.codec.layout import CsvFormat, Format, JsonlFormat
from streamx.codec.reference.slices import scanner_of
from streamx.codec.states import State
from streamx.read.files import InputFile

CSV = CsvFormat()
JSONL = JsonlFormat()
TSV = CsvFormat(delimiter=b"\t", quote=b"'")

csv_texts = st.text(alphabet='ab,"\r\n', max_size=60).map(str.encode)
tsv_texts = st.text(alphabet="a\t'\r\n\"", max_size=60).map(str.encode)
jsonl_texts = st.text(alphabet='{"a \n\r', max_size=60).map(str.encode)
cases = st.one_of(
    st.tuples(csv_texts, st.just(CSV)),
    st.tuples(tsv_texts, st.just(TSV)),
    st.tuples(jsonl_texts, st.just(JSONL)),
)


def record_starts(data: bytes, format: Format) -> list[int]:
    """Return where the records of a whole text start, blank ones too."""
    scanner = scanner_of(format)
    starts, position = [], 0
    while position < len(data):
        starts.append(position)
        position = scanner.next_boundary(data, position)
    return starts


def transitions(
    data: bytes, format: Format, range_bytes: int, block_bytes: int
) -> list[Transition]:
    ranges = [data[at : at + range_bytes] for at in range(0, len(data), range_bytes)]
    return [
        transition_of(
            [part[at : at + block_bytes] for at in range(0, len(part), block_bytes)], format
        )
        for part in ranges
    ]


def splits_of(data: bytes, format: Format, range_bytes: int, block_bytes: int) -> list[Split]:
    planner = SplitPlanner(InputFile("/in", "in", len(data), "0"), 0, offset=0, line=1)
    found = [planner.add(each) for each in transitions(data, format, range_bytes, block_bytes)]
    return [split for split in (*found, planner.end()) if split is not None]


@given(cases, st.integers(1, 20), st.integers(1, 7))
def test_the_splits_of_any_text_are_its_records_for_any_size(
    case: tuple[bytes, Format], range_bytes: int, block_bytes: int
) -> None:
    data, format = case
    splits = splits_of(data, format, range_bytes, block_bytes)
    starts = record_starts(data, format)
    # A range has a split if a record starts in it, and then from its first one on.
    first_in_ranges = {start // range_bytes: start for start in reversed(starts)}
    assert [split.offset for split in splits] == sorted(first_in_ranges.values())
    assert [split.number for split in splits] == list(range(len(splits)))
    cut = [data[split.offset : split.offset + (split.size_bytes or 0)] for split in splits]
    assert b"".join(cut) == data
    for split in splits:
        assert split.line == data.count(b"\n", 0, split.offset) + 1


@given(cases, st.integers(1, 20), st.integers(1, 7))
def test_the_records_of_any_text_are_counted_for_any_size(
    case: tuple[bytes, Format], range_bytes: int, block_bytes: int
) -> None:
    data, format = case
    state, offset, records = State.AT_RECORD, 0, 0
    for transition in transitions(data, format, range_bytes, block_bytes):
        lane = transition.lanes[state]
        if lane.first_start is not None:
            start = offset + lane.first_start
            assert records + lane.records_before == count_records(data[:start], format)
        state, offset, records = lane.state, offset + transition.size_bytes, records + lane.records
    whole = scanner_of(format).last_boundary(data)
    assert records == count_records(data[:whole], format)


def test_a_record_longer_than_several_ranges_is_one_split() -> None:
    data = b'1,"' + b"\n" * 50 + b'"\n2,x\n'
    first, second = splits_of(data, CSV, 10, 4)
    assert (first.offset, first.size_bytes, first.line) == (0, 55, 1)
    assert (second.offset, second.line) == (55, 52)


def test_a_quote_within_a_cell_opens_nothing() -> None:
    data = b'1,5" pipe\n2,3" pipe\n' * 3
    assert len(splits_of(data, CSV, 10, 10)) == 6


@pytest.mark.parametrize("format", [CSV, JSONL])
def test_nothing_has_no_splits(format: Format) -> None:
    assert splits_of(b"", format, 8, 8) == []
