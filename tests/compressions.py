"""The compressions, for tests of both sides."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from streamx.compression import Compression, _gzip, compression_named

ALL = [compression_named(name) for name in ("gzip", "bzip2", "xz", "zstd")]


def decompress(compression: Compression, data: bytes) -> bytes:
    """Return what is in all members of a file, which has to be whole."""
    whole = b""
    while data:
        member = compression.loaded().decompressor()
        whole += member.decompress(data, 2**31 - 1)
        assert member.eof
        data = member.unused_data
    return whole


@contextmanager
def without_isal() -> Iterator[Compression]:
    """Give gzip as it is where isal is not installed."""
    known = {name: module for name, module in sys.modules.items() if name.startswith("isal")}
    sys.modules["isal"] = None  # type: ignore[assignment]  # which makes the import fail
    try:
        yield replace(ALL[0], loaded=_gzip.__wrapped__)
    finally:
        del sys.modules["isal"]
        sys.modules.update(known)
