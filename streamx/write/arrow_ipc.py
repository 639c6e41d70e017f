"""Arrow's IPC files and streams, written one record batch after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from streamx.transform.expected import Expectation
from streamx.write.columnar import ColumnarSink, FileBytes, Warn
from streamx.write.sinks import Sink


def arrow_sink(
    inner: Sink,
    expected: Callable[[], Expectation],
    warn: Warn,
    compression: str,
    level: int | None,
    *,
    is_stream: bool,
) -> ColumnarSink:
    """Return a sink that makes an IPC file, or a stream, of JSONL.

    Args:
        inner, expected, warn: see ColumnarSink.
        compression, level: of the buffers: zstd, lz4 or none.
        is_stream: leave out what a file has around its stream.
    """

    def begin(schema: pa.Schema, file: FileBytes) -> Any:
        codec = None if compression == "none" else pa.Codec(compression, level)
        options = pa.ipc.IpcWriteOptions(compression=codec)
        new = pa.ipc.new_stream if is_stream else pa.ipc.new_file
        return new(pa.PythonFile(file, "w"), schema, options=options)

    return ColumnarSink(inner, begin, expected, warn)
