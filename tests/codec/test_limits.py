"""Where a conversion stops: at a number of records, a length, or bytes that are no UTF-8."""

from __future__ import annotations

import pytest
from codec.conversions import (
    CSV,
    JSONL,
    TSV,
    Outcome,
    blocks_of,
    converted,
    json_lines,
    layout_of,
    run_cut,
)

from streamx.codec import convert
from streamx.codec.layout import ColumnType, Layout

CSV_LAYOUTS = [layout_of(CSV, target, ["a", "b"]) for target in (CSV, TSV, JSONL)]
JSON_LAYOUTS = [layout_of(JSONL, CSV, "a"), layout_of(JSONL, JSONL, "a", is_unchanged=False)]


def runs(layout: Layout, data: bytes, limit: int | None = None) -> list[Outcome]:
    """The outcomes of some ways to cut the data; all must be the same."""
    outcomes = [
        run_cut(layout, blocks_of(data, size_bytes), chunk_size_bytes, limit)
        for size_bytes in (1, 7, 100, len(data))
        for chunk_size_bytes in (1, 13, len(data))
    ]
    assert [outcome.facts for outcome in outcomes] == [outcomes[0].facts] * len(outcomes)
    return outcomes


@pytest.mark.parametrize("layout", CSV_LAYOUTS)
@pytest.mark.parametrize("limit", [0, 1, 2, 5, 6, None])
def test_a_limit_is_a_number_of_records(layout: Layout, limit: int | None) -> None:
    data = b'1,"\n"\n\n' * 5
    expected = 5 if limit is None else min(limit, 5)
    output, tally = converted(data, layout, limit)
    assert (tally.records_in, tally.records_out) == (expected, expected)
    assert output == converted(data[: 7 * expected], layout)[0]
    assert runs(layout, data, limit)[0].output == output


@pytest.mark.parametrize(
    ("layout", "good", "bad"),
    [
        (CSV_LAYOUTS[0], b"1,2\n", b"1\n"),
        (CSV_LAYOUTS[2], b"1,2\n", b'"1,2\n'),
        (CSV_LAYOUTS[2], b"1,2\n", b'"1"2,\n'),
        (CSV_LAYOUTS[2], b"1,2\n", b"\xff,2\n"),
        (layout_of(CSV, JSONL, "a", ColumnType.INTEGER, strict_types=True), b"1\n", b"x\n"),
        (JSON_LAYOUTS[0], b'{"a":1}\n', b'{"b":1}\n'),
        (JSON_LAYOUTS[1], b'{"a":1}\n', b"}\n"),
        (JSON_LAYOUTS[1], b'{"a":1}\n', b"{'}\xff\n"),
    ],
)
def test_a_bad_record_behind_the_limit_is_never_seen(
    layout: Layout, good: bytes, bad: bytes
) -> None:
    data = good * 3 + bad + good
    assert runs(layout, data, 3)[0].failure is None
    outcome = runs(layout, data, 4)[0]
    assert outcome.failure is not None
    assert outcome.records_in == 3
    assert outcome.failure.place.line == 4


def test_a_limit_holds_over_many_slices() -> None:
    data = b"".join(b"%d,x\n" % n for n in range(50_000))
    output, tally = converted(data, layout_of(CSV, CSV, "ab"), 12_345)
    assert tally.records_in == 12_345
    assert output.endswith(b"\n12344,x\n")


@pytest.mark.parametrize("layout", CSV_LAYOUTS)
@pytest.mark.parametrize("tail", [b"", b"3,4\n" * 50])
def test_a_record_longer_than_the_longest_is_a_bad_one(layout: Layout, tail: bytes) -> None:
    layout = layout_of(layout.source, layout.target, "ab", max_record_bytes=30)
    for before, filler, after in ((b"1,", b"x", b"\n"), (b'1,"', b"\n", b'"\n')):
        room_bytes = 30 - len(before + after)
        just_fits = b"1,2\n" + before + filler * room_bytes + after
        assert runs(layout, just_fits + tail)[0].failure is None
        outcome = runs(layout, b"1,2\n" + before + filler * (room_bytes + 1) + after + tail)[0]
        assert outcome.records_in == 1
        assert outcome.failure is not None
        assert outcome.failure.place.offset == 4
        assert outcome.failure.found.startswith("a record of more than 30 bytes")


@pytest.mark.parametrize("layout", JSON_LAYOUTS)
def test_a_line_longer_than_the_longest_is_a_bad_one(layout: Layout) -> None:
    layout = layout_of(layout.source, layout.target, "a", max_record_bytes=30)
    for length, is_bad in ((22, False), (23, True), (200, True)):
        data = json_lines('{"a":1}', f'{{"a":"{"x" * (length - 1)}"}}', '{"a":2}')
        outcome = runs(layout, data)[0]
        assert (outcome.failed_at is not None) == is_bad
        if is_bad:
            assert outcome.failed_at == (2, 8, "a record of more than 30 bytes")


@pytest.mark.parametrize("layout", JSON_LAYOUTS)
def test_a_line_of_nothing_but_space_may_not_be_longer_either(layout: Layout) -> None:
    layout = layout_of(layout.source, layout.target, "a", max_record_bytes=30)
    for length, is_bad in ((29, False), (30, True), (200, True)):
        outcome = runs(layout, json_lines('{"a":1}', " " * length, '{"a":2}'))[0]
        assert (outcome.failed_at is not None) == is_bad
        if is_bad:
            assert outcome.failed_at == (2, 8, "a record of more than 30 bytes")


@pytest.mark.parametrize("tail", [b"", b"\n3,4\n", b"\n3,4\n" * 50])
def test_a_long_record_without_quotes_is_not_said_to_be_an_unclosed_one(tail: bytes) -> None:
    layout = layout_of(CSV, JSONL, "ab", max_record_bytes=30)
    _, tally = converted(b"1,2\n" + b"x" * 50 + tail, layout)
    assert tally.bad is not None
    assert tally.bad.found.startswith("a record of more than 30 bytes")
    assert tally.bad.position == 4


@pytest.mark.parametrize("tail", [b"", b"x" * 100, b"x,y\n" * 100])
def test_an_unclosed_quote_is_placed_where_it_opens(tail: bytes) -> None:
    layout = layout_of(CSV, JSONL, "ab", max_record_bytes=30)
    outcome = runs(layout, b'1,2\n"\n\n","' + tail)[0]
    assert outcome.failed_at == (4, 9, "a quoted cell that opens here and is never closed")


@pytest.mark.parametrize(
    "bad", [b"\xff", b"\xc3", b"\xc3(", b"\xed\xa0\x80", b"\xf5\x80", b"\xc0\x80"]
)
@pytest.mark.parametrize("layout", CSV_LAYOUTS)
def test_invalid_utf8_in_csv_is_placed_at_its_first_byte(layout: Layout, bad: bytes) -> None:
    good = "é,€\n".encode()
    outcome = runs(layout, good + b'"\n",x' + bad + b"y\n" + good)[0]
    assert outcome.records_in == 1
    assert outcome.failed_at == (3, len(good) + 5, "bytes that are not UTF-8")


@pytest.mark.parametrize("layout", [*JSON_LAYOUTS, layout_of(JSONL, JSONL, [])])
def test_invalid_utf8_in_json_is_placed_at_its_first_byte(layout: Layout) -> None:
    outcome = runs(layout, b'{"a":"\xc3\xa9"}\n\n{"a":"\xc3"}\n{"a":1}\n')[0]
    assert outcome.records_in == 1
    assert outcome.failed_at == (3, 18, "bytes that are not UTF-8")


def test_the_first_bad_record_is_reported_whatever_is_wrong_with_later_ones() -> None:
    layout = layout_of(CSV, JSONL, "ab", max_record_bytes=20)
    bads = [b"1\n", b"\xff,2\n", b"x" * 50 + b"\n", b'"1"2,3\n']
    for first in bads:
        for second in bads:
            outcome = runs(layout, b"1,2\n" + first + b"3,4\n" + second)[0]
            assert outcome.failure is not None
            assert (outcome.records_in, outcome.failure.place.line) == (1, 2)


def test_a_part_of_output_is_bounded_whatever_the_size_of_the_data() -> None:
    parts = list(convert(b"1,2\n" * 400_000, layout_of(CSV, JSONL, ["a" * 20, "b"])))
    assert len(parts) > 10
    assert max(map(len, parts)) < 1 << 20
    assert all(bytes(part).endswith(b"}\n") for part in parts)
