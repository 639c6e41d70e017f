"""Starting: which of the records that wait is the next to be on its way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from streamx.engine.flight import Flight, Outcome
from streamx.flow.adaptive import AdaptiveLimit
from streamx.flow.priority import PriorityBuffer
from streamx.transform.results import CallError, Item

if TYPE_CHECKING:
    from streamx.transform.priority import Urgency

# Records that may wait at a time; they are those of the chunks in flight, so that credits bound
# what they hold.
MOST_WAITING_RECORDS = 16 * 1024

# Takes a record that has got its place in the limit at a moment through everything.
Take = Callable[[Item, float], Coroutine[Any, Any, Outcome]]


class Starting(Protocol):
    """Starts the records of flights, as many at a time as a limit allows."""

    async def read(self, flight: Flight, records: Iterable[Item | None]) -> None:
        """Take in the records of a flight, where none is a pause; of one flight at a time.

        Raises:
            CallError: a record cannot be taken in.
        """
        ...

    async def start_rest(self, flight: Flight) -> None:
        """Return when all of a flight that was read has started."""
        ...


class InInputOrder:
    """Starts records in the order of the input, each when its flight has room for it."""

    def __init__(self, slots: AdaptiveLimit, take: Take) -> None:
        self._slots = slots
        self._take = take

    async def read(self, flight: Flight, records: Iterable[Item | None]) -> None:
        for record in records:
            await flight.wait_for_room()
            if record is not None:
                started = await self._slots.acquire()
                flight.add(asyncio.create_task(self._take(record, started)))

    async def start_rest(self, flight: Flight) -> None:
        """Return at once, since reading has started all."""


class ByPriority:
    """Starts of the records that wait, of whichever flight, the most urgent.

    A flight reads all of its records, and then lets as many start as there are of its own. One
    without room for more output keeps its records until it has some: the others must not wait for
    it, since it may wait for one of them to be written.

    Args:
        slots: bound the records that are on their way.
        take: takes a record through everything.
        urgency: tells how urgent a record is.
        is_lenient: a record of which that cannot be told is a bad one, and does not end the run.
    """

    def __init__(
        self,
        slots: AdaptiveLimit,
        take: Take,
        urgency: Callable[[Item], Urgency],
        *,
        is_lenient: bool,
    ) -> None:
        self._slots = slots
        self._take = take
        self._urgency = urgency
        self._is_lenient = is_lenient
        self._shares: dict[Flight, _Share] = {}
        self._waiting_records = 0
        self._waiting: PriorityBuffer[_Waiting] = PriorityBuffer(
            MOST_WAITING_RECORDS,
            MOST_WAITING_RECORDS,
            size_of=lambda _: 1,
            priority_of=lambda waiting: waiting.urgency,
        )

    async def read(self, flight: Flight, records: Iterable[Item | None]) -> None:
        share = self._shares[flight] = _Share(flight)
        for record in records:
            if record is None:
                continue
            try:
                urgency = self._urgency(record)
            except CallError as error:
                if not self._is_lenient:
                    raise
                flight.add_bad(error.bad)
                continue
            while self._waiting_records == MOST_WAITING_RECORDS:
                await self._start_most_urgent()
            share.records += 1
            self._waiting_records += 1
            await self._waiting.put(_Waiting(urgency, record, share))

    async def start_rest(self, flight: Flight) -> None:
        share = self._shares[flight]
        while share.records:
            if share.kept and flight.has_room:
                started = await self._slots.acquire()
                self._start(share, share.kept.popleft(), started)
            elif share.records == len(share.kept):
                await flight.wait_for_room()
            else:
                await self._start_most_urgent()
        del self._shares[flight]

    async def _start_most_urgent(self) -> None:
        """Start one, unless others have started all meanwhile that may start."""
        started = await self._slots.acquire()
        while self._waiting_records:
            self._waiting_records -= 1
            _, record, share = await self._waiting.get()
            if share.flight.has_ended:
                continue
            if share.flight.has_room:
                self._start(share, record, started)
                return
            share.kept.append(record)
        self._slots.release(started, is_sign=False)

    def _start(self, share: _Share, record: Item, started: float) -> None:
        share.records -= 1
        share.flight.add(asyncio.create_task(self._take(record, started)))


class _Share:
    """What of all that waits is a flight's.

    Attributes:
        records: how many have not started.
        kept: those whose turn came when the flight had no room.
    """

    def __init__(self, flight: Flight) -> None:
        self.flight = flight
        self.records = 0
        self.kept: deque[Item] = deque()


class _Waiting(NamedTuple):
    """A record that waits."""

    urgency: Urgency
    record: Item
    share: _Share
