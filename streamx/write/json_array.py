"""JsonArraySink: JSONL on its way out becomes one JSON array."""

from __future__ import annotations

from collections.abc import Sequence

from streamx.write.sinks import Sink, WrappingSink


class JsonArraySink(WrappingSink):
    r"""Puts brackets around records and commas between them; each keeps a line of its own.

    Args:
        inner: takes the array. It is given JSONL: of each record all in one line, which ends with a
            line feed.
    """

    def __init__(self, inner: Sink) -> None:
        super().__init__(inner)
        self._separator = b"[\n"  # what comes before the next byte
        self._is_empty = True

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        await self._inner.write([each for part in parts if part for each in self._within(part)])

    def _within(self, part: bytes | memoryview) -> Sequence[bytes]:
        data, separator = bytes(part), self._separator
        self._is_empty = False
        self._separator = b",\n" if data.endswith(b"\n") else b""
        return separator, data.removesuffix(b"\n").replace(b"\n", b",\n")

    async def _end(self) -> None:
        await self._inner.write([b"[]\n" if self._is_empty else b"\n]\n"])
