"""A cluster of Dask (`distributed`), which calls functions on its workers."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from streamx import __version__
from streamx.cluster.calls import CallLostError
from streamx.errors import ClusterError, StreamxError

# Of distributed, which is imported when a run needs it, and whose types say little.
Client = Any
Future = Any

A = TypeVar("A")
R = TypeVar("R")

# How long to wait for workers, at the beginning and later.
JOIN_SECONDS = 60


class DaskCluster:
    """Calls functions on the workers of a scheduler.

    Args:
        client: of the scheduler, with a thread of its own.
        owned: what was started for this run, to be closed in this order.

    Attributes:
        name: the scheduler's address.
        threads: of all workers that are there at first.
    """

    def __init__(self, client: Client, owned: list[Any]) -> None:
        self.name = str(client.scheduler.address)
        self.threads = max(sum(client.nthreads().values()), 1)
        self._client = client
        self._owned = owned
        self._has_workers = True
        self._looked_at = time.monotonic()

    async def call(self, function: Callable[[A], R], argument: A, *, is_urgent: bool) -> R:
        """Call a function on some worker; see Cluster.call."""
        import cloudpickle  # comes with distributed

        future = self._client.submit(
            caller(),
            __version__,
            cloudpickle.dumps((function, argument)),
            key=f"{function.__name__}-{uuid.uuid4().hex}",
            priority=int(is_urgent),
        )
        try:
            await self._end_of(future)
            while future.status == "lost":  # with its worker, so the scheduler has it made again
                await self._end_of(future)
            return await asyncio.to_thread(self._result_of, future)
        finally:
            future.release()

    async def close(self) -> None:
        """End what was started for this run."""
        await close_all(self._owned)

    async def _end_of(self, future: Future) -> None:
        """Wait until a call has ended in some way, or there is nobody who could end it."""
        ended = _ended(future)
        while not (await asyncio.wait({ended}, timeout=JOIN_SECONDS))[0]:
            await self._look_for_workers()

    async def _look_for_workers(self) -> None:
        """Find out for all calls that wait whether workers are left, which may be restarting once.

        Raises:
            ClusterError: there was none this time and the time before.
        """
        now = time.monotonic()
        if now - self._looked_at < JOIN_SECONDS / 2:
            return
        self._looked_at = now
        had_workers = self._has_workers
        try:
            self._has_workers = bool(await asyncio.to_thread(self._client.nthreads))
        except OSError:  # the scheduler is lost, which ends all calls
            return
        if not self._has_workers and not had_workers:
            raise ClusterError(
                f"no worker is left at the scheduler {self.name}; --resume goes on with what is "
                "finished, when there are some again"
            )

    def _result_of(self, future: Future) -> Any:
        from distributed import KilledWorker

        if future.status == "cancelled":
            raise self._lost()
        try:
            host, found, answer = future.result()
        except KilledWorker as error:
            raise CallLostError(f"{error.allowed_failures + 1} workers died while at it") from error
        except ModuleNotFoundError as error:
            raise ClusterError(
                f"a worker has no module {error.name}; install there what is installed here"
            ) from error
        except asyncio.CancelledError as error:
            raise self._lost() from error
        refuse_other_version(f"on {host}", found)
        if isinstance(answer, StreamxError):
            raise answer
        return answer

    def _lost(self) -> Exception:
        """Return what to say of a call that was cancelled, and not by us."""
        return ClusterError(
            f"the scheduler at {self.name} was lost; --resume goes on with what is finished, "
            "when there is one again"
        )


async def close_all(owned: Iterable[Any]) -> None:
    """Close what was started for a run, in order, as far as it is still there."""
    for each in owned:
        with contextlib.suppress(Exception):  # it is gone already
            await asyncio.to_thread(each.close)


def refuse_other_version(where: str, found: str | None) -> None:
    """Refuse a worker that `caller` has found to have another streamx than this, or None.

    Raises:
        ClusterError: so it is.
    """
    if found != __version__:
        what = "no streamx" if found is None else f"streamx {found}"
        raise ClusterError(
            f"the worker {where} has {what}, and the run is begun by {__version__}; "
            "install the same version on all workers"
        )


def caller() -> Callable[[str, bytes | None], tuple[str, str | None, Any]]:
    """Return a function that goes as code, as neither scheduler nor workers need have streamx.

    It returns the name of its machine, the version of streamx there, and the answer to a call. This
    is bytes to the scheduler, so that it costs it nothing, and to a worker with another version,
    which might misunderstand it.
    """

    def call(version: str, payload: bytes | None) -> tuple[str, str | None, Any]:
        import os

        host = os.uname().nodename
        try:
            import streamx
        except ImportError:
            return host, None, None
        if payload is None or streamx.__version__ != version:
            return host, streamx.__version__, None
        from streamx.cluster.dask import answer_to

        return host, version, answer_to(payload)

    return call


def answer_to(payload: bytes) -> Any:
    """Make a call where it was sent, and return its result or what it raised of our errors.

    An error goes back bare. Dask would send all that its traceback and context hold, and where that
    cannot be pickled, as it is deep in a flow, nothing but its words.
    """
    function, argument = pickle.loads(payload)
    try:
        return function(argument)
    except StreamxError as error:
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)


def _ended(future: Future) -> asyncio.Future[None]:
    """Return what is done when a call has ended in some way."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not ended.done():
            ended.set_result(None)

    def tell(_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed, so nobody waits
            loop.call_soon_threadsafe(settle)

    future.add_done_callback(tell)
    return ended
