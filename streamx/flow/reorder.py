"""ReorderWindow: puts output that is finished in any order back into the order of its input."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from streamx.flow.statistics import BufferStatistics, Gauge
from streamx.flow.waiting import Signal

P = TypeVar("P", bound=bytes | memoryview)
R = TypeVar("R")


class ReorderWindow(Generic[P, R]):
    """Collect the parts of numbered outputs and hand them on in the order of the numbers.

    Each number gets any number of parts and then one result; a result of None ends the output
    without being handed on. The numbers start at 0 and have no gaps. A number `capacity` behind
    the oldest has to wait, and when the parts held reach `capacity_bytes`, all have to; only the
    oldest, which everything else waits for, may still put one part at a time. So the window holds
    `capacity` outputs, and `capacity_bytes` and one part, at most, and can never block itself.

    Args:
        capacity: most outputs held, at least 1.
        capacity_bytes: most bytes of parts held, at least 1.

    Raises:
        ValueError: there is no room for an output and a byte.

    Example:
        >>> import asyncio
        >>> async def main() -> list[bytes | str]:
        ...     window: ReorderWindow[bytes, str] = ReorderWindow(2, 1024)
        ...     await window.put(1, b"second")
        ...     await window.finish(1, "two")
        ...     await window.put(0, b"first")
        ...     await window.finish(0, "one")
        ...     window.close()
        ...     return [item async for item in window]
        >>> asyncio.run(main())
        [b'first', 'one', b'second', 'two']
    """

    def __init__(self, capacity: int, capacity_bytes: int) -> None:
        if capacity < 1 or capacity_bytes < 1:
            raise ValueError("a window needs room for at least one output and one byte")
        self.capacity = capacity
        self.capacity_bytes = capacity_bytes
        self._outputs: dict[int, _Output[P, R]] = {}
        self._oldest = 0
        self._is_closed = False
        self._gauge = Gauge()
        self._room = Signal()
        self._arrival = Signal()

    async def put(self, number: int, part: P) -> None:
        """Add the next part of an output, waiting for room first.

        Args:
            number: the output's, from 0.
            part: bytes or a memoryview, held as it is.
        """
        await self._room.wait(lambda: self._has_room(number, len(part)))
        self._output(number).parts.append(part)
        self._gauge.add(len(part), items=0)
        self._note(number)

    async def finish(self, number: int, result: R | None) -> None:
        """Add the result that ends an output; it takes no bytes.

        Args:
            number: the output's, from 0.
            result: handed on behind its parts, unless it is None.
        """
        await self._room.wait(lambda: self._is_within(number))
        output = self._output(number)
        output.result = result
        output.is_finished = True
        self._note(number)

    def close(self) -> None:
        """Say that every output has been finished."""
        self._is_closed = True
        self._arrival.notify()

    def statistics(self) -> BufferStatistics:
        """Return a snapshot; `fill` counts the outputs that hold a part or a result."""
        return self._gauge.statistics(
            self.capacity, self.capacity_bytes, self._room.clock, self._arrival.clock
        )

    def __aiter__(self) -> ReorderWindow[P, R]:
        return self

    async def __anext__(self) -> P | R:
        while True:
            await self._arrival.wait(lambda: self._is_closed or self._has_next())
            if not self._has_next():
                raise StopAsyncIteration
            output = self._outputs[self._oldest]
            if output.parts:
                return self._take_part(output)
            self._pass_on()
            if output.result is not None:
                return output.result

    def _take_part(self, output: _Output[P, R]) -> P:
        part = output.parts.popleft()
        self._gauge.remove(len(part), items=0)
        self._room.notify()
        return part

    def _pass_on(self) -> None:
        """Let the next output be the oldest."""
        del self._outputs[self._oldest]
        self._oldest += 1
        self._gauge.remove(0)
        self._room.notify()

    def _output(self, number: int) -> _Output[P, R]:
        if number not in self._outputs:
            self._outputs[number] = _Output()
            self._gauge.add(0)
        return self._outputs[number]

    def _note(self, number: int) -> None:
        if number == self._oldest:
            self._arrival.notify()

    def _has_next(self) -> bool:
        output = self._outputs.get(self._oldest)
        return output is not None and (bool(output.parts) or output.is_finished)

    def _is_within(self, number: int) -> bool:
        return number < self._oldest + self.capacity

    def _has_room(self, number: int, size_bytes: int) -> bool:
        if number == self._oldest and not self._outputs.get(number, _Output()).parts:
            return True
        return (
            self._is_within(number) and self._gauge.fill_bytes + size_bytes <= self.capacity_bytes
        )


class _Output(Generic[P, R]):
    """What is held of one output."""

    __slots__ = ("is_finished", "parts", "result")

    def __init__(self) -> None:
        self.parts: deque[P] = deque()
        self.result: R | None = None
        self.is_finished = False
