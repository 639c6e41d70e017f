"""What a JSONL record is: a line."""

from __future__ import annotations

from collections.abc import Iterator


class JsonlScanner:
    """Finds JSONL records: every line feed ends one, since JSON strings hold none."""

    def last_boundary(self, data: bytes, start: int = 0, end: int | None = None) -> int:
        """Return the end of the last line in data[start:end], or `start` where none ends."""
        return max(data.rfind(b"\n", start, len(data) if end is None else end) + 1, start)

    def next_boundary(self, data: bytes, start: int) -> int:
        """Return the end of the line that starts at `start`: past its line feed, or the end."""
        return data.find(b"\n", start) + 1 or len(data)

    def first_boundary(self, data: bytes) -> int | None:
        """Return the end of the first line, past its line feed, or None if it does not end."""
        return data.find(b"\n") + 1 or None

    def open_end(self, data: bytes) -> bytes:
        """Return the few bytes that matter to what follows a line that does not end in data."""
        return b""

    def records(self, data: bytes) -> list[bytes]:
        """Return the lines without their line feeds, blank ones too."""
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        return lines

    def starts(self, data: bytes) -> Iterator[int]:
        """Yield the position of each line that is not blank; slow, for messages."""
        position = 0
        while position < len(data):
            end = self.next_boundary(data, position)
            if data[position:end].strip(b" \t\r\n"):
                yield position
            position = end
