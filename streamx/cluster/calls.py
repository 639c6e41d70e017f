"""Calls: what a cluster does for a run, and how often it is asked to when it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from streamx.errors import BadRecordError, ClusterError, InputError, OutputError

A = TypeVar("A")
R = TypeVar("R")


class CallLostError(Exception):
    """A call came to no end, as its worker died; the text says how, in a clause."""


class Cluster(Protocol):
    """Calls functions on other machines.

    Attributes:
        name: what to call it in messages.
        threads: how many calls it makes at a time.
    """

    @property
    def name(self) -> str: ...

    @property
    def threads(self) -> int: ...

    async def call(self, function: Callable[[A], R], argument: A, *, is_urgent: bool) -> R:
        """Call a function of a module with an argument, and return or raise what it does.

        Args:
            function, argument: go through pickle.
            is_urgent: before calls that are not.

        Raises:
            CallLostError: there was no end of the call.
            ClusterError: the cluster is lost.
        """
        ...

    async def close(self) -> None:
        """End what was started for this run, and leave what was there before."""
        ...


@dataclass
class RetriedCalls:
    """Makes calls again that failed for a reason which may pass.

    A call whose worker died, or whose storage failed, may do better elsewhere. What a record or
    the options are to blame for would fail again, and so would a function after all its --retries.

    Attributes:
        cluster: makes the calls.
        retries: how often a call is made again.
        retried: how many have been.
    """

    cluster: Cluster
    retries: int
    retried: int = 0

    async def call(
        self, function: Callable[[A], R], argument: A, what: str, *, is_urgent: bool
    ) -> R:
        """Make a call, named `what` in messages.

        Raises:
            ClusterError: its worker died each time, or the cluster is lost.
            StreamxError: what the last attempt failed with.
        """
        for attempt in range(self.retries + 1):
            try:
                return await self.cluster.call(function, argument, is_urgent=is_urgent)
            except BadRecordError:
                raise
            except CallLostError as error:
                if attempt == self.retries:
                    times = "once" if attempt == 0 else f"{attempt + 1} times"
                    raise ClusterError(
                        f"{what} was lost {times}: {error}; see what its worker's log says, "
                        "such as memory that ran out"
                    ) from error
            except (InputError, OutputError):
                if attempt == self.retries:
                    raise
            self.retried += 1
        raise AssertionError("the last attempt returns or raises")
