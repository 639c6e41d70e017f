"""Column names of an input that is named on a command line, for its completion."""

from __future__ import annotations

import codecs
import json
import os
import stat
from collections.abc import Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

import streamx

# A header, or some records of JSONL; read for each key that is pressed.
_HEAD_BYTES = 256 * 1024
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def column_names(ctx: click.Context) -> list[str]:
    """Return the columns of a command's INPUT, or none where they cannot be told at once.

    Only the start of a regular file on this machine is read, so nothing waits and nothing that a
    run would read is consumed.
    """
    # Where an option still lacks its value, arguments are left over by click.
    from streamx.read.files import first_file

    inputs = ctx.params.get("inputs") or (ctx.params.get("input") or next(iter(ctx.args), None),)
    try:
        path = None if inputs[0] is None else first_file(inputs[0])
        if path is None or not stat.S_ISREG(os.stat(path).st_mode):
            return []
        names = _of_rejects(path) if ctx.command.name == "retry" else _of_input(path, ctx.params)
    except Exception:  # whatever is wrong with the file is for the run to say
        return []
    return [name for name in names if name.isprintable()]


def complete_names(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Complete the last of several names that are separated by commas."""
    before, comma, last = incomplete.rpartition(",")
    given = before.split(",")
    cells = [_as_cell(name) for name in column_names(ctx)]
    return [
        CompletionItem(before + comma + cell, part=True)
        for cell in cells
        if cell.startswith(last) and cell not in given
    ]


def complete_pair(
    ctx: click.Context, incomplete: str, values: Iterable[str]
) -> list[CompletionItem[str]]:
    """Complete a name, or behind the equals sign one of some values."""
    name, sign, value = incomplete.rpartition("=")
    if sign:
        return [CompletionItem(name + sign + each) for each in values if each.startswith(value)]
    return [
        CompletionItem(f"{each}=", part=True)
        for each in column_names(ctx)
        if each.startswith(incomplete)
    ]


def _as_cell(name: str) -> str:
    """Return a name as Names reads it among others."""
    return '"' + name.replace('"', '""') + '"' if set(name) & set(',"') else name


def _of_rejects(path: str) -> list[str]:
    with open(path, "rb") as file:
        return list(json.loads(file.readline(_HEAD_BYTES))["columns"])


def _of_input(path: str, given: dict[str, Any]) -> list[str]:
    from streamx.codec import head as heads
    from streamx.codec import keys_of
    from streamx.codec.layout import JsonlFormat
    from streamx.values import file_format, format_from, format_of, record_format

    name = given.get("source_format") or format_of(path, "input", "--from")
    if file_format(name) is not None:
        # Twice as slow as what follows, which knows lines and tables of text only.
        place, sheet = given.get("records_at"), given.get("sheet")
        return list(streamx.schema(path, source_format=name, records_at=place, sheet=sheet))
    head = _head(path, given.get("encoding"))
    format = format_from(
        record_format(name), given.get("delimiter"), given.get("quote"), "--delimiter"
    )
    is_complete = len(head) < _HEAD_BYTES
    start = heads.preamble_end(head, given.get("skip_lines") or 0, is_complete) or 0
    if isinstance(format, JsonlFormat):
        end = len(head) if is_complete else heads.whole_records_end(head, start, format)
        return keys_of(head[start:end], flattens=given.get("nested") == "flatten") or []
    bounds = heads.first_record(head, start, format, is_complete)
    if bounds is None or bounds[0] == bounds[1]:
        return []
    header = heads.read_header(
        head,
        bounds,
        format,
        is_named=given.get("has_header") is not False,
        source=path,
        max_record_bytes=_HEAD_BYTES,
    )
    return list(header.names)


def _head(path: str, encoding: str | None) -> bytes:
    """Return the start of a file as plain UTF-8."""
    from streamx.compression import compression_in

    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
    compression = compression_in(head)
    if compression is not None:
        head = compression.loaded().decompressor().decompress(head, _HEAD_BYTES)
    if encoding is None and head.startswith(_MARKS):
        encoding = "utf-16"
    if encoding is None:
        return head
    return codecs.getincrementaldecoder(encoding)("strict").decode(head).encode()
