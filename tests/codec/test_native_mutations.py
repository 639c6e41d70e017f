"""The native codec gives what the reference gives for real files and for damaged ones."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cache

import pytest
from codec.conversions import CSV, JSONL, TSV
from codec.twin_documents import mutated
from codec.twins import ROUNDS, assert_same, assert_same_reading
from conftest import SAMPLE_DATA

from streamx.codec.layout import ColumnType, CsvFormat, Layout
from streamx.codec.reference.slices import scanner_of
from streamx.transform.operations import Drop, Rename, Select
from streamx.transform.plan import Recipe
from streamx.transform.resolve import resolve

NA = frozenset({b"NA"})
RECIPES = {
    "flights.csv": [
        Recipe(CSV, JSONL, nulls=NA),
        Recipe(CSV, JSONL, nulls=NA, strict_types=True, operations=(Drop(("year",)),)),
        Recipe(
            CSV, JSONL, pinned_types={"flight": ColumnType.NUMBER, "dep_time": ColumnType.BOOLEAN}
        ),
        Recipe(CSV, CSV, operations=(Rename("dest", "to"), Drop(("hour", "minute")))),
        Recipe(CSV, TSV, operations=(Select(("dest", "tailnum", "year")),)),
    ],
    "spdx_licenses.csv": [
        Recipe(CSV, JSONL),
        Recipe(CSV, JSONL, nulls=frozenset({b"true", b""}), operations=(Select(("url", "id")),)),
        Recipe(CSV, CSV, operations=(Select(("licenseText", "osiApproved")),)),
        Recipe(CSV, CsvFormat(b"'", b"a", b"\r\n"), max_record_bytes=3_000),
    ],
    "html_support.jsonl": [
        Recipe(JSONL, CSV),
        Recipe(JSONL, TSV, nested="flatten", extra_keys="drop"),
        Recipe(JSONL, CSV, columns=("spec_url", "feature"), extra_keys="drop"),
        Recipe(JSONL, JSONL),
        Recipe(JSONL, JSONL, operations=(Select(("support", "spec_url")),)),
        Recipe(JSONL, JSONL, operations=(Drop(("mdn_url",)), Rename("status", "state"))),
    ],
}


@dataclass(frozen=True)
class Sample:
    """A file, where its records start, and some layouts that fit it."""

    data: bytes
    starts: list[int]
    layouts: list[Layout]


@cache
def sample(name: str) -> Sample:
    """Read a sample file and resolve its recipes."""
    data = (SAMPLE_DATA / name).read_bytes()
    resolutions = [resolve(recipe, data, "end", name) for recipe in RECIPES[name]]
    found = [resolution for resolution in resolutions if resolution is not None]
    data = data[found[0].start :]
    layouts = [resolution.plan.layout for resolution in found]
    starts = list(scanner_of(layouts[0].source).starts(data))
    return Sample(data, [*starts, len(data)], layouts)


@pytest.mark.parametrize("name", RECIPES)
def test_a_real_file_becomes_the_same(name: str) -> None:
    for layout in sample(name).layouts:
        assert_same(sample(name).data, layout)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_real_file_with_damage_becomes_the_same(name: str, seed: int) -> None:
    chance = random.Random(seed)
    file = sample(name)
    for _ in range(120):
        first = chance.randrange(len(file.starts) - 1)
        after = min(first + chance.choice([1, 3, 20]), len(file.starts) - 1)
        data = file.data[file.starts[first] : file.starts[after]]
        for _ in range(chance.choice([1, 1, 3])):
            data = mutated(chance, data)
        for layout in file.layouts:
            assert_same(data, layout, chance.choice([None, None, None, 2]))
        assert_same_reading(data, file.layouts[0].source, len(file.layouts[0].columns), NA)


@pytest.mark.parametrize("name", RECIPES)
def test_a_whole_file_with_one_fault_becomes_the_same(name: str) -> None:
    file = sample(name)
    for seed in range(2 * ROUNDS):
        data = mutated(random.Random(seed), file.data)
        for layout in file.layouts:
            assert_same(data, replace(layout, strict_types=False))
        assert_same_reading(data, file.layouts[0].source, len(file.layouts[0].columns), NA)
