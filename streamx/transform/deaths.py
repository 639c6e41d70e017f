"""Deaths: the records of a chunk that worker processes did not survive, to be kept from more."""

from __future__ import annotations

from collections.abc import Sequence

from streamx.chunk import Death
from streamx.transform.results import CallError


class Deaths:
    """What is known of the chunk that is being run; nothing, as a rule."""

    def __init__(self) -> None:
        self._reasons: dict[tuple[int, int], str] = {}

    def begin(self, deaths: Sequence[Death]) -> None:
        """Begin with another chunk."""
        self._reasons = {(death.first, death.last): death.reason for death in deaths}

    def __bool__(self) -> bool:
        return bool(self._reasons)

    def refuse_repeating(self, positions: Sequence[int]) -> None:
        """Go on only if no process died at these records, a batch of them or one.

        Raises:
            CallError: two did.
        """
        reason = self._reasons.get((positions[0], positions[-1]))
        if reason is not None:
            found = f"a worker process {reason}, and again when it was replaced"
            kind = "TimeoutError" if reason.startswith("took longer") else "WorkerDiedError"
            raise CallError(positions[0], found, kind=kind, attempts=2)
