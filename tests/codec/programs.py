"""What the tests of programs share: runs of a plan in both ways, and random expressions."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace

from codec.conversions import drain
from codec.twins import native, using
from hypothesis import strategies as st

from streamx.chunk import Chunk, ChunkResult
from streamx.transform.plan import AnyPlan, Plan
from streamx.transform.programs import as_program
from streamx.transform.record_plan import RecordPlan


def program_plan(plan: RecordPlan) -> Plan:
    """Return the same plan as a program."""
    found = as_program(plan)
    assert isinstance(found, Plan), f"{plan.steps} is no program"
    return found


def run(plan: AnyPlan, pieces: Sequence[bytes]) -> tuple[bytes, list[ChunkResult]]:
    """Run a plan over chunks as a worker does; return the output, and what each amounted to."""
    output, results = b"", list[ChunkResult]()
    limits, line, offset = plan.limits, 1, 0
    with plan.opened() as runner:
        for number, piece in enumerate(pieces):
            part, result = drain(runner.run(Chunk(number, offset, line, piece), limits))
            output += part
            results.append(result)
            limits = tuple(map(operator.sub, limits, result.taken))
            line, offset = line + piece.count(b"\n"), offset + len(piece)
            if result.failure or result.is_last:
                break
    return output, results


def facts(plan: AnyPlan, pieces: Sequence[bytes]) -> tuple[object, ...]:
    """Return all that a run gives and that does not depend on how its plan works."""
    output, results = run(plan, pieces)
    last = results[-1]
    has_ended = last.failure is not None or last.is_last
    misfits = [
        (name, notice.count, notice.first, notice.example)
        for result in results
        for name, notice in sorted(result.misfits.items())
    ]
    return (
        *(output, last.failure, misfits, last.failure is None and last.is_last),
        sum(result.dropped_values for result in results),
        [(key, place) for result in results for key, place in result.dropped_keys.items()],
        sum(result.records_out for result in results),
        None if last.failure else sum(result.records_in for result in results),
        None if has_ended else sum(result.blank_lines for result in results),
    )


def assert_same(plan: RecordPlan, *pieces: bytes) -> None:
    """Compare a run in Python with one in the kernel."""
    assert facts(program_plan(plan), pieces) == facts(plan, pieces), (plan.steps, pieces)


def assert_same_in_every_set(plan: RecordPlan, *pieces: bytes) -> None:
    """Compare one run in Python with those in the kernel, by each of its instruction sets."""
    expected, program = facts(plan, pieces), program_plan(plan)
    for name in native.instruction_sets():
        with using(name):
            assert facts(program, pieces) == expected, (name, plan.steps, pieces)


def odd_records(plan: RecordPlan, data: bytes) -> int:
    """Count the records that the kernel leaves to Python."""
    found = program_plan(plan)
    program = found.layout.program
    assert program is not None
    seen = []

    def fallback(odd: bytes, *limits: int | None) -> object:
        seen.append(odd)
        return program.fallback(odd, *limits)

    layout = replace(found.layout, program=replace(program, fallback=fallback))
    drain(Plan(layout).run(Chunk(0, 0, 1, data)))
    return sum(odd.count(b"\n") for odd in seen)


NUMBERS = st.sampled_from(
    ["0", "1", "-1", "2", "60", "0.5", "0.1", "-0.0", "9007199254740993", "1e16"]
)
NUMBERS |= st.integers(-(2**64), 2**64).map(str) | st.integers(-99, 99).map(str)
TEXTS = st.sampled_from(
    [
        "''",
        "'a'",
        "'b'",
        "'é'",
        "' '",
        "'NA'",
        "'a\"b'",
        "','",
        "'-07'",
        "' 1.50'",
        "'true'",
        "'aB é'",
    ]
)
COMPARISONS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])


def join(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    """Return expressions made of parts, in parentheses."""
    strategies = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*strategies).map(lambda texts: f"({' '.join(texts)})")


NUMBER_FUNCTIONS = ("abs", "int", "float", "round", "floor", "ceil", "bool")
TEXT_METHODS = (
    *("strip", "lstrip", "rstrip", "upper", "lower", "title", "capitalize", "casefold"),
    *("swapcase", "expandtabs"),
)
PAIR_METHODS = ("strip", "lstrip", "rstrip", "removeprefix", "removesuffix")
CLASSES = (
    *("alnum", "alpha", "ascii", "decimal", "digit", "lower", "numeric", "space", "upper"),
    "title",
)
PLACES = st.integers(-5, 5).map(str) | st.sampled_from(["i", "pi", "j - 60"])
FORMATS = st.sampled_from(["", ":d", ":04d", ":5d", ":.0f", ":.2f", ":09.3f", ":8.1f", ":,", ":>6"])


def f_strings(*kinds: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return f-strings of some values, where they have no quotes that would end them."""
    value = st.one_of(*kinds)
    part = st.tuples(value, FORMATS).map(lambda pair: f"{{{pair[0]}{pair[1]}}}")
    return st.lists(part | st.sampled_from(["-", "é", "x "]), max_size=4).map(
        lambda parts: '""' if '"' in "".join(parts) else f'(f"{"".join(parts)}")'
    )


def expressions(depth: int) -> tuple[st.SearchStrategy[str], ...]:
    """Return expressions that are numbers, texts and truth values, mostly."""
    number = st.sampled_from(["i", "j", "n", "pi", "pn"]) | NUMBERS
    text = st.sampled_from(["s", "t"]) | TEXTS
    truth = st.sampled_from(["b", "True", "False"])
    for _ in range(depth):
        any_kind = number | text | truth
        number, text, truth = (
            number
            | join(number, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), number)
            | join(st.sampled_from(["-", "+", *NUMBER_FUNCTIONS]), "(", number, ")")
            | join("round(", number, ",", st.integers(-1, 19).map(str), ")")
            | join(st.sampled_from(["int", "float"]), "(", text | truth, ")")
            | join(st.sampled_from(["min(", "max("]), number, ",", number, ")")
            | join(number, "if", truth, "else", number)
            | join("coalesce(", number, ",", number, ")")
            | join("len(", text, ")")
            | join(text, st.sampled_from([".find(", ".rfind(", ".count("]), text, ")"),
            text
            | join(text, "+", text)
            | join(text, st.sampled_from([f".{name}()" for name in TEXT_METHODS]))
            | join(text, st.sampled_from([f".{name}(" for name in PAIR_METHODS]), text, ")")
            | join(text, ".replace(", text, ",", text, ")")
            | join(text, "[", PLACES, "]")
            | join(text, "[", PLACES | st.just(""), ":", PLACES | st.just(""), "]")
            | join(text, st.sampled_from([".zfill(", ".ljust(", ".rjust("]), PLACES, ")")
            | join(text, st.sampled_from([".ljust(", ".rjust("]), PLACES, ",", text, ")")
            | join("str(", number | text | truth, ")")
            | f_strings(number, text, truth)
            | join("max(", text, ",", text, ")")
            | join(text, "if", truth, "else", text)
            | join("coalesce(", text, ",", text, ",", text, ")"),
            truth
            | join(number, COMPARISONS, number)
            | join(number, "<", number, COMPARISONS, number, COMPARISONS, number)
            | join(text, COMPARISONS, text)
            | join(truth, st.sampled_from(["==", "!="]), truth)
            | join(text, st.sampled_from(["in", "not in"]), text)
            | join(text, st.sampled_from([".startswith(", ".endswith("]), text, ")")
            | join(text, st.sampled_from([f".is{name}()" for name in CLASSES]))
            | join("bool(", number | text, ")")
            | join(number, "in (1, 7, 0.5,", NUMBERS, ")")
            | join(text, "in ('a', 'é',", TEXTS, ")")
            | join(any_kind, "in ('a', 1, True)")
            | join(any_kind, st.sampled_from(["is None", "is not None"]))
            | join(truth, st.sampled_from(["and", "or"]), truth, "or", truth)
            | join("not", truth)
            | join(any_kind, COMPARISONS, any_kind),
        )
    return number, text, truth


ANY = st.one_of(*expressions(3))
CONDITIONS = expressions(3)[2]
