"""Stage: a function between two buffers, so that it works ahead of what reads it."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Generic, TypeVar

from streamx.flow.buffer import BoundedBuffer, Limit
from streamx.flow.pipeline import close_all

T = TypeVar("T")
R = TypeVar("R")


class Stage(Generic[T, R]):
    """A function from one async iterable to another, with a limit on either side.

    In a `pipeline` the function by itself runs only while the part behind it asks for an item. As a
    Stage it has a task of its own, `run`: it takes what has been put, as long as what it gives has
    room. When it returns early, what is left is not read.

    Args:
        fn: gets the items put as an async iterator; gives any number of its own. A generator.
        inbound: the limit of what waits for it.
        outbound: the limit of what it has given and nobody has taken yet.

    Raises:
        ValueError: a limit has no room for an item and a byte.

    Example:
        >>> import asyncio
        >>> from streamx.flow import pipeline
        >>> async def lines(blocks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        ...     rest = b""
        ...     async for block in blocks:
        ...         *whole, rest = (rest + block).split(b";")
        ...         for line in whole:
        ...             yield line
        ...     yield rest
        >>> async def blocks() -> AsyncIterator[bytes]:
        ...     for block in b"one;t", b"wo;three":
        ...         yield block
        >>> async def to_list(items: AsyncIterable[bytes]) -> list[bytes]:
        ...     return [item async for item in items]
        >>> async def main() -> list[bytes]:
        ...     by_count, by_bytes = Limit(8, 1 << 20, size_of=len), Limit(1000, 64, size_of=len)
        ...     stage = Stage(lines, inbound=by_count, outbound=by_bytes)
        ...     return await pipeline(blocks(), stage, sink=to_list)
        >>> asyncio.run(main())
        [b'one', b'two', b'three']
    """

    def __init__(
        self,
        fn: Callable[[AsyncIterator[T]], AsyncIterable[R]],
        *,
        inbound: Limit[T],
        outbound: Limit[R],
    ) -> None:
        self.inbound: BoundedBuffer[T] = inbound.buffer()
        self.outbound: BoundedBuffer[R] = outbound.buffer()
        self._fn = fn

    async def put(self, item: T) -> None:
        """Add an item for the function to read, waiting for room first.

        Raises:
            BufferClosedError: the stage is closed.
        """
        await self.inbound.put(item)

    def close(self) -> None:
        """Say that nothing more will be put; the function reads the rest, and then its end."""
        self.inbound.close()

    async def run(self) -> None:
        """Run the function to its end, then close `outbound`.

        Raises:
            BaseException: whatever the function raised.
        """
        outputs = aiter(self._fn(self.inbound))
        try:
            async for output in outputs:
                await self.outbound.put(output)
        finally:
            await close_all([outputs])
        self.outbound.close()

    def __aiter__(self) -> AsyncIterator[R]:
        return aiter(self.outbound)
