"""pipeline(): joins a source, stages and a sink, and carries errors and cancellation both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

R = TypeVar("R")

# A stage without a buffer: what reads one async iterable and is another, such as a generator.
Through = Callable[[AsyncIterator[Any]], AsyncIterable[Any]]


@runtime_checkable
class Duplex(Protocol):
    """What is written to on one side, where `put` waits while it is full, and read on the other."""

    async def put(self, item: Any, /) -> None:
        """Add an item, waiting for room first."""

    def close(self) -> None:
        """Say that nothing more will be put; who reads gets what is inside, and then the end."""

    def __aiter__(self) -> AsyncIterator[Any]: ...


@runtime_checkable
class Running(Protocol):
    """A Duplex that takes a task of its own to get from one side to the other."""

    async def run(self) -> None: ...


async def pipeline(
    source: AsyncIterable[Any],
    *stages: Through | Duplex,
    sink: Callable[[AsyncIterator[Any]], Awaitable[R]],
) -> R:
    """Run a source through stages into a sink and return the sink's result.

    Each stage is a function from one async iterable to another, which runs when the next part asks
    for an item, or one with a buffer that is filled ahead: a Stage, a BoundedBuffer, a WorkerPool.
    The first failure cancels all parts and is raised as itself, never as an ExceptionGroup. A sink
    that returns early, having seen enough, stops everything before it. However the pipeline ends,
    every task has ended, and source and generators are closed.

    Args:
        source: any async iterable; it is advanced only when the first stage has room.
        stages: in order; with none, the sink reads the source itself.
        sink: called with an async iterator of what leaves the last stage.

    Returns:
        What the sink returned.

    Raises:
        BaseException: whatever the first part to fail raised.

    Example:
        >>> async def numbers() -> AsyncIterator[int]:
        ...     for number in range(3):
        ...         yield number
        >>> async def double(items: AsyncIterable[int]) -> AsyncIterator[int]:
        ...     async for item in items:
        ...         yield 2 * item
        >>> async def total(items: AsyncIterable[int]) -> int:
        ...     return sum([item async for item in items])
        >>> asyncio.run(pipeline(numbers(), double, sink=total))
        6
    """
    links: list[AsyncIterator[Any]] = [aiter(source)]
    for stage in stages:
        links.append(aiter(stage if isinstance(stage, Duplex) else stage(links[-1])))
    upstream: list[Coroutine[Any, Any, None]] = []
    for link, stage in zip(links, stages, strict=False):
        if isinstance(stage, Duplex):
            upstream.append(_pump(link, stage))
        if isinstance(stage, Running):
            upstream.append(stage.run())
    try:
        result = await _run(upstream, sink, links[-1])
    except BaseException:
        await close_all(links)  # what failed first is what is raised
        raise
    failures = await close_all(links)
    if failures:
        raise failures[0]
    return result


async def together(*coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run coroutines as tasks until all have ended.

    The first failure cancels all the others and is raised as itself, never as an ExceptionGroup
    (unless that is what it was).

    Args:
        coroutines: what is to run.

    Returns:
        Their results in the same order, None for one that was cancelled.

    Raises:
        BaseException: whatever the first of them to fail raised.
        RuntimeError: what one of them waited for was cancelled, but not it.

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


async def close_all(links: list[AsyncIterator[Any]]) -> list[BaseException]:
    """Close what can be closed, the last first; return what that raised."""
    failures: list[BaseException] = []
    for link in reversed(links):
        if hasattr(link, "aclose"):
            try:
                await link.aclose()
            except BaseException as failure:
                failures.append(failure)
    return failures


async def _run(
    upstream: list[Coroutine[Any, Any, None]],
    sink: Callable[[AsyncIterator[Any]], Awaitable[R]],
    last: AsyncIterator[Any],
) -> R:
    driving: asyncio.Task[Any] | None = None

    async def drive() -> None:
        nonlocal driving
        driving = asyncio.current_task()
        await together(*upstream)

    async def finish() -> R:
        result = await sink(last)
        if driving is not None:
            driving.cancel()
        return result

    _, result = await together(drive(), finish())
    return cast(R, result)


async def _pump(link: AsyncIterator[Any], inbound: Duplex) -> None:
    async for item in link:
        await inbound.put(item)
    inbound.close()
