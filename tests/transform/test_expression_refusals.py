"""Whatever is not in the language is refused, before any record, quickly and with its place."""

from __future__ import annotations

import time

import pytest

from streamx.errors import UsageError
from streamx.transform.expressions import ExpressionError, parse

# Milliseconds by themselves; other tests may run beside these.
LONGEST_SECONDS = 3

# What an attacker, or a mistaken script, might try: to reach Python, or to use up memory or time.
HOSTILE = [
    "().__class__",
    "().__class__.__bases__[0].__subclasses__()",
    "''.__class__.__mro__",
    "x.__class__",
    "x.__init__.__globals__",
    "f'{x.__class__}'",
    "f'{x.__class__.__mro__[1]}'",
    "f'{x!r}'",
    "f'{x=}'",
    "'{0.__class__}'.format(x)",
    "'{x}'.format_map(r)",
    "x.encode()",
    "x.translate(x)",
    "x.maketrans('a', 'b')",
    "str.upper(x)",
    "__import__('os').system('id')",
    "__builtins__",
    "__debug__",
    "eval('1')",
    "exec('1')",
    "open('/etc/passwd')",
    "globals()",
    "getattr(x, 'upper')",
    "type(x)",
    "print(x)",
    "vars()",
    "(lambda: 1)()",
    "lambda: 1",
    "[y for y in x]",
    "{y for y in x}",
    "{y: 1 for y in x}",
    "(y for y in x)",
    "(y := 1)",
    "(yield x)",
    "await x",
    "max(*x)",
    "max(**x)",
    "round(number=x)",
    "x()()",
    "x['y']()",
    "import os",
    "x; y",
    "x = 1",
    "1) + (1",
    "9**9**9",
    "2.0**10**5",
    "'a' * 10**9",
    "10**9 * 'a'",
    "f'{x:>1000000000}'",
    "f'{x:.1000000000f}'",
    "f'{x:{y}}'",
    "'a'.ljust(10**9)",
    "'a'.zfill(10**9)",
    "'\t'.expandtabs(10**9)",
    "round(1, -10**9)",
    "sub('', 'a' * 10**9, x)",
    "matches('(' * 5000, x)",
    "matches('a{99999999999}', x)",
    "strftime(x, '%999999999d')",
    "strftime(x, '%s')",
    "1e999",
    "1j",
    "b'x'",
    "...",
    "1" * 5000,
    "x@y",
    "x & y",
    "~x",
    "x\0y",
    "\ud800",
    "'\\ud800'",
    "",
    " \n ",
    "(" * 4900 + "1" + ")" * 4900,
    "-" * 9_999 + "1",
    "not " * 2_400 + "x",
    "x if y else " * 800 + "x",
    "[" * 9_000,
    "x+" * 4_900 + "x",
    "x." * 4_900 + "y",
    "lambda:" * 1_400 + "1",
    "x" * 10_001,
    "x" * 10_000_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
def test_what_is_not_in_the_language_is_refused_in_no_time(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(UsageError):
        parse(text, "--where")
    assert time.perf_counter() - start < LONGEST_SECONDS


@pytest.mark.parametrize(
    "text",
    [
        "n ** n ** n",
        "t * n * n",
        "n * t",
        "t.ljust(n)",
        "t.rjust(n, 'x')",
        "t.expandtabs(n)",
        "t.replace('', long)",
        "long.join(parts)",
        "sub('', 'x' * 9999, long)",
        "long + long + long",
        "f'{long}{long}{long}'",
        "round(n, -n)",
        "add_days('2013-01-01', n)",
        "from_epoch(n * n)",
        "int(digits)",
    ],
)
def test_no_record_makes_an_expression_take_much_memory_or_time(text: str) -> None:
    record = {
        "n": 10**9,
        "t": "\t" * 100,
        "long": "x" * 8_000_000,
        "parts": ["y"] * 1000,
        "digits": "9" * 5000,
    }
    start = time.perf_counter()
    with pytest.raises(ExpressionError):
        parse(text, "--set").evaluate(record)
    assert time.perf_counter() - start < LONGEST_SECONDS


@pytest.mark.parametrize(
    ("text", "message", "line", "marked"),
    [
        ("x.real > 5", "an attribute cannot be used", "x.real > 5", "real"),
        ("'日本' + ü.y", "an attribute cannot be used", "'日本' + ü.y", "y"),
        ("'é' + x.y", "an attribute cannot be used", "'é' + x.y", "y"),
        ("x > 1\nand ü + y.z", "an attribute cannot be used", "and ü + y.z", "z"),
        ("(x +\r\n  lambda: 1)", "invalid syntax", "  lambda: 1)", "lambda"),
        ("x = 60", "Maybe you meant '==' instead of '='?", "x = 60", "x"),
        ("  f(x", "'(' was never closed", "f(x", "(x"),
        ("(x + 1", "'(' was never closed", "(x + 1", "("),
        ("x)", "unmatched ')'", "x)", ")"),
        ("1) + (1", "unmatched ')'", "1) + (1", ")"),
        ("x + ", "invalid syntax", "x +", ""),
        ("x > 5 && y", "invalid syntax", "x > 5 && y", "& y"),
        ("f'{x y}'", "invalid syntax", "f'{x y}'", "x y"),
        ("f'{x.y}' + 'a'", "an attribute cannot be used", "f'{x.y}' + 'a'", None),
        ("1 + lower(x)", "there is no function 'lower'; write x.lower()", "1 + lower(x)", "lower"),
        ("x + y.lowr()", "did you mean 'lower'?", "x + y.lowr()", "lowr"),
        ("x.len()", "write len(x)", "x.len()", "len"),
        ("x + min(y)", "min takes 2 or more arguments, not 1", "x + min(y)", "min"),
        ("x + abs(y, 2)", "abs takes 1 argument, not 2", "x + abs(y, 2)", "abs"),
        ("x.replace('a')", "replace takes 2 or 3 arguments, not 1", "x.replace('a')", "x."),
        ("round(x, n=2)", "arguments have no names", "round(x, n=2)", "2"),
        ("x == None", "write `is None`", "x == None", "None"),
        ("x is 5", "compare with ==", "x is 5", "5"),
        ("x in (1, None)", "None is never equal", "x in (1, None)", "None"),
        ("x in (1, y)", "only constants", "x in (1, y)", "y)"),
        ("x < y in z", "cannot be part of a chain", "x < y in z", "x"),
        ("x == [1]", "a list elsewhere than behind `in`", "x == [1]", "["),
        ("matches(x, 'a')", "matches takes a literal text here", "matches(x, 'a')", "x"),
        ("matches('(', x)", "is no regular expression", "matches('(', x)", "'"),
        ("sub('a', r'\\1', x)", "invalid group reference", "sub('a', r'\\1', x)", "'"),
        ("strftime(x, '%Q')", "behind a %", "strftime(x, '%Q')", "'"),
        ("strptime(x, '%d')", "has no year", "strptime(x, '%d')", "'"),
        ("x + 1 / 0", "this has no value: expected a divisor other than 0", "x + 1 / 0", "1 /"),
        ("x + int('y')", "expected a whole number in digits", "x + int('y')", "int"),
        ("x & y", "write `and`", "x & y", "x"),
        ("x\x1b.y", "invalid", None, None),
    ],
)
def test_a_caret_shows_the_place(
    text: str, message: str, line: str | None, marked: str | None
) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "--where")
    first, shown, below = str(caught.value).split("\n")
    assert first.startswith("--where: ")
    assert message in first
    assert below.endswith("^")
    if line is not None:
        assert shown == f"  {line}"
        wide = sum(char in "日本" for char in line)
        # East Asian characters take two cells; whatever is marked stands behind them here.
        if marked is not None:
            place = line.index(marked) if marked else len(line)
            assert len(below) - 1 == 2 + place + wide
    assert shown.isprintable()


def test_a_long_line_is_shown_around_the_caret() -> None:
    text = " + ".join(["column"] * 80) + " + x.y + " + "column"
    with pytest.raises(UsageError) as caught:
        parse(text, "--where")
    _, shown, below = str(caught.value).split("\n")
    assert len(shown) < 120
    assert shown[len(below) - 1 :].startswith("y")
