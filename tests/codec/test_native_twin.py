"""The native codec gives what the reference gives, in every direction, whatever the input."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from codec.conversions import CSV, JSONL, TSV, json_lines
from codec.test_csv_records import documents
from codec.test_json_to_csv import line_sets
from codec.test_round_trips import tables, written
from codec.test_shapes import objects
from codec.twin_documents import (
    CHANCE,
    DIALECTS,
    DISTINCT_KEYS,
    NULLS,
    csv_document,
    csv_layout,
    csv_record,
    json_document,
    json_keys,
    json_layout,
    json_name,
    json_record,
    limit,
)
from codec.twins import ROUNDS, assert_all_same, assert_same, assert_same_reading
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamx.codec.layout import MAX_RECORD_BYTES, CsvFormat, Format
from streamx.errors import StreamxError
from streamx.transform.operations import Drop, Operation, Rename, Select
from streamx.transform.plan import Recipe
from streamx.transform.resolve import resolve

TARGETS: list[Format] = [*[JSONL] * 6, CSV, TSV, *DIALECTS]
Property = Callable[..., None]


def property_of(*strategies: st.SearchStrategy[object]) -> Callable[[Property], Property]:
    """Run a test on what hypothesis draws from strategies, many times."""

    def decorate(test: Property) -> Property:
        fast = settings(
            max_examples=120 * ROUNDS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        return fast(given(*strategies)(test))

    return decorate


@property_of(documents(), CHANCE)
def test_any_soup_of_csv_becomes_the_same(
    document: tuple[bytes, CsvFormat, int], chance: random.Random
) -> None:
    data, format, width = document
    assert_same_reading(data, format, width)
    assert_same(data, csv_layout(chance, format, width, JSONL), limit(chance))
    assert_same(data, csv_layout(chance, format, width, chance.choice(TARGETS)), limit(chance))


@property_of(tables(), st.sampled_from(DIALECTS), CHANCE)
def test_any_table_becomes_the_same(
    rows: list[list[str]], format: CsvFormat, chance: random.Random
) -> None:
    data = written(rows, format)
    assert_same(data, csv_layout(chance, format, len(rows[0]), JSONL), limit(chance))
    assert_same(data, csv_layout(chance, format, len(rows[0]), chance.choice(TARGETS)))


@property_of(st.lists(objects(), max_size=6).map(b"\n".join), CHANCE)
def test_any_objects_become_the_same(data: bytes, chance: random.Random) -> None:
    assert_same(data, json_layout(chance, JSONL), limit(chance))
    assert_same(data, json_layout(chance, chance.choice(DIALECTS)), limit(chance))


@property_of(line_sets().map(lambda lines: json_lines(*lines)), CHANCE)
def test_any_lines_become_the_same(data: bytes, chance: random.Random) -> None:
    assert_same(data, json_layout(chance, JSONL), limit(chance))
    assert_same(data, json_layout(chance, chance.choice(DIALECTS)), limit(chance))


@pytest.mark.parametrize("seed", range(4 * ROUNDS))
def test_tables_made_by_chance_become_the_same(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(250):
        format, width = chance.choice(DIALECTS), chance.randint(1, 4)
        data = csv_document(chance, format, width)
        assert_same_reading(data, format, width, frozenset(chance.sample(NULLS, 2)))
        for target in (JSONL, format, None):
            assert_same(data, csv_layout(chance, format, width, target), limit(chance))


@pytest.mark.parametrize("seed", range(4 * ROUNDS))
def test_lines_made_by_chance_become_the_same(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(200):
        keys = json_keys(chance)
        data = json_document(chance, keys)
        assert_same_reading(data, JSONL)
        for target in (JSONL, CSV, None):
            assert_same(data, json_layout(chance, target, keys), limit(chance))


def operations_on(chance: random.Random, names: list[str]) -> tuple[Operation, ...]:
    """Return a chain that may be a wrong one."""
    one, other = chance.choice(names), chance.choice(names)
    chains: list[tuple[Operation, ...]] = [
        (),
        (Select((one,)),),
        (Select(tuple(chance.sample(names, len(names)))),),
        (Drop((one,)),),
        (Rename(one, "é,"),),
        (Rename(one, other), Drop((other,))),
        (Drop((one,)), Rename(other, one)),
    ]
    return chance.choice(chains)


def assert_same_by_recipe(recipe: Recipe, data: bytes) -> None:
    """Compare the conversion that a recipe amounts to, if it is one."""
    try:
        resolution = resolve(recipe, data, "end", "in")
    except StreamxError:
        return
    assert resolution is not None
    assert_same(data[resolution.start :], resolution.plan.layout)


@pytest.mark.parametrize("seed", range(2 * ROUNDS))
def test_recipes_made_by_chance_give_the_same(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(150):
        format, width = chance.choice(DIALECTS), chance.randint(1, 3)
        names = [f"c{index}" for index in range(width)]
        header = format.delimiter.join(name.encode() for name in names) + b"\n"
        recipe = Recipe(
            format,
            chance.choice(TARGETS),
            nulls=frozenset(chance.sample(NULLS, 2)),
            operations=operations_on(chance, names),
        )
        assert_same_by_recipe(recipe, header + csv_document(chance, format, width))
        keys = json_keys(chance)
        names = list(dict.fromkeys(map(json_name, keys)))
        recipe = Recipe(
            JSONL,
            chance.choice(TARGETS),
            columns=tuple(names) if chance.random() < 0.5 else None,
            operations=operations_on(chance, names),
            extra_keys=chance.choice(["error", "drop"]),
            nested=chance.choice(["json", "flatten"]),
        )
        assert_same_by_recipe(recipe, json_document(chance, keys))


@pytest.mark.parametrize("seed", range(6 * ROUNDS))
def test_inputs_of_many_slices_become_the_same(seed: int) -> None:
    chance = random.Random(seed)
    format = chance.choice(DIALECTS)
    rows = [csv_record(chance, format, 3) for _ in range(200)]
    long = max(rows, key=len).replace(b"o", b"o" * chance.choice([100, 9_000]))
    data = b"".join([*chance.choices(rows, k=1_500), long, *chance.choices(rows, k=1_000)])
    for target in (JSONL, JSONL, format, None):
        layout = replace(csv_layout(chance, format, 3, target), max_record_bytes=MAX_RECORD_BYTES)
        assert_same(data, layout, chance.choice([None, None, 2_000]))
    rows = [json_record(chance, DISTINCT_KEYS[:3]) for _ in range(200)]
    data = b"".join(chance.choices(rows, k=1_500))
    for target in (JSONL, JSONL, CSV, CSV):
        layout = replace(
            json_layout(chance, target, DISTINCT_KEYS[:3]),
            drops_extra_keys=True,
            max_record_bytes=MAX_RECORD_BYTES,
        )
        assert_same(data, layout, chance.choice([None, None, 1_000]))


def test_next_to_no_data_becomes_the_same() -> None:
    chance = random.Random(0)
    layouts = [csv_layout(chance, format, 2) for format in DIALECTS]
    layouts += [json_layout(chance) for _ in DIALECTS]
    for data in (b"", b"\n", b"\r\n", b"\n\r\n\n", b"\r", b" ", b" \n"):
        for layout in layouts:
            assert_same_reading(data, layout.source)
        assert_all_same(data, layouts, [None, 0, 1])
