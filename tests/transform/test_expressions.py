"""What expressions mean: operators, functions, null and kinds, each rule by examples."""

from __future__ import annotations

import pickle
import re
from typing import Any

import pytest
from conftest import ROOT

from streamx.errors import UsageError
from streamx.transform.expressions import ExpressionError, parse
from streamx.transform.expressions.functions import FUNCTION_NAMES, METHOD_NAMES

RECORD: dict[str, Any] = {
    "n": None,
    "i": 7,
    "f": 1.5,
    "zero": 0,
    "s": "Straße",
    "na": "NA",
    "yes": True,
    "no": False,
    "big": 2**63,
    "huge": 10**4000,
    "tags": ["a", 1],
    "o": {"k": {"z": 3}},
    "t": "2013-01-01T10:00:00Z",
    "odd name": 9,
    "r": {"x": 1},
}


def value(text: str) -> Any:
    return parse(text, "--set").evaluate(RECORD)


def failure(text: str) -> ExpressionError:
    expression = parse(text, "--set")
    with pytest.raises(ExpressionError) as caught:
        expression.evaluate(RECORD)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i + 1", 8),
        ("i - 10", -3),
        ("i * f", 10.5),
        ("i / 2", 3.5),
        ("-i // 2", -4),
        ("-i % 4", 1),
        ("i ** 2", 49),
        ("2 ** -1", 0.5),
        ("+i", 7),
        ("s + '!'", "Straße!"),
        ("'ab' * 2", "abab"),
        ("i < 8 <= 8.0", True),
        ("1 < i < 5 < zero", False),
        ("i == 7.0", True),
        ("s != 'x'", True),
        ("s >= 'A'", True),
        ("tags == tags", True),
        ("s in ('x', 'Straße')", True),
        ("i not in [1, -2, 3.5]", True),
        ("i in {7}", True),
        ("i in ()", False),
        ("i in (True, 7)", True),
        ("yes in (1, False)", False),
        ("'raß' in s", True),
        ("'a' in tags", True),
        ("True in tags", False),
        ("'k' in o", True),
        ("yes and not no", True),
        ("no or yes", True),
        ("'big' if i > 5 else 'small'", "big"),
        ("s[0] + s[-1]", "Se"),
        ("s[1:3] + s[:1] + s[4:] + s[::2] + s[1:4:2]", "trSßeSrßta"),
        ("tags[0]", "a"),
        ("tags[1:]", [1]),
        ("o['k']['z']", 3),
        ('r["odd name"] + 1', 10),
        ('r["r"]["x"]', 1),
        ("r[s[:0] + 'x']", 1),
        ("f'{i:03d}|{f:.3f}|{s!s:>8}|{yes}|{tags}|{{}}'", '007|1.500|  Straße|true|["a",1]|{}'),
        ("None", None),
        ("i >\n 5\n and yes", True),
    ],
)
def test_operators_are_pythons(text: str, expected: Any) -> None:
    result = value(text)
    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int('007') + int(' -7 ')", 0),
        ("int(-1.9)", -1),
        ("int(yes)", 1),
        ("float('1e3')", 1000.0),
        ("str(f) + str(no) + str(i)", "1.5false7"),
        ("bool('TRUE')", True),
        ("bool(zero)", False),
        ("len(s) + len(tags) + len(o)", 9),
        ("abs(-i)", 7),
        ("min(i, f, 3)", 1.5),
        ("max('a', s)", "a"),
        ("round(2.5) + round(f, 0)", 4.0),
        ("floor(f) + ceil(f)", 3),
        ("sqrt(9) + log2(8) + log10(100) + log(9, 3)", 10.0),
        ("coalesce(n, i, 1 / zero)", 7),
        ("matches(r'^S.*e$', s)", True),
        ("search(r'[a-z]+', s)", "tra"),
        ("search(r'S(.)', s)", "t"),
        ("search('x', s)", None),
        ("findall('[ae]', s)", ["a", "e"]),
        ("sub(r'(ß)', r'<\\1>', s)", "Stra<ß>e"),
        ("s.upper()", "STRASSE"),
        ("'  x '.strip()", "x"),
        ("s.startswith('Str') and not s.endswith('x')", True),
        ("s.replace('a', 'ää', 1)", "Strääße"),
        ("'a,b'.split(',')", ["a", "b"]),
        ("'-'.join('a,b'.split(','))", "a-b"),
        ("'7'.zfill(3) + 'x'.center(3, '*')", "007*x*"),
        ("'a1'.isalnum()", True),
    ],
)
def test_functions_and_methods_compute(text: str, expected: Any) -> None:
    result = value(text)
    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("year(t) + month(t) + day(t) + hour(t) + minute(t) + second(t)", 2025),
        ("isoweekday('2013-01-01')", 2),
        ("strptime('31.12.2013', '%d.%m.%Y')", "2013-12-31"),
        ("strptime('31.12.2013 7:30', '%d.%m.%Y %H:%M')", "2013-12-31T07:30:00"),
        ("strptime('2013 +0000', '%Y %z')", "2013-01-01"),
        ("strftime(t, '%d.%m.%Y %H:%M')", "01.01.2013 10:00"),
        ("days_between('2013-01-31', '2013-03-01')", 29),
        ("days_between(t, '2013-01-01T16:00:00Z')", 0.25),
        ("seconds_between(t, '2013-01-01T10:00:00.5+00:00')", 0.5),
        ("add_days('2013-02-28', 1)", "2013-03-01"),
        ("add_seconds(t, -1)", "2013-01-01T09:59:59Z"),
        ("add_seconds('2013-01-01', 1)", "2013-01-01T00:00:01"),
        ("epoch(t)", 1357034400),
        ("epoch('1970-01-02')", 86400),
        ("from_epoch(epoch(t))", "2013-01-01T10:00:00Z"),
    ],
)
def test_times_are_texts_in_iso_8601(text: str, expected: Any) -> None:
    result = value(text)
    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    "text",
    [
        "n", "missing", "n + 1", "1 - n", "-n", "n * 'a'", "n < 1", "n == n", "1 < n < 3",
        "n in (1, 2)", "n not in ('a',)", "'a' in n", "n.lower()", "s.replace('a', n)", "len(n)",
        "round(n)", "round(f, n)", "max(1, n)", "n[0]", "s[n]", "s[n:]", "s[9]", "tags[-3]",
        "o['x']", "o['x']['y']", "f'{s} {n}'", "matches('a', n)", "year(n)", "coalesce(n, n)",
        "not n", "search('x', s).lower()", "s if n else n", "None if yes else s",
    ],
)  # fmt: skip
def test_a_null_operand_gives_null(text: str) -> None:
    assert value(text) is None


@pytest.mark.parametrize("left", [True, False, None])
@pytest.mark.parametrize("right", [True, False, None])
def test_and_or_and_not_are_three_valued(left: bool | None, right: bool | None) -> None:
    record = {"a": left, "b": right}
    both = False if False in (left, right) else None if None in (left, right) else True
    either = True if True in (left, right) else None if None in (left, right) else False
    assert parse("a and b", "").evaluate(record) is both
    assert parse("a or b", "").evaluate(record) is either
    assert parse("not a", "").evaluate(record) is (None if left is None else not left)
    assert parse("a and b and a", "").evaluate(record) is both
    assert parse("b or a or b", "").evaluate(record) is either


def test_is_none_tells_null_from_everything_else() -> None:
    assert value("n is None") is True
    assert value("zero is None") is False
    assert value("s is not None and missing is None") is True


def test_what_need_not_be_evaluated_is_not() -> None:
    assert value("zero != 0 and 1 / zero > 1") is False
    assert value("zero == 0 or 1 / zero > 1") is True
    assert value("1 if zero == 0 else 1 / zero") == 1
    assert value("5 < zero < 1 / zero") is False


def test_a_null_test_takes_the_other_branch() -> None:
    assert value("1 if n > 0 else 2") == 2


@pytest.mark.parametrize("text", ["i and yes", "yes or s", "not i", "1 if tags else 2"])
def test_a_condition_is_a_truth_value(text: str) -> None:
    if text == "yes or s":
        assert value(text) is True
        text = "no or s"
    assert "a truth value, that is a comparison such as x != 0" in failure(text).expected


def test_the_value_of_a_condition_is_a_truth_value() -> None:
    assert parse("i > 5", "--where", is_condition=True).evaluate(RECORD) is True
    assert parse("n", "--where", is_condition=True).evaluate(RECORD) is None
    with pytest.raises(ExpressionError, match="column 'i' is the number 7"):
        parse("i", "--where", is_condition=True).evaluate(RECORD)
    with pytest.raises(UsageError, match="a truth value"):
        parse("5", "--where", is_condition=True)


@pytest.mark.parametrize(
    ("text", "column", "blamed", "message"),
    [
        ("na > 60", "na", "NA", "column 'na' is the text 'NA' in --set `na > 60`; expected a "
         "number; --null NA makes null of such cells of a CSV"),
        ("60 < na", "na", "NA", "expected a number"),
        ("na == i", "na", "NA", "expected a number"),
        ("i == '7'", "i", 7, "expected a text; str(i) makes one of it, --type i=string"),
        ("i in ('a', 'b')", "i", 7, "a value of the same kind as those in ['a', 'b']"),
        ("i + s", "s", "Straße", "expected a number"),
        ("yes + 1", "yes", True, "column 'yes' is true in --set `yes + 1`; expected a number"),
        ("yes == 1", "yes", True, "int(yes) makes one of it"),
        ("i.lower()", "i", 7, "str(i) makes one of it"),
        ("i / zero", "zero", 0, "column 'zero' is the number 0 in --set `i / zero`; expected a "
         "divisor other than 0"),
        ("i // zero", "zero", 0, "a divisor"),
        ("i % zero", "zero", 0, "a divisor"),
        ("int(na)", "na", "NA", "a whole number in digits"),
        ("int(s + '1')", None, "Straße1", "s + '1' is the text 'Straße1' in --set `int(s + '1')`"),
        ("float(na)", "na", "NA", "a number in digits"),
        ("bool(s)", "s", "Straße", "true or false"),
        ("year(s)", "s", "Straße", "like 2013-01-31"),
        ("seconds_between('2013-01-01', t)", "t", RECORD["t"], "two times with an offset"),
        ("strptime(s, '%Y')", "s", "Straße", "a text of the form '%Y'"),
        ("','.join(tags)", "tags", ["a", 1], "column 'tags' is a list in"),
        ("sqrt(-i)", None, -7, "a value that sqrt can take (math domain error)"),
        ("(-i) ** f", None, -7, "a base of at least 0"),
        ("s[::zero]", "zero", 0, "a step other than 0"),
        ("tags < tags", "tags", ["a", 1], "expected a number"),
        ("f'{s:d}'", "s", "Straße", "a value for the format 'd'"),
    ],
)  # fmt: skip
def test_an_error_names_column_value_and_remedy(
    text: str, column: str | None, blamed: Any, message: str
) -> None:
    error = failure(text)
    assert (error.column, error.value) == (column, blamed)
    assert message in str(error)


@pytest.mark.parametrize("text", ["'1_000'", "'٣'", "'nan'", "'0x10'", "'1.'", "''", "'1e5'"])
def test_int_reads_ascii_digits_and_nothing_else(text: str) -> None:
    with pytest.raises(UsageError, match="expected a whole number in digits"):
        parse(f"int({text})", "--set")


@pytest.mark.parametrize(
    "text",
    [
        "1e308 * i * 10",
        "huge * huge",
        "huge * f",
        "huge ** 3",
        "2.0 ** big",
        "exp(big)",
        "huge / 3",
    ],
)
def test_a_result_beyond_the_range_of_numbers_is_an_error(text: str) -> None:
    assert "at most 1.8e308, or 4,200 digits" in failure(text).expected


def test_a_result_that_is_no_finite_number_is_an_error() -> None:
    for number in (float("inf"), float("nan")):
        with pytest.raises(ExpressionError, match="a finite number"):
            parse("x", "--set").evaluate({"x": number})


def test_whole_numbers_are_exact_and_compared_exactly_with_floats() -> None:
    assert value("big + 1 - big") == 1
    assert parse("a == b", "").evaluate({"a": 2**53 + 1, "b": 2.0**53}) is False
    assert parse("a > b", "").evaluate({"a": 2**53 + 1, "b": 2.0**53}) is True


def test_names_are_the_columns_in_order_of_first_use() -> None:
    expression = parse('b if r["odd name"] > a else f"{c}" + b', "--set")
    assert expression.names == ("b", "odd name", "a", "c")


def test_a_function_and_a_column_may_share_a_name() -> None:
    assert parse("hour(hour)", "").evaluate({"hour": "2013-01-01T10:00"}) == 10


def test_an_unknown_column_is_named_with_the_nearest_and_its_place() -> None:
    expression = parse("carrier == 'UA' and\ndep_dely > 60", "--where")
    expression.check(("carrier", "dep_dely"))
    with pytest.raises(UsageError) as caught:
        expression.check(["carrier", "dep_delay"])
    assert str(caught.value) == (
        "--where: no column 'dep_dely'; did you mean 'dep_delay'? "
        "The columns are: carrier, dep_delay\n  dep_dely > 60\n  ^"
    )
    with pytest.raises(UsageError, match="write None"):
        parse("a == null", "--where").check(["a"])


def test_expressions_and_their_errors_pickle() -> None:
    expression = parse("i / zero", "--set x")
    copy = pickle.loads(pickle.dumps(expression))
    assert copy == expression
    with pytest.raises(ExpressionError) as caught:
        copy.evaluate(RECORD)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.column, again.value) == (str(caught.value), "zero", 0)


def test_readme_names_every_function_and_has_examples_that_work() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n## Expressions\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)[^`]*`", section))
    assert {*FUNCTION_NAMES, *METHOD_NAMES} <= named
    examples = re.findall(r"^\| `(.*?)` \|", section, re.MULTILINE)
    assert len(examples) == 6
    record = {"dep_delay": 20, "arr_delay": None, "carrier": "UA", "flight": 7, "tailnum": "N1UA"}
    values = [parse(example, "--set").evaluate(record) for example in examples]
    assert values == [False, None, 0, "late", "UA0007", True]
