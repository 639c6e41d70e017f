"""pipeline(): joins a source, stages and a sink, and carries errors and cancellation both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar, cast

R = TypeVar("R")


class Inbound(Protocol):
    """The side of a stage that is written to; `put` waits while the stage is full."""

    async def put(self, item: Any, /) -> None: ...

    def close(self) -> None: ...


class Stage(Protocol):
    """A part of a pipeline: reads `inbound`, writes `outbound` and closes it, within `run`."""

    @property
    def inbound(self) -> Inbound: ...

    @property
    def outbound(self) -> AsyncIterable[Any]: ...

    async def run(self) -> None: ...


async def pipeline(
    source: AsyncIterator[Any],
    *stages: Stage,
    sink: Callable[[AsyncIterable[Any]], Awaitable[R]],
) -> R:
    """Run a source through stages into a sink and return the sink's result.

    Every part runs as a task. The first failure cancels all the others and is raised as itself,
    never as an ExceptionGroup. A sink that returns early, having seen enough, stops everything
    before it. However the pipeline ends, every task has ended and the source is closed.

    Args:
        source: an async iterator; it is advanced only when the first stage has room.
        stages: see Stage; with none, the sink reads the source itself.
        sink: called with the last stage's outbound side.

    Raises:
        BaseException: whatever the first part to fail raised.

    Example:
        >>> async def numbers() -> AsyncIterator[int]:
        ...     for number in range(3):
        ...         yield number
        >>> async def total(items: AsyncIterable[int]) -> int:
        ...     return sum([item async for item in items])
        >>> asyncio.run(pipeline(numbers(), sink=total))
        3
    """
    links: list[AsyncIterable[Any]] = [source, *(stage.outbound for stage in stages)]
    upstream: list[Coroutine[Any, Any, None]] = []
    for link, stage in zip(links, stages, strict=False):
        upstream += [_pump(link, stage.inbound), stage.run()]
    driving: asyncio.Task[Any] | None = None

    async def drive() -> None:
        nonlocal driving
        driving = asyncio.current_task()
        await together(*upstream)

    async def finish() -> R:
        result = await sink(links[-1])
        if driving is not None:
            driving.cancel()
        return result

    try:
        _, result = await together(drive(), finish())
    finally:
        if hasattr(source, "aclose"):
            await source.aclose()
    return cast(R, result)


async def together(*coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run coroutines as tasks until all have ended; return their results, None if cancelled.

    The first failure cancels all the others and is raised as itself, never as an ExceptionGroup
    (unless that is what it was).

    Example:
        >>> async def answer() -> int:
        ...     return 42
        >>> asyncio.run(together(answer(), answer()))
        [42, 42]
    """
    failures: list[BaseException] = []

    async def noting_failure(coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await coroutine
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody cancelled this task: what it waited for was, so it has failed.
            failures.append(RuntimeError("what a part of the flow waited for was cancelled"))
            raise failures[-1] from error
        except BaseException as error:
            failures.append(error)
            raise

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(noting_failure(coroutine)) for coroutine in coroutines]
    except BaseExceptionGroup:
        raise failures[0] from None
    return [None if task.cancelled() else task.result() for task in tasks]


async def _pump(link: AsyncIterable[Any], inbound: Inbound) -> None:
    async for item in link:
        await inbound.put(item)
    inbound.close()
