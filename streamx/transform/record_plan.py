"""RecordPlan: runs a chunk record by record, through expressions and functions of the user."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from streamx.chunk import Chunk, ChunkResult, FileOfInput
from streamx.codec import records
from streamx.codec.encode import Encoder
from streamx.codec.layout import Layout, Part, Tally
from streamx.position import note
from streamx.transform.chain import Chain, Counter, Step
from streamx.transform.functions import Calls
from streamx.transform.one_function import groups_of
from streamx.transform.opening import Beginning, OpenHeader
from streamx.transform.operations import Drop, Rename, Select, Set
from streamx.transform.plan import Lenience, Runner, result_of
from streamx.transform.results import CallError, Item, Refuse, grouped, stop

if TYPE_CHECKING:
    from streamx.transform.alignment import Alignment
    from streamx.transform.expressions import Expression


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """A recipe that looks into records, made definite: immutable, and the same for every worker.

    Attributes:
        layout: what the records look like that the first step gets.
        alignment: what they get before that, if anything.
        shapes: layout and alignment of each kind of file, where the input's files differ.
        steps: the chain, from the first that looks into records on.
        header: what the output starts with, before the first record's output.
        limits: for each limit in the chain, how many records may pass it over the whole run.
        columns: of a CSV output.
        open_header: the output's header where the results of the first chunk may add columns; that
            chunk's output starts with it.
        extra_keys: what a key beyond them means.
        calls: how functions are called.
        lenience: what becomes of bad records; None if the first one ends the run.
        priority: of the records that wait for the first function, the one for which this is lowest
            is called with next; None for that of the input.
    """

    layout: Layout
    steps: tuple[Step, ...]
    header: bytes = b""
    limits: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()
    open_header: OpenHeader | None = None
    extra_keys: Literal["error", "drop", "ignore"] = "error"
    calls: Calls = field(default_factory=Calls)
    lenience: Lenience | None = None
    priority: Expression | None = None
    alignment: Alignment | None = None
    shapes: tuple[tuple[Layout, Alignment | None], ...] = ()

    @property
    def is_open(self) -> bool:
        """Tell whether the first chunk has to be run before the others, for its `new_columns`."""
        return self.open_header is not None

    def settled(self, new_columns: tuple[str, ...]) -> RecordPlan:
        """Return the plan for all chunks but the first."""
        return replace(self, columns=self.columns + new_columns, open_header=None)

    def of(self, file: FileOfInput | None) -> RecordPlan:
        """Return the plan for the records of a file."""
        if file is None or (self.alignment is None and not self.shapes):
            return self
        known = self.layout, self.alignment
        layout, alignment = self.shapes[file.shape] if self.shapes else known
        if alignment is not None:
            alignment = replace(alignment, file=file.name)
        return replace(self, layout=layout, alignment=alignment, shapes=())

    def aligned(self, items: Iterable[Item], refuse: Refuse = stop) -> Iterable[Item]:
        """Return records as the first step gets them; `refuse` is told of those that cannot be."""
        return items if self.alignment is None else self.alignment.aligned(items, refuse)

    def opened(self) -> AbstractContextManager[Runner]:
        """Return what runs chunks in one worker, to be entered before and left after them."""
        if self.lenience is None:
            return RecordRunner(self)
        from streamx.transform.lenient_chain import LenientRecordRunner

        return LenientRecordRunner(self, self.lenience)

    def encoder(self) -> Encoder:
        """Return an encoder for the results."""
        return Encoder(
            self.layout.target,
            self.columns,
            extra_keys=self.extra_keys,
            strict_types=self.layout.strict_types,
        )


class RecordRunner(AbstractContextManager["RecordRunner"]):
    """A RecordPlan in one worker, with the functions loaded and the classes instantiated."""

    def __init__(self, plan: RecordPlan) -> None:
        self._plan = plan
        self._chain = Chain(plan.steps, plan.calls)
        self._encoder = plan.encoder()

    def __enter__(self) -> RecordRunner:
        self._chain.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._chain.__exit__(*error)

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Generator[Part, None, ChunkResult]:
        """Transform a chunk: yield bounded parts of output, return what it amounted to."""
        counter = Counter(limits)
        columns = self._plan.columns
        tally = yield from self.convert(chunk.data, counter, chunk.file)
        result = result_of(chunk, tally, counter.taken, is_last=counter.is_finished)
        return replace(
            result,
            new_columns=self._plan.columns[len(columns) :],
            retries=self._chain.retries.taken(),
        )

    def convert(
        self, data: bytes | memoryview, counter: Counter, file: FileOfInput | None = None
    ) -> Generator[Part, None, Tally]:
        """Transform whole records: yield bounded parts of output, return the tally."""
        plan = self._plan.of(file)
        source = Records(data, plan.layout)
        tally = Tally()
        groups = self._groups(plan, source, counter)
        try:
            if self._plan.open_header is not None:
                groups, header = self._open(self._plan.open_header, groups)
                if header:
                    yield header
            for group in groups:
                part = self._encoder.encode(group, tally)
                if part:
                    yield part
                if tally.bad is not None:
                    tally.bad = replace(tally.bad, stage="encode")
                    break
        except CallError as error:
            tally.bad = error.bad
        source.account(tally, counter)
        return tally

    def _open(
        self, header: OpenHeader, groups: Iterator[list[Item]]
    ) -> tuple[Iterator[list[Item]], bytes]:
        """Let the first results decide the columns; return all results, and the header."""
        beginning = Beginning(groups)
        names = beginning.new_names(self._plan.columns)
        self._plan = self._plan.settled(names)
        self._encoder = self._plan.encoder()
        return iter(beginning), header.with_columns(names)

    def _groups(self, plan: RecordPlan, source: Records, counter: Counter) -> Iterator[list[Item]]:
        """Return what the chain makes of records, in groups to be encoded together."""
        if self._chain.only_function is None or plan.alignment is not None:
            return grouped(self._chain.run(plan.aligned(source), counter))
        return groups_of(*self._chain.only_function, source.batches(), source.add)


class Records(Iterable[Item]):
    """Records, counted as they are taken."""

    def __init__(self, data: bytes | memoryview, layout: Layout) -> None:
        self.tally = Tally()
        self.count = 0
        self._batches = records(data, layout)

    def __iter__(self) -> Iterator[Item]:
        for batch in self.batches():
            batch.reverse()
            while batch:
                item = batch.pop()  # and not kept: it may become much larger
                self.count += 1
                note(item[1])
                yield item

    def account(self, tally: Tally, counter: Counter) -> None:
        """Add to a tally of results what was read for them, a bad record at the end included."""
        if tally.bad is None and not counter.is_finished:
            tally.bad = self.tally.bad
        tally.records_in = self.count
        tally.blank_lines = self.tally.blank_lines
        tally.padded = self.tally.padded
        tally.guesses = self.tally.guesses

    def batches(self) -> Iterator[list[Item]]:
        """Yield records as they are read, not counted."""
        while True:
            try:
                yield next(self._batches)  # type: ignore[arg-type]  # Records are Mappings
            except StopIteration as stop:
                self.tally = stop.value
                return

    def add(self, count: int) -> None:
        """Count records that were taken."""
        self.count += count


def output_columns(
    named: tuple[str, ...] | None, picks: Mapping[str, int | None], steps: Sequence[Step]
) -> dict[str, int | None]:
    """Return a CSV output's columns, each with the column of the input that it may come from.

    Args:
        named: the columns that the user named, which decide.
        picks: the columns that the first step gets.
        steps: the chain. What its functions add or leave out is not known.

    >>> output_columns(None, {"a": 0, "b": 1}, [Rename("b", "c"), Drop(("a",))])
    {'c': 1}
    """
    if named is not None:
        return {name: picks.get(name) for name in named}
    columns: dict[str, int | None] = dict(picks)
    for step in steps:
        if isinstance(step, Select):
            columns = {name: columns.get(name) for name in step.names}
        elif isinstance(step, Drop):
            columns = {name: at for name, at in columns.items() if name not in step.names}
        elif isinstance(step, Set):
            columns[step.name] = None
        elif isinstance(step, Rename):
            columns = {step.new if n == step.old else n: at for n, at in columns.items()}
    return columns
