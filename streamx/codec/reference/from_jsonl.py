"""Converts slices of JSONL lines to CSV and to JSONL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from streamx.codec.layout import (
    MOST_NAMED_KEYS,
    Bad,
    CsvFormat,
    Layout,
    Tally,
    excerpt,
)
from streamx.codec.reference.emit import CsvWriter, json_lines, json_string
from streamx.codec.reference.json_columns import Shapes, cell_values, uniform_columns
from streamx.codec.reference.json_lines import JsonlScanner
from streamx.codec.reference.json_records import (
    DuplicateKeyError,
    RenameClashError,
    flat_pairs,
    parse,
)
from streamx.codec.reference.slices import Filled

_SPACE = b" \t\r\n"


class JsonlToCsv:
    """JSON objects to CSV records under a header that is already fixed."""

    def __init__(self, layout: Layout) -> None:
        assert isinstance(layout.target, CsvFormat)
        self._layout = layout
        self._writer = CsvWriter(layout.target)
        names = [column.name.encode() for column in layout.columns]
        self._known = frozenset(names)
        self._shapes = Shapes()
        self._picked = [names[pick.index] for pick in layout.picks]

    def __call__(self, data: bytes, limit: int | None, tally: Tally) -> bytes:
        slice = filled_lines(data, limit)
        tally.blank_lines = slice.blank_lines(None)
        lines = slice.records
        same = None if self._layout.flattens else uniform_columns(lines)
        if same is not None and (self._layout.ignores_extra_keys or same.keys() <= self._known):
            tally.records_in = tally.records_out = len(lines)
            nulls = [b"null"] * len(lines)
            return self._write([same.get(name, nulls) for name in self._picked])
        records: list[dict[bytes, bytes]] = []
        pairs_of = flat_pairs if self._layout.flattens else self._shapes.pairs
        for index, line in enumerate(lines):
            try:
                pairs = pairs_of(object_at(line))
            except ValueError as error:
                tally.bad = bad_line(slice.position(index), line, error)
                break
            if not pairs.keys() <= self._known and not self._accept(pairs, index, slice, tally):
                break
            records.append(pairs)
        tally.records_in = tally.records_out = len(records)
        if tally.bad is not None:
            tally.blank_lines = slice.blank_lines(len(records))
        if not records:
            return b""
        return self._write(
            [[pairs.get(name, b"null") for pairs in records] for name in self._picked]
        )

    def _write(self, columns: list[Sequence[bytes]]) -> bytes:
        return self._writer.records([self._writer.cells(cell_values(values)) for values in columns])

    def _accept(
        self, pairs: dict[bytes, bytes], index: int, slice: Filled[bytes], tally: Tally
    ) -> bool:
        """Deal with keys that the header lacks; return False where they make the record bad."""
        layout = self._layout
        if layout.ignores_extra_keys:
            return True
        extra = [key.decode() for key in pairs if key not in self._known]
        if not layout.drops_extra_keys:
            where = excerpt(slice.records[index])
            tally.bad = Bad(slice.position(index), *extra_key(extra[0], where), kind="extra key")
            return False
        for key in extra:
            tally.dropped_values += 1
            if key not in tally.dropped_keys and len(tally.dropped_keys) <= MOST_NAMED_KEYS:
                tally.dropped_keys[key] = slice.position(index)
        return True


class JsonlToJsonl:
    """JSON texts to JSON texts: validated and passed on, or with keys chosen and renamed."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        columns = [column.name.encode() for column in layout.columns]
        self._known = frozenset(columns)
        self._shapes = Shapes()
        self._renames = {columns[pick.index]: pick.name.encode() for pick in layout.picks}
        self._prefixes = {name: json_string(name) + b":" for name in self._renames.values()}

    def __call__(self, data: bytes, limit: int | None, tally: Tally) -> bytes:
        slice = filled_lines(data, limit)
        tally.blank_lines = slice.blank_lines(None)
        lines = slice.records
        if not self._layout.is_unchanged and not self._layout.passes_unknown_keys:
            same = uniform_columns(lines)
            if same is not None and same.keys() >= self._renames.keys():
                tally.records_in = tally.records_out = len(lines)
                picked = {new: same[name] for name, new in self._renames.items()}
                return json_lines([name.decode() for name in picked], list(picked.values()))
        output: list[bytes] = []
        for index, line in enumerate(lines):
            try:
                output.append(self._convert(line))
            except ValueError as error:
                tally.bad = bad_line(slice.position(index), line, error)
                break
        tally.records_in = tally.records_out = len(output)
        if tally.bad is not None:
            tally.blank_lines = slice.blank_lines(len(output))
        return b"\n".join([*output, b""])

    def _convert(self, line: bytes) -> bytes:
        if self._layout.is_unchanged:
            parse(line)
            return line
        pairs = self._shapes.pairs(object_at(line))
        chosen = self._own_order(pairs) if self._layout.passes_unknown_keys else self._picked(pairs)
        return b"{%b}" % b",".join(chosen)

    def _picked(self, pairs: dict[bytes, bytes]) -> Iterator[bytes]:
        for name, new_name in self._renames.items():
            if name in pairs:
                yield self._prefixes[new_name] + pairs[name]

    def _own_order(self, pairs: dict[bytes, bytes]) -> Iterator[bytes]:
        for name, value in pairs.items():
            if name in self._renames:
                yield self._prefixes[self._renames[name]] + value
            elif name not in self._known:
                if name in self._prefixes:
                    raise RenameClashError(name.decode())
                yield json_string(name) + b":" + value


def extra_key(key: str, where: str) -> tuple[str, str]:
    """Say what was found and expected where a key has no column."""
    return (
        f"the key {key!r}, which the header lacks, in {where}",
        "only keys of the header; name all columns with --columns, "
        "or leave others out with --extra-keys drop",
    )


def object_at(line: bytes) -> bytes:
    """Return a line that holds a JSON object.

    Raises:
        orjson.JSONDecodeError: the line is not JSON.
        NotAnObjectError: it is JSON of another kind.
    """
    value = parse(line)
    if not isinstance(value, dict):
        raise NotAnObjectError(excerpt(line))
    return line


class NotAnObjectError(ValueError):
    """A line holds valid JSON, but no object."""


def filled_lines(data: bytes, limit: int | None) -> Filled[bytes]:
    """Return the lines of a slice that are not blank."""
    scanner = JsonlScanner()
    return Filled(data, scanner, scanner.records(data), _is_blank, limit)


def _is_blank(line: bytes) -> bool:
    return not line or (line.isspace() and not line.strip(_SPACE))


def bad_line(position: int, line: bytes, error: ValueError) -> Bad:
    """Say what is wrong with a line that an error was raised for."""
    if isinstance(error, orjson.JSONDecodeError):
        column = error.pos + 1
        return Bad(
            position,
            f"no valid JSON at character {column} ({error.msg}) in {excerpt(line)}",
            "one JSON text on each line (RFC 8259)",
            kind="invalid JSON",
        )
    if isinstance(error, DuplicateKeyError):
        return Bad(
            position,
            f"the key {error.args[0]!r} twice in {excerpt(line)}",
            "each key once, since a column has room for one value",
            kind="duplicate key",
        )
    if isinstance(error, RenameClashError):
        return Bad(
            position,
            f"the key {error.args[0]!r} in {excerpt(line)}, the name that a column is renamed to",
            "no other key of that name; rename to another with --rename",
            kind="renamed key",
        )
    found = f"no JSON object but {error.args[0]}"
    return Bad(position, found, "an object on each line", kind="no object")
