"""The head of an input: byte order mark, lines to skip, names of columns, and the sample."""

from __future__ import annotations

import pytest
from codec.conversions import CSV, JSONL, TSV, json_lines, run_recipe
from hypothesis import given, settings
from hypothesis import strategies as st

from streamx.codec.head import (
    SAMPLE_BYTES,
    SAMPLE_RECORDS,
    first_record,
    preamble_end,
    sample_end,
    unique_names,
)
from streamx.codec.layout import BYTE_ORDER_MARK, Format
from streamx.errors import BadRecordError
from streamx.transform.plan import Recipe
from streamx.transform.resolve import resolve


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["a", "b"], ["a", "b"]),
        (["x", "x", "x"], ["x", "x_2", "x_3"]),
        (["", ""], ["column_1", "column_2"]),
        (["x", "x_2", "x"], ["x", "x_2", "x_3"]),
        (["x", "x", "x_2"], ["x", "x_3", "x_2"]),
        (["column_2", ""], ["column_2", "column_2_2"]),
        (["", "column_1"], ["column_1_2", "column_1"]),
        (
            ["", "x", "x", "column_1_2", "column_1"],
            ["column_1_3", "x", "x_2", "column_1_2", "column_1"],
        ),
        (["a", " a", "A"], ["a", " a", "A"]),
    ],
)
def test_empty_and_repeated_names_are_made_unique(texts: list[str], names: list[str]) -> None:
    given_names, warnings = unique_names(texts)
    assert list(given_names) == names
    assert len(warnings) == sum(a != b for a, b in zip(texts, names, strict=True))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(["", "x", "x_2", "x_3", "x_2_2", "column_1", "column_2"])))
def test_names_are_unique_whatever_the_header_holds(texts: list[str]) -> None:
    names, _ = unique_names(texts)
    assert len(set(names)) == len(names)
    assert "" not in names
    for name, text in zip(names, texts, strict=True):
        if text and texts.count(text) == 1:
            assert name == text


def test_renamed_columns_are_warned_of_and_written() -> None:
    resolution = resolve(Recipe(CSV, CSV), b'"a",,a,"a,"\n', "end", "in.csv")
    assert resolution is not None
    assert resolution.plan.header == b'"a",column_2,a_2,"a,"\n'
    assert resolution.warnings == (
        "in.csv: column 2 has no name in the header and is called 'column_2'",
        "in.csv: columns 1 and 3 are both named 'a'; column 3 is called 'a_2'",
    )


def test_a_preamble_is_a_byte_order_mark_and_the_lines_to_skip() -> None:
    head = BYTE_ORDER_MARK + b'"skip\nthis\na\n'
    assert [preamble_end(head, lines, False) for lines in range(5)] == [3, 9, 14, 16, None]
    assert preamble_end(head, 4, True) == len(head)
    assert preamble_end(b"a\n", 0, False) == 0


def test_a_head_too_short_for_a_byte_order_mark_does_not_tell() -> None:
    for length in range(3):
        assert preamble_end(BYTE_ORDER_MARK[:length], 0, False) is None
        assert preamble_end(BYTE_ORDER_MARK[:length], 0, True) == 0
    assert preamble_end(b"a", 0, False) == 0


def test_a_place_counts_from_the_start_of_the_input() -> None:
    data = BYTE_ORDER_MARK + b"skipped\n\na,b\n\n1,2\n3\n"
    outcome = run_recipe(Recipe(CSV, CSV, skip_lines=1), data)
    assert outcome.output == b"a,b\n1,2\n"
    assert outcome.failed_at == (6, 21, "1 cell in '3'")
    outcome = run_recipe(Recipe(JSONL, JSONL, skip_lines=1), BYTE_ORDER_MARK + b"x\n{}\n}\n")
    assert outcome.failed_at is not None
    assert outcome.failed_at[:2] == (3, 8)


def test_a_byte_order_mark_is_written_only_where_asked_for() -> None:
    data = BYTE_ORDER_MARK + b'"a"\n1\n'
    assert run_recipe(Recipe(CSV, TSV), data).output == b"a\n1\n"
    assert run_recipe(Recipe(CSV, CSV, add_bom=True), data).output == data
    assert run_recipe(Recipe(CSV, JSONL, add_bom=True), data).output == b'{"a":1}\n'


def test_columns_without_a_header_are_numbered() -> None:
    recipe = Recipe(CSV, JSONL, has_header=False)
    outcome = run_recipe(recipe, BYTE_ORDER_MARK + b"\n1,x\n2,y,z\n")
    assert outcome.output == json_lines('{"column_1":1,"column_2":"x"}')
    assert outcome.failed_at == (3, 8, "3 cells in '2,y,z'")


@pytest.mark.parametrize(
    ("header", "line", "offset", "found"),
    [
        (b'a,"b"c\n', 1, 0, "text after a closing quote"),
        (b'\n\na,"b\n1,2\n', 3, 4, "never closed"),
        (b'"a\n","b\n1,2\n', 2, 5, "never closed"),
        (b"\na,\xff\n", 2, 1, "not UTF-8"),
    ],
)
def test_a_bad_header_names_its_place(header: bytes, line: int, offset: int, found: str) -> None:
    with pytest.raises(BadRecordError, match=found) as caught:
        resolve(Recipe(CSV, JSONL), header, "end", "in.csv")
    assert (caught.value.line, caught.value.offset) == (line, offset)


@pytest.mark.parametrize(
    ("head", "names"),
    [(b"a\r", ["a\r"]), (b"a\r\n", ["a"]), (b"\r\r\nx\n", ["\r"]), (b"\r\n\n\ra\n", ["\ra"])],
)
def test_a_lone_carriage_return_is_data_in_a_header_too(head: bytes, names: list[str]) -> None:
    resolution = resolve(Recipe(CSV, JSONL, infers_types=False), head, "end", "in")
    assert resolution is not None
    assert [column.name for column in resolution.plan.layout.columns] == names


@pytest.mark.parametrize("head", [b"", b"a", b"a,b\r", b'"a\n', b"\n\r\n", b'"a"'])
def test_a_header_is_not_taken_before_its_line_end_has_come(head: bytes) -> None:
    assert first_record(head, 0, CSV, False) is None


def test_a_header_beyond_the_longest_record_is_refused_however_much_has_been_read() -> None:
    data = b"a" * 100 + b"\n1\n"
    for read_bytes in (80, 101, len(data)):
        with pytest.raises(BadRecordError, match="more than 50 bytes"):
            resolve(Recipe(CSV, CSV, max_record_bytes=50), data[:read_bytes], "open", "in")


@pytest.mark.parametrize(
    ("recipe", "before", "line"),
    [
        (Recipe(CSV, JSONL, max_record_bytes=1000), b'a\n"', 2),
        (Recipe(CSV, JSONL, max_record_bytes=1000), b"a\n", 2),
        (Recipe(JSONL, CSV, max_record_bytes=1000), b"", 1),
    ],
)
def test_a_first_record_beyond_the_longest_does_not_make_the_head_grow(
    recipe: Recipe, before: bytes, line: int
) -> None:
    head = before + b"x" * (2 * SAMPLE_BYTES)
    # Whether it is refused at once or by the conversion is the same to the user.
    try:
        assert resolve(recipe, head, "open", "in") is not None
    except BadRecordError as error:
        assert error.line == line  # noqa: PT017


RECORD = {CSV: b'"\n1"\n\n', JSONL: b'{"a":1}\n \n'}


@pytest.mark.parametrize("format", [CSV, JSONL])
def test_the_sample_ends_after_ten_thousand_records(format: Format) -> None:
    data = b"\n" + RECORD[format] * SAMPLE_RECORDS
    for after in (RECORD[format], RECORD[format] * 5, RECORD[format].rstrip()):
        whole = data + after
        assert sample_end(whole, 0, format, True) == len(data)
        assert sample_end(b"head" + whole, 4, format, True) == len(data) + 4
    assert sample_end(data[:-20], 0, format, True) == len(data) - 20
    assert sample_end(data[:-20], 0, format, False) is None


@pytest.mark.parametrize("format", [CSV, JSONL])
def test_the_sample_ends_with_the_last_whole_record_in_a_mebibyte(format: Format) -> None:
    record = b'"' + b"x" * 1000 + b'"\n'
    whole_bytes = SAMPLE_BYTES // len(record) * len(record)
    data = record * 2000
    assert sample_end(data, 0, format, True) == whole_bytes
    assert sample_end(data[:SAMPLE_BYTES], 0, format, False) == whole_bytes
    assert sample_end(data[: SAMPLE_BYTES - 1], 0, format, False) is None
    assert sample_end(data[: SAMPLE_BYTES - 1], 0, format, True) == SAMPLE_BYTES - 1


@pytest.mark.parametrize("format", [CSV, JSONL])
def test_the_sample_holds_at_least_one_record(format: Format) -> None:
    record = b'"' + b"x" * 2 * SAMPLE_BYTES + b'"\n'
    assert sample_end(record * 2, 0, format, False) == len(record)
    assert sample_end(record[:-1], 0, format, False) is None
    assert sample_end(record[:-1], 0, format, True) == len(record) - 1


@pytest.mark.parametrize("format", [CSV, JSONL])
@pytest.mark.parametrize("last", [b"x", b"x\n"])
@pytest.mark.parametrize("count", [SAMPLE_RECORDS - 1, SAMPLE_RECORDS, SAMPLE_RECORDS + 1])
def test_the_sample_does_not_depend_on_how_much_was_read_at_a_time(
    format: Format, last: bytes, count: int
) -> None:
    data = b"1\n" * count + last
    whole = sample_end(data, 0, format, True)
    assert whole == (len(data) if count < SAMPLE_RECORDS else 2 * SAMPLE_RECORDS)
    for read_bytes in (2, 2 * count - 1, 2 * count, 2 * count + 1):
        end = sample_end(data[:read_bytes], 0, format, False)
        assert end in (None, whole)


def test_the_ten_thousand_and_first_record_decides_no_type() -> None:
    data = b"a\n" + b"1\n" * SAMPLE_RECORDS
    for last in (b"x\n", b"x", b"x\ny\n"):
        outcome = run_recipe(Recipe(CSV, JSONL), data + last)
        assert outcome.output.startswith(b'{"a":1}\n')
        assert outcome.misfits["a"].first.line == SAMPLE_RECORDS + 2
