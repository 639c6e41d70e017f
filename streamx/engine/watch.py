"""Watch: looks for signs of life of a worker, and calls for its end when there are none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, Self

_LOOKS_PER_TIMEOUT = 4


class Signs(Protocol):
    """The cells in which a worker shows that it is alive, one number each.

    Attributes:
        position: where in the chunk it is, see streamx.position.
        beats: changes with every other sign of life.
        waits: 1 while it waits for something that was asked for.
    """

    position: memoryview
    beats: memoryview
    waits: memoryview


class Watch:
    """Call `give_up` when a worker has shown no sign of life for so long, within a `with` block.

    Signs of life are a new position, output, and waiting for output to be read. Time is taken by
    counting looks, not by a clock: a run that was suspended as a whole is not taken for hanging.

    Args:
        signs: of the worker.
        seconds: how long, up to a quarter more.
        give_up: called once.
    """

    def __init__(self, signs: Signs, seconds: float, give_up: Callable[[], None]) -> None:
        self._signs = signs
        self._pause_seconds = seconds / _LOOKS_PER_TIMEOUT
        self._give_up = give_up
        self._looks_in_vain = 0
        self._seen = self._sign()

    def __enter__(self) -> Self:
        self._look_later()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._pause_seconds, self._look)

    def _look(self) -> None:
        sign = self._sign()
        is_alive = sign != self._seen or self._signs.waits[0]
        self._looks_in_vain = 0 if is_alive else self._looks_in_vain + 1
        self._seen = sign
        if self._looks_in_vain == _LOOKS_PER_TIMEOUT:
            self._give_up()
        else:
            self._look_later()

    def _sign(self) -> tuple[int, int]:
        return self._signs.position[0], self._signs.beats[0]
