"""The typing rule: which cells are numbers and booleans in JSON, and what becomes of the rest."""

from __future__ import annotations

import re

import pytest
from codec.conversions import CSV, JSONL, converted, json_lines, layout_of, run_recipe
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamx.codec.head import infer_columns
from streamx.codec.layout import Column, ColumnType, Layout, Pick
from streamx.codec.types import all_fit, fits
from streamx.transform.plan import Recipe

STRING, INTEGER, NUMBER, BOOLEAN = ColumnType


def inferred(*cells: str, nulls: tuple[str, ...] = ()) -> ColumnType:
    sample = "".join(cell + "\n" for cell in cells).encode()
    tokens = frozenset(null.encode() for null in nulls)
    return infer_columns(sample, CSV, [Column("a")], tokens)[0].type


CELL_TYPES = {
    INTEGER: ["0", "-0", "7", "-7", "10", "123456789012345", "-123456789012345"],
    NUMBER: [
        *("0.0", "-0.0", "1.50", "-1.5", "0.007", "100.00", "12345678901234.5"),
        *("1.23456789012345", "0.123456789012345", "-0.000000000123456789012345"),
        *("0.0000000000000000000", "99999999999999.9", "12345678901234.0"),
    ],
    BOOLEAN: ["true", "True", "TRUE", "false", "False", "FALSE"],
    STRING: [
        *("007", "00", "-01", "+1", "1e5", "1E5", "1.5e3", "1_000", "1 000", "1.", ".5", "-.5"),
        *("-", "--1", "1-", "0x1F", "0b1", "NaN", "nan", "Infinity", "-inf", "1,5", " 1", "1 "),
        *("1234567890123456", "-1234567890123456", "9223372036854775807", "1.234567890123456"),
        *("0.1234567890123456", "1234567890123.456", "100000000000000.0", "0.1000000000000000"),
        *(
            "01.5",
            "00.5",
            "1.5.0",
            "1..5",
            "1.-5",
            "٣",
            "\uff11\uff12",
            "1\u066b5",
            "1\u00a0",
            "²",
            "1\x00",
        ),
        *("tRue", "tRUE", "truE", "fALSE", "t", "yes", "on", "truefalse", "null", "None", "-true"),
    ],
}
CASES = [
    pytest.param(type, text, id=f"{text}-{type}")
    for type, texts in CELL_TYPES.items()
    for text in texts
]


@pytest.mark.parametrize(("type", "text"), CASES)
def test_a_column_of_one_cell_has_its_type(type: ColumnType, text: str) -> None:
    cell = f'"{text}"' if "," in text else text
    assert inferred(cell) is type
    assert inferred(f'"{text}"') is type, "quotes do not affect typing"
    assert inferred(cell, "", cell) is type, "empty cells do not either"


@pytest.mark.parametrize(
    ("cells", "type"),
    [
        (["1", "1.5"], NUMBER),
        (["1.5", "-0"], NUMBER),
        (["1", "true"], STRING),
        (["1.5", "false"], STRING),
        (["1", "007"], STRING),
        (["true", "FALSE", "True"], BOOLEAN),
        (["true", "tRue"], STRING),
        (["1\r", "2\r", "\r"], INTEGER),
        (['"1\n"'], STRING),
        (['"1\n2"'], STRING),
        (["", '""'], STRING),
        ([], STRING),
    ],
)
def test_every_cell_of_the_sample_decides(cells: list[str], type: ColumnType) -> None:
    assert inferred(*cells) is type


@pytest.mark.parametrize("cell", ["NA", '"NA"', "-", '"a,b"'])
def test_null_tokens_spoil_no_inference(cell: str) -> None:
    nulls = ("NA", "-", "a,b")
    assert inferred("1", cell, "2", nulls=nulls) is INTEGER
    assert inferred(cell, nulls=nulls) is STRING


def is_typed_by_the_rule(text: str, type: ColumnType) -> bool:
    """The rule again, said with counting in place of one pattern."""
    if type is BOOLEAN:
        return text in ("true", "True", "TRUE", "false", "False", "FALSE")
    whole, dot, fraction = text.removeprefix("-").partition(".")
    digits = whole + fraction
    if not re.fullmatch("[0-9]+", whole) or (len(whole) > 1 and whole[0] == "0"):
        return False
    if dot and (type is INTEGER or not re.fullmatch("[0-9]+", fraction)):
        return False
    return len(digits.lstrip("0")) <= 15


NUMERIC = st.text("0019.-eE+ \n", max_size=6)
LONG = st.from_regex(r"\A-?[01][0-9]{0,17}(\.[0-9]{0,17})?\Z")


@settings(max_examples=400, deadline=None)
@given(st.one_of(NUMERIC, LONG, st.from_regex(r"\A-?0?\.0{0,20}[0-9]{12,17}\Z")))
@example("0." + "0" * 400 + "1" * 15)
def test_the_patterns_are_the_rule(text: str) -> None:
    if text:
        for type in (INTEGER, NUMBER, BOOLEAN):
            expected = is_typed_by_the_rule(text, type)
            assert fits(text.encode(), type) == expected
            assert all_fit([b"", text.encode(), text.encode()], type) == expected


@settings(max_examples=150, deadline=None)
@given(st.lists(NUMERIC, min_size=1, max_size=5), st.booleans())
def test_many_cells_fit_if_each_does(texts: list[str], is_pinned: bool) -> None:
    cells = [text.encode() for text in texts]
    for type in (INTEGER, NUMBER, BOOLEAN):
        each = all(not cell or fits(cell, type, is_pinned) for cell in cells)
        assert all_fit(cells, type, is_pinned) == each


@pytest.mark.parametrize("text", ["1.50", "-0", "-0.0", "0.10", "123456789012345", "100.00"])
def test_a_number_is_copied_as_its_text(text: str) -> None:
    assert run_recipe(Recipe(CSV, JSONL), f"a\n{text}\n".encode()).output == (
        f'{{"a":{text}}}\n'.encode()
    )


def test_booleans_are_written_in_small_letters() -> None:
    output = run_recipe(Recipe(CSV, JSONL), b'a\nTRUE\nFalse\n"true"\n').output
    assert output == json_lines('{"a":true}', '{"a":false}', '{"a":true}')


def test_an_empty_cell_is_null_in_a_typed_column_and_empty_in_a_string_column() -> None:
    output = run_recipe(Recipe(CSV, JSONL), b'n,b,s\n1,true,x\n,,\n"","",""\n').output
    assert output == json_lines('{"n":1,"b":true,"s":"x"}', *['{"n":null,"b":null,"s":""}'] * 2)


def test_null_tokens_are_null_in_every_column_quoted_or_not() -> None:
    recipe = Recipe(CSV, JSONL, nulls=frozenset({b"NA", b"-"}))
    output = run_recipe(recipe, b'n,b,s\n1,true,x\nNA,-,NA\n"NA","-","-"\n,,na\n').output
    nulls = '{"n":null,"b":null,"s":null}'
    assert output == json_lines(
        '{"n":1,"b":true,"s":"x"}', nulls, nulls, '{"n":null,"b":null,"s":"na"}'
    )


def test_an_empty_null_token_makes_empty_strings_null() -> None:
    output = run_recipe(Recipe(CSV, JSONL, nulls=frozenset({b""})), b"s,t\nx,y\n,\n").output
    assert output == json_lines('{"s":"x","t":"y"}', '{"s":null,"t":null}')


def test_without_inference_every_column_is_of_strings() -> None:
    output = run_recipe(Recipe(CSV, JSONL, infers_types=False), b"a,b\n1,true\n,\n").output
    assert output == json_lines('{"a":"1","b":"true"}', '{"a":"","b":""}')


def pinned(type: ColumnType, **options: object) -> Layout:
    column = Column("n", type, is_pinned=True)
    return Layout(CSV, JSONL, (column,), (Pick(0, "n"),), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("type", "fitting", "misfitting"),
    [
        (INTEGER, ["1", "-0", "1" * 400], ["007", "1.0", "1e5", "+1", "٣", "true"]),
        (NUMBER, ["1", "1e5", "1E+400", "-1.5e-7", "0." + "1" * 400], ["01", ".5", "1.", "NaN"]),
        (BOOLEAN, ["TRUE"], ["tRue", "1", "0"]),
        (STRING, ["007", "x"], []),
    ],
)
def test_a_pinned_type_takes_every_json_number(
    type: ColumnType, fitting: list[str], misfitting: list[str]
) -> None:
    for text in fitting + misfitting:
        output, tally = converted(text.encode() + b"\n", pinned(type))
        is_string = text in misfitting or type is STRING
        expected = f'"{text}"' if is_string else text.lower() if type is BOOLEAN else text
        assert output.decode() == f'{{"n":{expected}}}\n'
        assert bool(tally.misfits) == (text in misfitting)


def test_misfits_become_strings_and_are_counted_with_the_first_place() -> None:
    layout = layout_of(CSV, JSONL, "ab", INTEGER, BOOLEAN)
    output, tally = converted(b'1,true\n"\n",yes\n,\n1.5,FALSE\n007,"no\n"\n', layout)
    assert output == json_lines(
        '{"a":1,"b":true}',
        '{"a":"\\n","b":"yes"}',
        '{"a":null,"b":null}',
        '{"a":"1.5","b":false}',
        '{"a":"007","b":"no\\n"}',
    )
    found = {key: (note.count, note.position, note.example) for key, note in tally.misfits.items()}
    assert found == {"a": (3, 7, "'\\n'"), "b": (2, 7, "'yes'")}
    assert tally.bad is None


def test_misfits_after_a_bad_record_do_not_count() -> None:
    _, tally = converted(b"x\n1\n1,2\ny\n", layout_of(CSV, JSONL, "a", INTEGER))
    assert tally.misfits["a"].count == 1


def test_an_integer_fits_a_number_column_and_no_decimal_fits_an_integer_column() -> None:
    assert not converted(b"1\n", layout_of(CSV, JSONL, "a", NUMBER))[1].misfits
    assert converted(b"1.0\n", layout_of(CSV, JSONL, "a", INTEGER))[1].misfits


def test_strict_types_make_the_first_misfit_a_bad_record() -> None:
    layout = layout_of(CSV, JSONL, "abc", INTEGER, BOOLEAN, strict_types=True)
    output, tally = converted(b"1,true,x\n\n2,no,y\n\nx,no,z\n", layout)
    assert output == json_lines('{"a":1,"b":true,"c":"x"}')
    assert (tally.records_in, tally.misfits) == (1, {})
    assert tally.bad is not None
    assert tally.bad.position == 10
    assert tally.bad.found == "'no' in column b, which is of type boolean"


def test_strict_types_let_null_tokens_pass() -> None:
    layout = layout_of(CSV, JSONL, "a", INTEGER, strict_types=True, nulls=frozenset({b"NA"}))
    assert converted(b'1\nNA\n"NA"\n""\n', layout)[1].bad is None
