"""Finds a cluster of Dask (`distributed`), or starts one of processes on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from typing import Any

from streamx import __version__
from streamx.cluster.dask import (
    JOIN_SECONDS,
    Client,
    DaskCluster,
    caller,
    close_all,
    refuse_other_version,
)
from streamx.errors import ClusterError, UsageError
from streamx.extras import needing

# How long to wait for a scheduler.
CONNECT_SECONDS = 30


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
        await close_all(owned)
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
    for address, (_, found, _) in client.run(caller(), __version__, None).items():
        refuse_other_version(f"at {address}", found)
