"""Compression: the kinds that streamx reads and writes, and what each is known by.

What is written is cut into blocks of a fixed size, and each becomes a member, stream or frame of
its own. Every tool reads these as one file, several can be made at a time, and a run that was
interrupted goes on at the start of one. The formats: RFC 1952 (gzip), RFC 8878 (zstd), and the
.xz file format 1.2.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, Protocol, get_args

from streamx.errors import UsageError
from streamx.extras import needing

CompressionName = Literal["gzip", "bzip2", "xz", "zstd"]

_KIB, _MIB = 1024, 1024 * 1024
_GZIP_BITS = zlib.MAX_WBITS | 16
# isal is quicker than zlib at these levels, and makes less of the data; the others it has not.
_ISAL_LEVELS = range(1, 3)
# `xz -9` needs half of that; what needs more is made to use up memory.
_MOST_XZ_BYTES = 128 * _MIB


class Decompressor(Protocol):
    """Decompresses one member, as bz2.BZ2Decompressor does."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class Stream(Protocol):
    """Compresses what comes little by little, to be read at once."""

    def flushed(self, parts: Sequence[bytes | memoryview]) -> list[bytes]:
        """Compress parts, such that a reader can decode all of them."""
        ...

    def ended(self) -> bytes:
        """End the member."""
        ...


@dataclass(frozen=True, slots=True)
class Coder:
    """The library behind a compression.

    Attributes:
        compress: makes one whole member of a block, with a level.
        decompressor: of a member.
        error: what it raises for broken data.
        stream: begins a member that is written little by little; None where nobody can read that
            before it ends.
    """

    compress: Callable[[bytes | bytearray, int], bytes]
    decompressor: Callable[[], Decompressor]
    error: type[Exception]
    stream: Callable[[int], Stream] | None = None


@dataclass(frozen=True, slots=True)
class Compression:
    """A kind of compression.

    Attributes:
        name: as options say it.
        suffixes: how the names of such files end.
        magics: how such files begin, in one of these ways.
        levels: that can be chosen, from quick to small.
        level: unless one is chosen.
        block_bytes: what goes into a member.
        thread_bytes: what compressing a block takes, beside the block.
        reader_bytes: what decompressing takes, for files made with the usual levels.
        most_threads: that compress at a time.
        loaded: returns the library.
    """

    name: CompressionName
    suffixes: tuple[str, ...]
    magics: tuple[bytes, ...]
    levels: range
    level: int
    block_bytes: int
    thread_bytes: int
    reader_bytes: int
    most_threads: int
    loaded: Callable[[], Coder]

    def may_begin(self, start: bytes) -> bool:
        """Tell whether such a file may begin like that, as far as there is of it."""
        return any(start.startswith(magic[: len(start)]) for magic in self.magics)


@dataclass(frozen=True, slots=True)
class Compressing:
    """How to compress an output.

    Attributes:
        compression: which.
        level: see Compression.levels.
        threads: how many blocks to compress at a time.
    """

    compression: Compression
    level: int
    threads: int = 1

    @classmethod
    def of(
        cls, compression: Compression, level: int | None = None, threads: int = 1
    ) -> Compressing:
        """Fill in the compression's own level, and no more threads than it is good for.

        Raises:
            UsageError: it has no such level.
        """
        levels = compression.levels
        if level is not None and level not in levels:
            raise UsageError(
                f"--compression-level {level} is none of {compression.name}, which has "
                f"{levels.start} to {levels.stop - 1}"
            )
        most_threads = min(threads, compression.most_threads)
        return cls(compression, compression.level if level is None else level, most_threads)

    def within(self, most_bytes: int) -> Compressing:
        """Return the same with as many threads as do not hold more than that, but one at least."""
        compressing = self
        while compressing.threads > 1 and compressing.held_bytes > most_bytes:
            compressing = replace(compressing, threads=compressing.threads - 1)
        return compressing

    @property
    def held_bytes(self) -> int:
        """What an output holds at most: blocks that wait, as they were and compressed."""
        compression = self.compression
        blocks_bytes = 2 * (self.threads + 2) * compression.block_bytes
        return blocks_bytes + self.threads * compression.thread_bytes


class _Inflating:
    """A decompressor that is made of zlib's kind of object, which leaves the rest to its user."""

    def __init__(self, inflater: Any) -> None:
        self._inflater = inflater
        self._rest = b""
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return bool(self._inflater.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inflater.unused_data)

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        block: bytes = self._inflater.decompress(self._rest + data, max_length)
        self._rest = self._inflater.unconsumed_tail
        self.needs_input = not self._rest and len(block) < max_length
        return block


class _GzipStream:
    def __init__(self, level: int) -> None:
        self._compressor = zlib.compressobj(level, wbits=_GZIP_BITS)

    def flushed(self, parts: Sequence[bytes | memoryview]) -> list[bytes]:
        compressed = [self._compressor.compress(part) for part in parts]
        return [*compressed, self._compressor.flush(zlib.Z_SYNC_FLUSH)]

    def ended(self) -> bytes:
        return self._compressor.flush()


class _ZstdStream:
    def __init__(self, compressor: Any) -> None:
        self._compressor = compressor

    def flushed(self, parts: Sequence[bytes | memoryview]) -> list[bytes]:
        compressed = [self._compressor.compress(part) for part in parts]
        return [*compressed, self._compressor.flush(self._compressor.FLUSH_BLOCK)]

    def ended(self) -> bytes:
        return bytes(self._compressor.flush(self._compressor.FLUSH_FRAME))


@cache
def _gzip() -> Coder:
    def compress(data: bytes | bytearray, level: int, library: Any = zlib) -> bytes:
        # Without name or time, so that the same output always has the same bytes.
        compressor = library.compressobj(level, wbits=_GZIP_BITS)
        return bytes(compressor.compress(data) + compressor.flush())

    try:
        from isal import isal_zlib
    except ImportError:
        return Coder(
            compress, lambda: _Inflating(zlib.decompressobj(_GZIP_BITS)), zlib.error, _GzipStream
        )

    def compress_quickly(data: bytes | bytearray, level: int) -> bytes:
        return compress(data, level, isal_zlib if level in _ISAL_LEVELS else zlib)

    return Coder(
        compress_quickly,
        lambda: _Inflating(isal_zlib.decompressobj(_GZIP_BITS)),
        isal_zlib.error,  # type: ignore[arg-type]  # its stub takes the class for an instance
        _GzipStream,
    )


def _bzip2() -> Coder:
    import bz2

    return Coder(bz2.compress, bz2.BZ2Decompressor, OSError)


def _xz() -> Coder:
    import lzma

    def compress(data: bytes | bytearray, level: int) -> bytes:
        # A dictionary that is larger than the block would only take memory.
        chain = [{"id": lzma.FILTER_LZMA2, "preset": level, "dict_size": _XZ.block_bytes}]
        return lzma.compress(data, filters=chain)

    def decompressor() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_XZ_BYTES)

    return Coder(compress, decompressor, lzma.LZMAError)


def _zstd() -> Coder:
    try:
        from compression import zstd  # type: ignore[import-not-found]  # since Python 3.14
    except ImportError:
        with needing("zstd", "zstd"):
            from backports import zstd

    kinds = zstd.CompressionParameter

    def compress(data: bytes | bytearray, level: int) -> bytes:
        options = {kinds.compression_level: level, kinds.checksum_flag: 1}
        return bytes(zstd.compress(data, options=options))

    def stream(level: int) -> Stream:
        options = {kinds.compression_level: level, kinds.checksum_flag: 1}
        return _ZstdStream(zstd.ZstdCompressor(options=options))

    return Coder(compress, zstd.ZstdDecompressor, zstd.ZstdError, stream)


# "BZh" alone may be the start of a text; it is followed by a level, and by pi or, where there is
# nothing in it, by the square root of pi.
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
_BZIP2_MAGICS = tuple(
    b"BZh%d%b" % (level, block) for level in range(1, 10) for block in _BZIP2_BLOCKS
)
# The second kind is of frames that are to be skipped; `pzstd` begins with one (RFC 8878, 3.1.2).
_ZSTD_MAGICS = (b"\x28\xb5\x2f\xfd", *(b"%c\x2a\x4d\x18" % first for first in range(0x50, 0x60)))

GZIP = Compression(
    "gzip", (".gz", ".gzip"), (b"\x1f\x8b\x08",), range(1, 10), 6, 256 * _KIB, _MIB, _MIB, 8, _gzip
)
# bzip2 sorts 900,000 bytes at a time, some less where there are runs in it.
_BZIP2 = Compression(
    "bzip2", (".bz2",), _BZIP2_MAGICS, range(1, 10), 9, 875 * _KIB, 8 * _MIB, 4 * _MIB, 8, _bzip2
)
_XZ = Compression(
    "xz", (".xz",), (b"\xfd7zXZ\0",), range(10), 6, 4 * _MIB, 48 * _MIB, 10 * _MIB, 4, _xz
)
_ZSTD = Compression(
    "zstd", (".zst", ".zstd"), _ZSTD_MAGICS, range(1, 20), 3, _MIB, 8 * _MIB, 10 * _MIB, 4, _zstd
)
_ALL = (GZIP, _BZIP2, _XZ, _ZSTD)
assert tuple(each.name for each in _ALL) == get_args(CompressionName)
# What compressed files begin with.
MAGICS = tuple(magic for each in _ALL for magic in each.magics)


def compression_named(name: CompressionName) -> Compression:
    """Return a compression by its name."""
    return next(each for each in _ALL if each.name == name)


def compression_of(path: str) -> Compression | None:
    """Return the compression that a path's last extension stands for, or None.

    >>> compression_of("in.csv.GZ").name
    'gzip'
    """
    lower = path.lower()
    return next((each for each in _ALL if lower.endswith(each.suffixes)), None)


def uncompressed_path(path: str) -> str:
    """Return a path without the extension of its compression, in lower case.

    >>> uncompressed_path("In.csv.zst")
    'in.csv'
    """
    lower = path.lower()
    compression = compression_of(lower)
    if compression is None:
        return lower
    return lower.removesuffix(next(each for each in compression.suffixes if lower.endswith(each)))


def compression_in(start: bytes) -> Compression | None:
    """Return the compression whose files begin like that, or None.

    Args:
        start: the first bytes of a file, as many as the longest of MAGICS has.
    """
    return next((each for each in _ALL if start.startswith(each.magics)), None)
