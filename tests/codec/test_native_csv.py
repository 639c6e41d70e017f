"""The native codec reads and writes CSV as the reference does, wherever in a block bytes stand."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import pytest
from codec.conversions import CSV, JSONL, TSV, layout_of
from codec.test_types import CELL_TYPES
from codec.twin_documents import NULLS, csv_document
from codec.twins import (
    Case,
    assert_all_same,
    assert_each_same,
    assert_same,
    assert_same_reading,
    dialect,
)

from streamx.codec.layout import Column, ColumnType, CsvFormat, Format, Layout, Pick
from streamx.codec.reference.csv_records import csv_scanner
from streamx.codec.reference.emit import CsvWriter

STRING, INTEGER, NUMBER, BOOLEAN = ColumnType
TYPED = layout_of(CSV, JSONL, "ab", INTEGER, NUMBER, nulls=frozenset({b"", b"NA"}))
TO_TSV = layout_of(CSV, replace(TSV, line_end=b"\r\n"), "ab")
LAYOUTS = [
    layout_of(CSV, JSONL, "ab"),
    TYPED,
    layout_of(CSV, CSV, "ab"),
    replace(TO_TSV, picks=(Pick(1, "b"), Pick(0, "a"))),
    layout_of(CSV, dialect("x", "y"), "ab"),
]
SPECIAL = [
    *(b",", b'"', b"\r", b"\n", b"\r\n", b"\t", b"\\", b"\x00", b"\x1f", b"\x7f", b"y"),
    *(text.encode() for text in ("é", "€", "𝄞", "\ufeff", "\ufec0", "\uf8ff", '""', '",', "\x80")),
]
UTF8_LEADS = bytes.fromhex("41 80 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 f7 f8 fe ff")
UTF8_SECONDS = bytes.fromhex("41 7f 80 8f 90 9f a0 bf c0 ff")
UTF8_THIRDS = bytes.fromhex("41 80 bf e2")
INVALID_UTF8 = [
    *(b"\xff", b"\x80", b"\xc3", b"\xe2\x82", b"\xf0\x9d\x84", b"\xc0\x80", b"\xe0\x9f\xbf"),
    *(b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf0\x8f\xbf\xbf"),
]
ASCII = [chr(code) for code in range(1, 128) if chr(code) not in "\r\n"]


def padded(special: bytes) -> list[bytes]:
    """Return texts with special bytes at every place, and more or less behind them."""
    behind = (0, 1, 2, 7, 15, 16, 31, 33, 63)
    return [b"x" * before + special + b"x" * after for before in range(100) for after in behind]


@pytest.mark.parametrize("special", SPECIAL, ids=ascii)
def test_special_bytes_are_seen_at_every_place_of_a_cell(special: bytes) -> None:
    texts = padded(special)
    cells = [CsvWriter(CSV).cell(text) for text in texts]
    bare = [text for text in texts if b"\n" not in text and csv_scanner(CSV).cells(text) == [text]]
    for lasts in (cells, bare):
        firsts = random.Random(0).sample(cells, len(lasts))
        data = b"".join(b"%b,%b\n" % row for row in zip(firsts, lasts, strict=True))
        assert_same_reading(data, CSV, 2)
        assert_all_same(data, LAYOUTS)


@pytest.mark.parametrize("border", [0, 16, 32, 64, 128])
def test_escapes_meet_at_every_place_around_the_end_of_a_vector(border: int) -> None:
    pieces = [b"x", b'"', b'""', b"y", b"\\", b"\n", b"\x01"]
    texts = [
        b"z" * (border - before) + b"".join(escapes) + tail
        for before in range(min(border, 6) + 1)
        for escapes in product(pieces, repeat=4)
        for tail in (b"", b"z" * 66 + b'y"\x01')
    ]
    for format in (CSV, dialect(",", "y"), dialect(",", "\\"), dialect(",", "\x01")):
        writer = CsvWriter(format)
        data = b"".join(b"%b\n" % writer.cell(text) for text in texts)
        assert_same(data, layout_of(format, JSONL, "a"))


def test_every_control_character_is_escaped_beside_any_other() -> None:
    pairs = product(range(32), repeat=2)
    texts = [b"%c%b%c" % (one, b"x" * (one % 3 * 20), other) for one, other in pairs]
    writer = CsvWriter(CSV)
    data = b"".join(b"%b\n" % writer.cell(text) for text in texts)
    assert_same(data, layout_of(CSV, JSONL, "a"))


GOOD = [
    *(b'"y,1\n', b'"y,1\n2,y"\n', b'"",1\n', b'y"y"\r,1\n', b',"y"\n', b',"y"\r\n', b',"\n"\n'),
    *(b',"\r\n,"\r\n', b',""""\n', b',"y""\n"""\n', b',""\n\n\r\n', b",1\r\n", b",\r\r\n"),
    b',"y"\n"y","1"\n',
]
BAD = [
    *(sequence + b"y,1\n" for sequence in INVALID_UTF8),
    *(
        b'"y,1\n2,y",5\n',
        b'","y,1\n',
        b',"1\n',
        b',"y"y\n',
        b",,\n",
        b"\n",
        b"\r\n",
        b',""",\n"y\n',
        b',"y"\r',
    ),
]


@pytest.mark.parametrize("end", [*GOOD, *BAD], ids=ascii)
def test_the_end_of_a_record_is_seen_at_every_place_of_a_block(end: bytes) -> None:
    cases: list[Case] = []
    for before in range(135):
        data = b"x" * before + end + b"z" * 70 + b",3\n4,5\n"
        cases.append((data, LAYOUTS[before % 5], None))
        cases.append((data[: -before - 1], LAYOUTS[(before + 1) % 5], None))
        cases.append((b'1,"2"\n' + data, LAYOUTS[(before + 2) % 5], None))
    assert_each_same(cases)


def test_utf8_is_valid_or_not_from_every_lead_byte_on() -> None:
    layout = layout_of(CSV, JSONL, "a")
    sequences = product(UTF8_LEADS, UTF8_SECONDS, UTF8_THIRDS, UTF8_THIRDS)
    assert_each_same(
        (b"1\n" + b"x" * (number % 37) + bytes(sequence) + b"x" * (number % 5), layout, None)
        for number, sequence in enumerate(sequences)
    )


@pytest.mark.parametrize("before", [0, 1, 3, 7, 14, 15, 29, 31, 62, 63])
def test_utf8_is_valid_or_not_across_the_end_of_a_block(before: int) -> None:
    sequences = [char.encode() for char in ("\x80", "\u07ff", "\u0800", "\uffff", "\U00010000")]
    sequences += ["\ud7ff\ue000\U0010ffff".encode(), *INVALID_UTF8]
    starts = [sequence[:end] for sequence in sequences for end in range(1, len(sequence) + 1)]
    tails = [b"", b"\n", b"x\n", b",1\n", b"x" * 40]
    assert_each_same(
        (b"x" * before + start + tail, LAYOUTS[0], None) for start in starts for tail in tails
    )


def test_every_code_point_comes_through() -> None:
    points = [*range(0x20, 0x900), *range(0xD700, 0xE100), *range(0xFF00, 0x10100)]
    points += range(0x10100, 0x110000, 911)
    texts = [chr(point).encode("utf-8", "ignore") for point in points]
    writer = CsvWriter(CSV)
    assert_all_same(b"".join(b"a,%b\n" % writer.cell(text) for text in texts), LAYOUTS)


# A column of each type, inferred and pinned.
COLUMNS = [Column(f"{type}{pin}", type, pin) for type in ColumnType for pin in (False, True)]
PICKS = [Pick(index, column.name) for index, column in enumerate(COLUMNS)]
EACH_TYPE = Layout(CSV, JSONL, tuple(COLUMNS), tuple(PICKS))


def repeated(texts: list[str]) -> bytes:
    """Return a record for each text that holds it in every column."""
    cells = [CsvWriter(CSV).cell(text.encode()) for text in texts]
    return b"".join(b",".join([cell] * len(COLUMNS)) + b"\n" for cell in cells)


def test_a_null_token_is_told_from_texts_like_it() -> None:
    nulls = [*(null.decode() for null in NULLS), "7", "-0.5", "1e5", "TRUE", "12345678"]
    for null in nulls:
        alike = [null + "1", null[:-1], "7" + null[1:], null[:-1] + "7"]
        data = repeated([null, *alike, "1.5", "7", "true", "x", ""])
        for others in (set[bytes](), {b"NA"}, {b"", b"x"}):
            assert_same(data, replace(EACH_TYPE, nulls=frozenset({null.encode(), *others})))


def assert_same_values(texts: list[str]) -> None:
    """Compare how each text is taken by each type."""
    assert_same(repeated(texts), replace(EACH_TYPE, nulls=frozenset({b"-0", b"1e1"})))
    for text in texts[:: len(texts) // 300 + 1]:
        # The first record of the second one decides nothing, but its quote needs a closer look.
        for sample in (f"{text}\n\n{text}", f'x",\n"{text}"\r\n'):
            assert_same_reading(sample.encode(), CSV)


def test_short_texts_are_numbers_or_not() -> None:
    assert_same_values(
        ["".join(chars) for length in range(1, 6) for chars in product("-019.e", repeat=length)]
    )


def test_long_texts_are_numbers_or_not() -> None:
    lengths = [*range(20), 30, 31, 32, 33, 63, 64, 65]
    wholes = [first + "0" * length for first in "01" for length in lengths] + ["", "12345678"]
    fractions = [zeros + "9" * length for zeros in ("", "0", "0" * 17) for length in lengths]
    texts = [f"{whole}.{fraction}" for whole, fraction in product(wholes, fractions)]
    texts += [f"-{whole}{tail}" for whole in wholes for tail in ("", "e+9", "E-0000000000", "5x")]
    assert_same_values(texts)


def test_typed_cells_are_told_from_texts_like_them() -> None:
    texts = [text for texts in CELL_TYPES.values() for text in texts if "," not in text]
    words = ["true", "True", "TRUE", "false", "False", "FALSE", "null", "12345678", "-1.5"]
    texts += [
        word[:at] + char + word[at + 1 :] for word in words for at in range(9) for char in "eE_"
    ]
    texts += [
        word + tail for word in words for tail in ("s", "\r", " ", "\x00", "é", "e", "0" * 20)
    ]
    assert_same_values([*words, *texts, ""])


@pytest.mark.parametrize("type", [INTEGER, NUMBER, BOOLEAN])
def test_strict_types_stop_at_the_same_cell(type: ColumnType) -> None:
    columns = (Column("a b", NUMBER), Column("c", type, True))
    picks = (Pick(1, "c"), Pick(0, "a b"))
    layout = Layout(CSV, JSONL, columns, picks, strict_types=True, nulls=frozenset({b"NA", b"x"}))
    cells = ["", "1", "-1.5", "1e5", "TRUE", "no", "NA", '"x"', '"1"', '"\n"', '"1\n"', "é" * 50]
    for one, other in product(cells, repeat=2):
        assert_same(f"1,{cells[1]}\n{one},{other}\n\nno,no\n".encode(), layout)


SCALARS = [b"1234567890", b"-1.5e+3", b"0E9", b"true", b"false", b"null", b'"["', b"[{}, 1]"]
LINES = b"".join(b'{"a":%b}\n{"a":%b,"b":%b}\n' % ((scalar,) * 3) for scalar in SCALARS)


def test_any_character_is_a_delimiter_or_a_quote() -> None:
    for char in ASCII:
        chance = random.Random(ord(char))
        other = "'" if char == '"' else '"'
        for format in (dialect(char, other), dialect(other, char)):
            to_jsonl = layout_of(format, JSONL, ["a", char], NUMBER)
            for target in (JSONL, format, CSV):
                assert_same(csv_document(chance, format, 2), replace(to_jsonl, target=target))
            for nulls in (frozenset[bytes](), frozenset({b"x"})):
                assert_same(quoted_cells(format), replace(to_jsonl, nulls=nulls))
            to_format = replace(to_jsonl, source=CSV, target=format)
            assert_same(csv_document(chance, CSV, 2), to_format)
            line = b'{"a":"x%by","%b":"%b"}\n' % ((char.encode(),) * 3)
            assert_same(line, replace(to_format, source=JSONL))
            layouts = [layout_of(JSONL, format, "a"), layout_of(JSONL, format, "ab")]
            assert_all_same(LINES, layouts)


def quoted_cells(format: CsvFormat) -> bytes:
    """Return cells that hold next to nothing, or a doubled quote at each place."""
    quote = format.quote
    texts = [b"", quote * 2, b"0.", *(b"x" * at + quote * 2 + b"x" * 9 for at in range(40))]
    return b"".join(b"%b%b%b%b1\n" % (quote, text, quote, format.delimiter) for text in texts)


@pytest.mark.parametrize("width", [1, 2, 3, 16, 63, 64, 65, 5_000])
def test_any_number_of_columns_comes_through(width: int) -> None:
    names = [f"{number}\t" for number in range(width)]
    picks = tuple(Pick(index, names[index]) for index in range(0, width, 3))
    cells = [b"", b"1", b"x", b'"y,"']
    rows = [[cells[(row + cell) % 4] for cell in range(width)] for row in range(4)]
    data = b"".join(b",".join(row) + b"\n" for row in [*rows, rows[0] + rows[1][:1]])
    for target in (JSONL, CSV, TSV):
        layout = layout_of(CSV, target, names, *[INTEGER] * width)
        assert_all_same(data, [layout, replace(layout, picks=picks[::-1])])
        assert_same(b"," * (width - 2) + b"\n", layout)


@pytest.mark.parametrize("record", [b"\n", b",\n", b'"",\r\n', b",,,,,,,\n"])
def test_slices_hold_any_number_of_records_and_fields(record: bytes) -> None:
    layout = layout_of(CSV, CSV, "abcdefgh"[: record.count(b",") + 1])
    for first in (b"", b'x"' + record):
        data = first + record * (70_000 // len(record))
        assert_same_reading(data, CSV, 1_000 if first else len(layout.columns))
        assert_all_same(data, [layout, replace(layout, target=TSV)])


LONG_CELLS = [b"x" * 70_000, b'"%b"' % (b'x"",\n' * 14_000), "é€𝄞".encode() * 8_000]


@pytest.mark.parametrize("cell", LONG_CELLS, ids=["plain", "quoted", "not ASCII"])
def test_cells_of_more_than_64_kib_come_through(cell: bytes) -> None:
    for after in (b"", b"\n4,5\n", b'"', b"\xff\n", b",\n"):
        assert_all_same(b"1," + cell + after, LAYOUTS[1:4])
    assert_all_same(b"x,2\n" * 8_000 + b"3," + cell, LAYOUTS[1:4])


LONE_CELLS = ["", '""', "\r", '"\r"', "x\r", '"x\r"', "\ufeff", '"\ufeff"', "\ufeffx", " "]


@pytest.mark.parametrize("target", [CSV, TSV, JSONL, dialect("1", "2")], ids=repr)
def test_lone_and_last_cells_are_written_the_same(target: Format) -> None:
    cases: list[Case] = []
    for end, last_end in product(["\n", "\r\n", "\n\n", "\r\r\n", ""], repeat=2):
        for one, other in product(LONE_CELLS, repeat=2):
            data = f"{one}{end}{other}{last_end}".encode()
            cases.append((data, layout_of(CSV, target, "a"), None))
        pairs = "".join(f"{one},{other}{end}" for one, other in product(LONE_CELLS, repeat=2))
        cases.append((pairs.encode(), layout_of(CSV, target, "ab"), None))
    assert_each_same(cases, by_turns=True)
