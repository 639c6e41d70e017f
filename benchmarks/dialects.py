"""How often dialects and encodings are found: by streamx, clevercsv, csv.Sniffer and others.

    python -m benchmarks.dialects [SAMPLES]

The samples are those of `dialect_inputs`. Dialects are looked for in the decoded text, since not
everybody decodes; encodings in the bytes, and right is one that decodes them to the text.
"""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

import click

from benchmarks.dialect_inputs import Found, Sample, faults, sample
from streamx.codec.dialect import sniff
from streamx.read.encodings import sniff_encoding

# Where a tool finds none, it takes what most of them take.
_DEFAULT = Found(",", '"', True, 0)


def by_streamx(text: str) -> Found:
    """Look for a dialect as `--sniff` does."""
    found = sniff(text.encode())
    quote = found.quote.decode()
    return Found(found.delimiter.decode(), quote, found.has_header, found.skip_lines)


def by_clevercsv(text: str) -> Found:
    """Ask clevercsv, which knows of no preamble."""
    sniffer = import_module("clevercsv").Sniffer()
    found = sniffer.sniff(text)
    if found is None:
        return _DEFAULT
    has_header = sniffer.has_header(text)
    return Found(found.delimiter or ",", found.quotechar or '"', has_header, 0)


def by_csv_sniffer(text: str) -> Found:
    """Ask Python's csv.Sniffer, which knows of none either."""
    sniffer = csv.Sniffer()
    found = sniffer.sniff(text)
    return Found(found.delimiter, found.quotechar or '"', sniffer.has_header(text), 0)


def encoding_by_streamx(data: bytes) -> str:
    """Look for an encoding as `--sniff` does; what needs no name has a mark, or is UTF-8."""
    marked = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return sniff_encoding(data, "sample") or marked


def encoding_by_charset_normalizer(data: bytes) -> str:
    """Ask charset_normalizer."""
    best = import_module("charset_normalizer").from_bytes(data).best()
    return "utf-8" if best is None else str(best.encoding)


def dialect_row(name: str, find: Callable[[str], Found], samples: Sequence[Sample]) -> str:
    """Return a line of what was found right, all of it and without the samples with a preamble."""
    started = time.perf_counter()
    found = [_found(find, each.text) for each in samples]
    milliseconds = (time.perf_counter() - started) / len(samples) * 1000
    wrong = [list(faults(*pair)) for pair in zip(samples, found, strict=True)]
    plain = [each for each, sample in zip(wrong, samples, strict=True) if not sample.skip_lines]
    kinds = Counter(kind for each in wrong for kind in each)
    listed = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
    return f"| {name} | {_share(wrong)} | {_share(plain)} | {milliseconds:.1f} | {listed} |"


def encoding_row(name: str, find: Callable[[bytes], str], samples: Sequence[Sample]) -> str:
    """Return the like of encodings."""
    started = time.perf_counter()
    found = [find(each.data) for each in samples]
    milliseconds = (time.perf_counter() - started) / len(samples) * 1000
    wrong = [list(_encoding_faults(*pair)) for pair in zip(samples, found, strict=True)]
    return f"| {name} | {_share(wrong)} | {milliseconds:.1f} |"


def _encoding_faults(sample: Sample, encoding: str) -> Iterator[str]:
    if sample.data.decode(encoding, "replace").removeprefix("\ufeff") != sample.text:
        yield sample.encoding


def _found(find: Callable[[str], Found], text: str) -> Found:
    try:
        return find(text)
    except Exception:  # each has its own
        return _DEFAULT


def _share(faults: Sequence[list[str]]) -> str:
    return f"{100 * sum(not each for each in faults) / len(faults):.1f} %"


def main(count: int) -> None:
    """Print how often each tool is right."""
    samples = [sample(seed) for seed in range(count)]
    click.echo("| dialect | all right | without preambles | ms each | wrong |")
    click.echo("|---|---:|---:|---:|---|")
    click.echo(dialect_row("streamx", by_streamx, samples))
    click.echo(dialect_row("clevercsv", by_clevercsv, samples))
    click.echo(dialect_row("csv.Sniffer", by_csv_sniffer, samples))
    click.echo(dialect_row("the default", lambda _: _DEFAULT, samples))
    click.echo("\n| encoding | right | ms each |\n|---|---:|---:|")
    click.echo(encoding_row("streamx", encoding_by_streamx, samples))
    click.echo(encoding_row("charset_normalizer", encoding_by_charset_normalizer, samples))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 480)
