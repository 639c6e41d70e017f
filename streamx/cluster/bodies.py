"""Bodies: where the records of each file of an input start, behind its header."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from streamx.codec import head as heads
from streamx.ends import open_inlet
from streamx.errors import InputError
from streamx.job import Job
from streamx.read.decode import undecoded
from streamx.read.files import InputFile
from streamx.transform.plan import Recipe
from streamx.transform.resolve import Ending, Resolution, body_in


@dataclass(frozen=True, slots=True)
class Body:
    """The records of a file.

    Attributes:
        file: which.
        offset, line: where the first one stands.
        is_plain: the file holds them as they stand, so that it can be read from anywhere.
    """

    file: InputFile
    offset: int
    line: int
    is_plain: bool


async def bodies_of(
    job: Job, files: Sequence[InputFile], resolution: Resolution
) -> AsyncIterator[Body]:
    """Yield the bodies of files, in order; the heads are read as they are asked for.

    Args:
        job: how to read them.
        files: all of one format, and with the columns of the first.
        resolution: of the first one.

    Raises:
        InputError: a file cannot be read, or has other columns.
    """
    names = tuple(column.name for column in resolution.plan.layout.columns)
    for number, file in enumerate(files):
        found = await _body_of(job, file, names if number else None)
        if number == 0:
            found = replace(found, offset=resolution.start, line=resolution.line)
        yield found


async def _body_of(job: Job, file: InputFile, names: tuple[str, ...] | None) -> Body:
    own = replace(job, input=file.address, source_format=job.source)
    source, reader = await open_inlet(own, lambda _: None)

    def decide(head: bytes, ending: Ending) -> tuple[int, int] | None:
        return _start(own.recipe, head, ending, file.name, names)

    try:
        offset, line = await reader.resolve(decide)
        is_plain = undecoded(source) is not None
    finally:
        await reader.close()
    return Body(file, offset, line, is_plain)


def _start(
    recipe: Recipe, head: bytes, ending: Ending, source: str, names: tuple[str, ...] | None
) -> tuple[int, int] | None:
    """Return offset and line of the first record; without names they are not looked for."""
    if names is None:
        start = heads.preamble_end(head, recipe.skip_lines, ending == "end")
        return None if start is None else (start, 0)
    header = body_in(recipe, head, ending, source)
    if header is None:
        return None
    if header.names and header.names != names:
        raise InputError(
            f"{source}: the header names {', '.join(header.names)}; expected "
            f"{', '.join(names)}, as in the first file of the input"
        )
    return header.end, head.count(b"\n", 0, header.end) + 1
