"""Sniffing: a job learns from the first bytes of its input what its options leave open."""

from __future__ import annotations

import codecs
import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from streamx.codec.dialect import DELIMITERS, QUOTES, Dialect, sniff
from streamx.codec.head import SAMPLE_BYTES, preamble_end
from streamx.codec.layout import BYTE_ORDER_MARK, CsvFormat
from streamx.ends import Inlet
from streamx.job import Job
from streamx.monitor.stderr import Note
from streamx.read.decode import decoded
from streamx.read.encodings import marked_encoding, sniff_encoding
from streamx.transform.resolve import Ending

# As much decides the dialect; the encoding shows later, where most of a text is ASCII.
_SNIFFED_BYTES = 64 * 1024
_TAB = "\t"


class Sniffed(NamedTuple):
    """What an input is read like.

    Attributes:
        job: with options as they were found.
        inlet: its input, from the first byte on.
        note: what was found, and the options that pin it.
    """

    job: Job
    inlet: Inlet
    note: Note


class _Finding(NamedTuple):
    dialect: Dialect
    encoding: str | None  # to be named
    encoding_shown: str
    is_empty: bool


async def sniffed(job: Job, inlet: Inlet) -> Sniffed:
    """Read as much of an input as tells its dialect and its encoding; what is given stays.

    Raises:
        InputError: it cannot be read, or its encoding cannot be told.
    """
    source, reader = inlet
    finding = await reader.resolve(partial(_find, job, name=source.name))
    if job.encoding is None:
        in_utf8 = partial(decoded, encoding=finding.encoding)
        inlet = Inlet(reader.begin_again(in_utf8), reader)
    dialect, usual = finding.dialect, _format_of(job)
    found = replace(
        job,
        sniff=False,
        delimiter=_unless(dialect.delimiter, usual.delimiter) or job.delimiter,
        quote=_unless(dialect.quote, usual.quote) or job.quote,
        has_header=job.has_header and dialect.has_header,
        skip_lines=job.skip_lines or dialect.skip_lines,
        encoding=job.encoding or finding.encoding,
    )
    return Sniffed(found, inlet, Note(f"{source.name}: {_account(job, found, finding)}"))


def _find(job: Job, head: bytes, ending: Ending, *, name: str) -> _Finding | None:
    """Return what a head shows, or None if it is too short; an idle input has to give a line."""
    if ending in ("open", "pause") and len(head) < SAMPLE_BYTES:
        return None
    if ending == "idle" and b"\n" not in head:
        return None
    head = head[:SAMPLE_BYTES]
    encoding, shown, text = None, job.encoding or "UTF-8", head
    if job.encoding is None:
        encoding = sniff_encoding(head, name)
        shown = encoding or marked_encoding(head) or "UTF-8"
        text = codecs.getincrementaldecoder(shown)("replace").decode(head).encode()
    sample = text[:_SNIFFED_BYTES].removeprefix(BYTE_ORDER_MARK)
    if ending != "end" or len(text) > _SNIFFED_BYTES:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    start = preamble_end(sample, job.skip_lines, is_complete=True) or 0
    format = _format_of(job)
    delimiters = [format.delimiter, *(DELIMITERS if job.delimiter is None else ())]
    quotes = [format.quote, *(QUOTES if job.quote is None else ())]
    return _Finding(sniff(sample[start:], delimiters, quotes), encoding, shown, not sample)


def _format_of(job: Job) -> CsvFormat:
    """Return the format that holds where nothing is found."""
    format = job.recipe.source
    assert isinstance(format, CsvFormat), "other inputs are refused"
    return format


def _unless(found: bytes, usual: bytes) -> str | None:
    return None if found == usual else found.decode()


def _account(job: Job, found: Job, finding: _Finding) -> str:
    """Say what was found, and which options do the same."""
    if finding.is_empty:
        return "found nothing, so nothing was sniffed"
    pins = " ".join(_pins(job, found))
    advice = f"pin it with {pins}" if pins else "no option is needed for that"
    return f"found {', '.join(_facts(found, finding))}; {advice}"


def _facts(found: Job, finding: _Finding) -> Iterator[str]:
    format = _format_of(found)
    yield f"delimiter {_shown(format.delimiter.decode())}"
    if format.quote != QUOTES[0]:
        yield f"quote {_shown(format.quote.decode())}"
    yield "header" if found.has_header else "no header"
    if found.skip_lines:
        yield f"{found.skip_lines} line{'s' if found.skip_lines > 1 else ''} before"
    yield finding.encoding_shown


def _pins(job: Job, found: Job) -> Iterator[str]:
    for option, was, is_ in (
        ("--delimiter", job.delimiter, found.delimiter),
        ("--quote", job.quote, found.quote),
        ("--skip-lines", job.skip_lines, found.skip_lines),
        ("--encoding", job.encoding, found.encoding),
    ):
        if is_ != was:
            yield f"{option} {'tab' if is_ == _TAB else shlex.quote(str(is_))}"
    if found.has_header != job.has_header:
        yield "--no-header"


def _shown(character: str) -> str:
    return "tab" if character == _TAB else f"'{character}'" if character != "'" else '"\'"'
