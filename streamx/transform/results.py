"""Results: what user code gave for records, checked, and gathered to be encoded together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any, NamedTuple

from streamx.blame import own_traceback, summary
from streamx.codec import weight_of
from streamx.codec.layout import Bad
from streamx.codec.record import Record
from streamx.position import UnwantedError
from streamx.transform.calling import CallTimeoutError, TooManyResultsError, attempts_at

# Results that are encoded together: as many as make that cheap, as few as hold not much more than
# this, and those that have come while somebody may be waiting for them.
GROUP_RECORDS = 256
GROUP_BYTES = 1024 * 1024
GROUP_SECONDS = 0.05

# A result, and the byte position in its chunk of the record that it was made of.
Item = tuple[Mapping[str, Any], int]
# Told what a step could not do with records, and where these stand; it may raise the error.
Refuse = Callable[[BaseException, Sequence[int]], None]


class CallError(Exception):
    """A function or an expression failed, or a function returned what cannot be a record.

    Attributes:
        position: of the record, in its chunk.
        found, expected, traceback: as in a FunctionError.
        kind, attempts: as in a Bad.
    """

    def __init__(
        self,
        position: int,
        found: str,
        expected: str = "",
        traceback: str = "",
        *,
        kind: str = "result",
        attempts: int = 1,
    ) -> None:
        super().__init__(position, found, expected, traceback)
        self.position = position
        self.found = found
        self.expected = expected
        self.traceback = traceback
        self.kind = kind
        self.attempts = attempts

    def at(self, position: int) -> CallError:
        """Return the same for another record of a batch."""
        known = self.found, self.expected, self.traceback
        return CallError(position, *known, kind=self.kind, attempts=self.attempts)

    @property
    def bad(self) -> Bad:
        """What the record is that this was raised for."""
        return Bad(
            self.position,
            self.found,
            self.expected,
            "transform",
            self.traceback,
            self.kind,
            self.attempts,
        )


def stop(error: BaseException, positions: Sequence[int]) -> None:
    """Let a record that a step could not take end the run."""
    raise error


class Bunch(NamedTuple):
    """Some of the results of one record, and about how many bytes they hold."""

    items: list[Item]
    size_bytes: int


def results_of(result: Any, name: str, position: int) -> Iterator[Item]:
    """Yield what a function returned for one record, which may be nothing or several.

    Raises:
        CallError: it is nothing of the kind.
    """
    if result is None:
        return
    if isinstance(result, Mapping):
        yield kept(result), position
        return
    if isinstance(result, str | bytes | bytearray) or not isinstance(result, Iterable):
        raise CallError(
            position,
            f"{name} returned {_shape(result)}",
            "a record, a dict, None to drop the record, or an iterable of records",
        )
    for each in result:
        yield one_of(each, name, position)


def bunches_of(result: Any, name: str, position: int) -> Iterator[Bunch]:
    """Yield what a function returned for one record in bunches that may be encoded together.

    Where a bunch fails, nothing of it is left.

    Raises:
        CallError: the result is nothing of the kind, or iterating over it failed.
    """
    results = results_of(result, name, position)
    while True:
        try:
            bunch = _next_bunch(results)
        except BaseException as error:
            raise blamed(error, name, position) from error
        if not bunch.items:
            return
        yield bunch


def _next_bunch(results: Iterator[Item]) -> Bunch:
    items: list[Item] = []
    size_bytes = 0
    for item in results:
        items.append(item)
        size_bytes += weight_of(item[0])
        if len(items) >= GROUP_RECORDS or size_bytes >= GROUP_BYTES:
            break
    return Bunch(items, size_bytes)


def grouped(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield items in groups; those before an error come before it is raised."""
    group: list[Item] = []
    size_bytes, due = 0, monotonic() + GROUP_SECONDS
    try:
        for item in items:
            group.append(item)
            size_bytes += weight_of(item[0])
            if len(group) >= GROUP_RECORDS or size_bytes >= GROUP_BYTES or monotonic() > due:
                yield group
                group = []
                size_bytes, due = 0, monotonic() + GROUP_SECONDS
    except CallError:
        if group:
            yield group
        raise
    if group:
        yield group


def one_of(result: Any, name: str, position: int) -> Item:
    """Return one of several results, which must be a record.

    It is a copy, since functions yield a record, change it and yield it again.
    """
    try:
        if isinstance(result, Record):
            return result.copy(), position
        if isinstance(result, Mapping):
            return kept(result), position
    except BaseException as error:
        raise blamed(error, name, position) from error
    raise CallError(
        position, f"{name} gave {_shape(result)} among its results", "records or dicts only"
    )


def kept(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a result to keep until it is encoded: a Record, or a dict of what a Mapping holds now.

    Functions use the same dict again and again, and other Mappings run code of theirs.
    """
    if type(result) is dict:
        return result.copy()
    if isinstance(result, dict):
        return dict(dict.items(result))  # whatever methods its class has
    return result if isinstance(result, Record) else dict(result)


def check_batch(results: Any, count: int, name: str, position: int) -> Sequence[Any]:
    """Return the results of a batch if there is one for each record."""
    if isinstance(results, list | tuple) and len(results) == count:
        return results
    counted = "1 record" if count == 1 else f"{count} records"
    raise CallError(
        position,
        f"{name} returned {_shape(results)} for a batch of {counted}",
        "a list with one result for each record, None for one that is to be dropped",
    )


def blamed(error: BaseException, name: str, position: int) -> BaseException:
    """Return the error to raise for what a function raised.

    Functions run where no signal raises anything, so a KeyboardInterrupt is their own.
    """
    if isinstance(error, CallError | UnwantedError):
        return error
    if isinstance(error, SystemExit):
        found = f"{name} called sys.exit({error.code!r})"
        expected = "a result; raise an exception to stop the run"
        return CallError(position, found, expected, kind="SystemExit")
    attempts = attempts_at(error)
    if isinstance(error, CallTimeoutError):
        return CallError(position, f"{name} {error}", kind="TimeoutError", attempts=attempts)
    if isinstance(error, TooManyResultsError):
        expected = "fewer; those of a plain function without --retries are written as they come"
        return CallError(position, f"{name} {error}", expected, kind=type(error).__name__)
    found, kind = f"{name} raised {summary(error)}", type(error).__name__
    return CallError(position, found, "", own_traceback(error), kind=kind, attempts=attempts)


def _shape(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return type(value).__name__
