"""Arrow's IPC files and streams, written one record batch after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from streamx.transform.expected import Expectation
from streamx.write.columnar import ColumnarSink, FileBytes
from streamx.write.json_table import Warn
from streamx.write.sinks import Sink


def arrow_sink(
    inner: Sink,
    expected: Callable[[], Expectation],
    warn: Warn,
    compression: str | None,
    *,
    is_stream: bool,
) -> ColumnarSink:
    """Return a sink that makes an IPC file, or a stream, of JSONL.

    Args:
        inner, expected, warn: see ColumnarSink.
        compression: of the buffers: zstd, lz4 or None.
        is_stream: leave out what a file has around its stream.
    """
    options = pa.ipc.IpcWriteOptions(compression=compression)

    def begin(schema: pa.Schema, file: FileBytes) -> Any:
        new = pa.ipc.new_stream if is_stream else pa.ipc.new_file
        return new(pa.PythonFile(file, "w"), schema, options=options)

    return ColumnarSink(inner, begin, expected, warn)
