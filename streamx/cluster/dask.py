"""A cluster of Dask (`distributed`): one that is there, or one of processes on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import pickle
import signal
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from streamx import __version__
from streamx.cluster.calls import CallLostError
from streamx.errors import ClusterError, StreamxError, UsageError
from streamx.extras import needing

# Of distributed, which is imported when a run needs it, and whose types say little.
Client = Any
Future = Any

A = TypeVar("A")
R = TypeVar("R")

# How long to wait for a scheduler, and for workers, at the beginning and later.
CONNECT_SECONDS = 30
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
            _caller(),
            __version__,
            cloudpickle.dumps((function, argument)),
            key=f"{function.__name__}-{uuid.uuid4().hex}",
            priority=int(is_urgent),
        )
        try:
            await self._end_of(future)
            return await asyncio.to_thread(self._result_of, future)
        finally:
            future.release()

    async def close(self) -> None:
        """End what was started for this run."""
        await _close(self._owned)

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

        if future.status not in ("finished", "error"):
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
        _refuse_other_version(f"on {host}", found)
        if isinstance(answer, StreamxError):
            raise answer
        return answer

    def _lost(self) -> Exception:
        """Return what to say of a call that was cancelled, and not by us."""
        return ClusterError(
            f"the scheduler at {self.name} was lost; --resume goes on with what is finished, "
            "when there is one again"
        )


async def open_dask(client: Client, scheduler: str | None, workers: int) -> DaskCluster:
    """Return a cluster whose workers have this version of streamx.

    Args:
        client: of a scheduler, which stays as it is.
        scheduler: address of one, or path of its file; which stays as it is, too.
        workers: how many processes to start where there is neither.

    Raises:
        UsageError: distributed is not installed, or the client cannot be used.
        ClusterError: the scheduler cannot be reached, has no workers, or they cannot run streamx.
    """
    with needing("--engine dask", "dask"):
        import distributed
    if client is not None:
        _refuse_unusable(distributed, client)
    owned: list[Any] = []
    opening = asyncio.ensure_future(
        asyncio.to_thread(_open, distributed, client, scheduler, workers, owned)
    )
    try:
        return DaskCluster(await asyncio.shield(opening), owned)
    except BaseException:
        await asyncio.wait({opening})  # a thread cannot be stopped, and is what fills `owned`
        await _close(owned)
        raise


def _open(
    distributed: Any, client: Client, scheduler: str | None, workers: int, owned: list[Any]
) -> Client:
    if client is None:
        from multiprocessing import resource_tracker

        # What this thread starts, and what that starts, is not reached by Ctrl-C, which is for the
        # run alone to answer. The tracker comes first, since starting it unblocks the signal.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            client = _connect(distributed, scheduler, workers, owned)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    _wait_for_workers(client)
    _check_versions(client)
    return client


def _refuse_unusable(distributed: Any, client: Any) -> None:
    if not isinstance(client, distributed.Client):
        raise UsageError(f"client is {client!r}; give a distributed.Client")
    if client.asynchronous:
        raise UsageError("client is asynchronous; give a Client that was made without that")
    if client.status != "running":
        raise UsageError(f"client is {client.status}; give a Client that is connected")


async def _close(owned: list[Any]) -> None:
    for each in owned:
        with contextlib.suppress(Exception):  # it is gone already
            await asyncio.to_thread(each.close)


def _connect(distributed: Any, scheduler: str | None, workers: int, owned: list[Any]) -> Any:
    # What distributed logs of a lost scheduler are tracebacks; the run says it in a line.
    quiet = contextlib.ExitStack()
    quiet.enter_context(distributed.utils.silence_logging_cmgr(logging.CRITICAL))
    owned.append(quiet)
    try:
        if scheduler is None:
            cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=0,
                dashboard_address="127.0.0.1:0",  # any port that is free
                silence_logs=logging.CRITICAL,
            )
            owned.insert(0, cluster)
            scheduler = cluster.scheduler_address
        address = _address_in(scheduler) if os.path.isfile(scheduler) else scheduler
        client = distributed.Client(
            address, timeout=CONNECT_SECONDS, set_as_default=False, heartbeat_interval="5s"
        )
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(
            f"cannot reach the scheduler {scheduler}: {error or type(error).__name__}; expected an "
            "address such as tcp://host:8786, or the path of a scheduler file"
        ) from error
    owned.insert(0, client)
    return client


def _address_in(path: str) -> str:
    """Return the address in a scheduler file, of which distributed only asserts that it has one."""
    with open(path, "rb") as file:
        content = json.load(file)
    if not isinstance(content, dict) or not isinstance(content.get("address"), str):
        raise ValueError("the file holds no address")
    address: str = content["address"]
    return address


def _wait_for_workers(client: Any) -> None:
    try:
        client.wait_for_workers(1, timeout=JOIN_SECONDS)
    except TimeoutError as error:
        raise ClusterError(
            f"no worker has joined the scheduler at {client.scheduler.address} within "
            f"{JOIN_SECONDS} s; start some with `dask worker`"
        ) from error


def _check_versions(client: Any) -> None:
    for address, (_, found, _) in client.run(_caller(), __version__, None).items():
        _refuse_other_version(f"at {address}", found)


def _refuse_other_version(where: str, found: str | None) -> None:
    if found != __version__:
        what = "no streamx" if found is None else f"streamx {found}"
        raise ClusterError(
            f"the worker {where} has {what}, and the run is begun by {__version__}; "
            "install the same version on all workers"
        )


def _caller() -> Callable[[str, bytes | None], tuple[str, str | None, Any]]:
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
