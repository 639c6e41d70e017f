"""Inputs and layouts made by chance, seeded or drawn by hypothesis, for comparing two codecs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from codec.conversions import CSV, JSONL, TSV
from codec.test_json_records import VALUES
from codec.test_json_to_csv import KEYS
from codec.twins import dialect
from hypothesis import strategies as st

from streamx.codec.layout import (
    MAX_RECORD_BYTES,
    Column,
    ColumnType,
    CsvFormat,
    Format,
    Layout,
    Pick,
)
from streamx.codec.reference.emit import CsvWriter

# Drawn as a seed: hypothesis would take each choice that makes a document for a draw of its own,
# which takes longer than to convert it.
CHANCE = st.integers(0, 2**64 - 1).map(random.Random)
DIALECTS = [
    *(CSV, TSV, dialect(",", '"', "\r\n"), dialect(";", "'"), dialect("|", "\\")),
    *(dialect("1", "a"), dialect("-", "."), dialect('"', ","), dialect("{", ":")),
    *(dialect(" ", "\x7f"), dialect("N", "0")),
]
NAMES = ("a", "b", 'c,"', "é\n\\", "")
# Without the one that is another in escapes.
DISTINCT_KEYS = [key for key in KEYS if key != "a"]
NULLS = [
    *(b"NA", b"", b"-", b"0", b"1.5", b"true", b'a "', b"x\n", b"x,y", "é".encode(), b"n" * 9),
    *(b"12345678901234567", b"n" * 62, b"n" * 63, b"n" * 64 + b'"', b'"' * 70 + b"n" * 70),
]
_NUMBER_PARTS = [
    *("-", "+", "0", "1", "9", "10", ".", "0.", "e5", "E-7", "000", "0000000000000000"),
    *("1234567", "12345678901234", "123456789012345", "x", " "),
]
_WORDS = [
    *("", "", "x", "NA", "-", "null", "true", "True", "TRUE", "false", "tRUE", "falsey", "a,b"),
    *('say "hi"', '"', '""', "line\nbreak", "\n", "\r", "cr\rhere", "end\r", "\r\n", "\ufeff"),
    *("\ufeffx", "x\ufeff", "é€𝄞", "\x00", "\x7f", "\x1f", "\x0b", "\u2028", "\\", "{", "[1]"),
    *("=a", "@b,", "+", "-x", "\tt", "\rr", "=1" * 40, '=HYPERLINK("x")', "-.5e+", "+1.e9"),
    *("\t", ";", "'", "|", "long " * 20, "é" * 40, "x" * 31, "x" * 64, "y" * 33 + '"'),
    *(
        "1.5",
        "-1.5",
        "n" * 8,
        "n" * 9,
        "n" * 8 + "m",
        "z" * 15 + "\n",
        "n" * 62,
        "n" * 63,
        "n" * 64 + '"',
        '"' * 70 + "n" * 70,
    ),
]
CSV_LINE_ENDS = [*[b"\n"] * 12, *[b"\r\n"] * 4, b"\n\n", b"\r\n\n", b"\n\r\n"]
JSON_LINE_ENDS = [*CSV_LINE_ENDS, b" \n", b"\t\r\n", b"\n \t\r\n"]
# What to splice into good data; none of it is a whole record.
TOKENS = [
    *(b'"', b'""', b",", b"\n", b"\r\n", b"\r", b"\r\r\n", b" \n", b"\xef\xbb\xbf", b"\xff"),
    *(b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\x80"),
    *(b"\\", b"\\u", b'\\"', b"\\ud800", b"{", b"}", b"[", b"]", b":", b"1e400", b"-", b".", b"0"),
    *(b"NA", b"\t", b" ", b"'", b"true", b"null", b'"a":', b"\x7f", b"\x00", b"\x1f", b"x" * 70),
]  # fmt: skip


def number(chance: random.Random) -> str:
    """Return what may look like a number."""
    return "".join(chance.choice(_NUMBER_PARTS) for _ in range(chance.randint(1, 3)))


def csv_record(chance: random.Random, format: CsvFormat, width: int) -> bytes:
    """Return a good record of a width, with its line end."""
    writer = CsvWriter(format)
    cells = []
    for _ in range(width):
        text = number(chance) if chance.random() < 0.5 else chance.choice(_WORDS)
        cell = text.encode()
        if chance.random() < 0.15:
            cell = format.quote + cell.replace(format.quote, format.quote * 2) + format.quote
        else:
            cell = writer.cell(cell)
        cells.append(cell)
    return format.delimiter.join(cells) + chance.choice(CSV_LINE_ENDS)


def csv_document(chance: random.Random, format: CsvFormat, width: int) -> bytes:
    """Return a table without a header, now and then a spoilt one."""
    rows = chance.choice([1, 2, 5, 30])
    return _perhaps_spoilt(chance, b"".join(csv_record(chance, format, width) for _ in range(rows)))


def json_record(chance: random.Random, keys: Sequence[str]) -> bytes:
    """Return a line with an object that has these keys or, more seldom, others."""
    keys = list(keys)
    order = chance.random()
    if order < 0.15:
        chance.shuffle(keys)
    elif order < 0.2:
        keys = chance.sample(DISTINCT_KEYS, chance.randint(0, 4))
    elif order < 0.25:
        keys.append(f"k{chance.randint(0, 99)}")
    comma, colon, margin = chance.choice(
        [(",", ":", "")] * 3 + [(", ", ": ", ""), (" ,\t", " :", " ")]
    )
    body = comma.join(f'"{key}"{colon}{_json_value(chance)}' for key in keys)
    return f"{margin}{{{margin}{body}{margin}}}".encode() + chance.choice(JSON_LINE_ENDS)


def json_keys(chance: random.Random) -> list[str]:
    """Return some of KEYS."""
    return chance.sample(chance.choice([KEYS, DISTINCT_KEYS]), chance.randint(1, 4))


def json_document(chance: random.Random, keys: Sequence[str]) -> bytes:
    """Return lines of JSON, most with these keys, now and then spoilt ones."""
    lines = chance.choice([1, 2, 5, 30])
    return _perhaps_spoilt(chance, b"".join(json_record(chance, keys) for _ in range(lines)))


def csv_layout(
    chance: random.Random, format: CsvFormat, width: int, target: Format | None = None
) -> Layout:
    """Return a layout for records of a width; without a target, to any format."""
    names = NAMES[:width]
    columns = tuple(
        Column(name, chance.choice(list(ColumnType)), chance.random() < 0.3) for name in names
    )
    targets: list[Format] = [JSONL, JSONL, format, *DIALECTS]
    return Layout(
        format,
        _perhaps_escaping(chance, target or chance.choice(targets)),
        columns,
        _picks(chance, names, least=1),
        nulls=frozenset(chance.sample(NULLS, chance.choice([0, 0, 1, 4]))),
        strict_types=chance.random() < 0.2,
        pads_short_records=chance.random() < 0.4,
        max_record_bytes=_max_record_bytes(chance),
    )


def json_layout(
    chance: random.Random, target: Format | None = None, keys: Sequence[str] = DISTINCT_KEYS
) -> Layout:
    """Return a layout for lines that have these keys or some of KEYS."""
    names = list(dict.fromkeys(map(json_name, keys)))
    if chance.random() < 0.4:
        names = chance.sample([json_name(key) for key in DISTINCT_KEYS], chance.randint(1, 6))
    targets: list[Format] = [JSONL, *DIALECTS]
    target = _perhaps_escaping(chance, target or chance.choice(targets))
    passes_unknown_keys = chance.random() < 0.5
    needs_picks = isinstance(target, CsvFormat) or not passes_unknown_keys
    return Layout(
        JSONL,
        target,
        tuple(map(Column, names)),
        _picks(chance, names, least=int(needs_picks)),
        is_unchanged=chance.random() < 0.2,
        passes_unknown_keys=passes_unknown_keys,
        drops_extra_keys=chance.random() < 0.6,
        ignores_extra_keys=chance.random() < 0.4,
        flattens=chance.random() < 0.2,
        max_record_bytes=_max_record_bytes(chance),
    )


def _perhaps_escaping(chance: random.Random, target: Format) -> Format:
    """Let the target escape formulas now and then, where its dialect allows that."""
    if isinstance(target, CsvFormat) and b"'" not in (target.delimiter, target.quote):
        return replace(target, escapes_formulas=chance.random() < 0.3)
    return target


def limit(chance: random.Random) -> int | None:
    """Return how many records to take; as a rule all."""
    return chance.choice([None] * 6 + [0, 1, 2, 5, 29, 100])


def mutated(chance: random.Random, data: bytes) -> bytes:
    """Return data with one thing changed: bytes flipped, taken, doubled, moved or put in."""
    at, end = sorted(chance.randint(0, len(data)) for _ in range(2))
    end = min(end, at + chance.choice([1, 2, 20]))
    piece, other = data[at:end], chance.randint(0, len(data))
    changed = chance.choice(
        [
            bytes(byte ^ 1 << chance.randint(0, 7) for byte in piece),
            b"",
            piece * 2,
            data[other : other + len(piece)],
            piece[::-1],
            chance.choice(TOKENS) + piece,
            chance.choice(TOKENS),
        ]
    )
    return data[:at] + changed + data[end:]


def json_name(key: str) -> str:
    """Return the name of one of KEYS, in which one thing is escaped."""
    return key.replace("\\u0061", "a")


def _json_value(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.5:
        return chance.choice(_SHORT_VALUES)
    if kind < 0.9:
        return chance.choice(_STRINGS)
    space = chance.choice(["", " ", "\t"])
    inner = f",{space}".join(chance.choice(_SHORT_VALUES) for _ in range(chance.randint(0, 3)))
    return chance.choice([f"[{inner}{space}]", f'{{"{chance.choice(KEYS)}" :{space}[{inner}]}}'])


_SHORT_VALUES = [value for value in VALUES if len(value) < 50]
_STRINGS = [
    *('"x"', '""', '"a, b"', '"é€𝄞"', '"\\n"', '"\\"\\\\\\/\\b\\f\\r\\t"', '"\\u00e9\\u20AC"'),
    *('"\\ud834\\uDD1E"', '"\\u0000"', '"\\ufeff"', '"\ufeff"', '"null"', '"{"'),
    *('"\\u0022,\\u000a"', '"' + "long " * 20 + '"', '"' + "x" * 31 + '\\"' + "y" * 33 + '"'),
]  # fmt: skip


def _picks(chance: random.Random, names: Sequence[str], least: int) -> tuple[Pick, ...]:
    """Return all columns or some in any order, now and then one under another name."""
    indexes = list(range(len(names)))
    if chance.random() < 0.6:
        indexes = chance.sample(indexes, chance.randint(least, len(names)))
    news = {index: names[index] for index in indexes}
    if indexes and chance.random() < 0.3:
        new = chance.choice(["new", "c", "", 'é"'])
        if new not in names:
            news[indexes[0]] = new
    return tuple(Pick(index, name) for index, name in news.items())


def _perhaps_spoilt(chance: random.Random, data: bytes) -> bytes:
    if chance.random() < 0.4:
        data = mutated(chance, data)
    return data.rstrip(b"\r\n") if chance.random() < 0.3 else data


def _max_record_bytes(chance: random.Random) -> int:
    return MAX_RECORD_BYTES if chance.random() < 0.9 else chance.randint(1, 100)
