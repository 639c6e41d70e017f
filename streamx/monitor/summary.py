"""Summary: the account of a run, whole or failed, as one JSON object."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from streamx.errors import StreamxError
from streamx.flow import bottleneck
from streamx.monitor.advice import Advisor
from streamx.monitor.record import Recorder

SCHEMA = 1


@dataclass
class Story:
    """What is to be told of a run, whichever way it is told.

    Attributes:
        input, output: names.
        advisor: says what to try against the bottleneck.
        options: what the user chose, by name.
        recorder: what was seen while the flow ran.
        warnings: given so far.
        started: when.
    """

    input: str
    output: str
    advisor: Advisor
    options: dict[str, Any]
    recorder: Recorder = field(default_factory=Recorder)
    warnings: list[str] = field(default_factory=list)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))


def summary_of(story: Story, error: BaseException | None) -> dict[str, Any]:
    """Return the summary; README says what its fields mean.

    Records in and added are as many as those out, filtered, rejected, skipped and dropped.

    Args:
        story: what is known of the run.
        error: what ended it, if anything did.
    """
    recorder, last = story.recorder, story.recorder.last
    lost = last.records_rejected + last.records_skipped + last.records_dropped
    filtered = last.records_in - last.records_out - lost
    stage, busy_share = bottleneck(None, last) if last.buffers else (None, 0.0)
    ended = datetime.now(UTC)
    return {
        "schema": SCHEMA,
        "status": status_of(error),
        "error": None if error is None else _described(error),
        "input": story.input,
        "output": story.output,
        "started": story.started.isoformat(timespec="milliseconds"),
        "ended": ended.isoformat(timespec="milliseconds"),
        "seconds": (ended - story.started).total_seconds(),
        "records_in": last.records_in,
        "records_added": max(-filtered, 0),
        "records_out": last.records_out,
        "records_filtered": max(filtered, 0),
        "records_rejected": last.records_rejected,
        "records_skipped": last.records_skipped,
        "records_dropped": last.records_dropped,
        "records_padded": last.records_padded,
        "guesses": last.guesses,
        "retries": last.retries,
        "bytes_in": last.bytes_read,
        "bytes_out": last.bytes_written,
        "files_written": last.files_written,
        "workers": last.workers or story.advisor.workers,
        "ran_in": story.advisor.ran_in,
        "bottleneck": None
        if stage is None
        else {"stage": stage, "advice": story.advisor.advice(stage, busy_share)},
        "chunk_latency": asdict(last.chunk_latency),
        "record_latency": None if last.record_latency is None else asdict(last.record_latency),
        "memory_peak_bytes": recorder.memory_peak_bytes,
        "health": {metric: level.name.lower() for metric, level in recorder.worst.items()},
        "buffers": {name: asdict(buffer) for name, buffer in last.buffers.items()},
        "warnings": story.warnings,
    }


def summary_text(story: Story, error: BaseException | None) -> bytes:
    """Return the summary as the text of a file."""
    return (json.dumps(summary_of(story, error), indent=2) + "\n").encode()


def status_of(error: BaseException | None) -> str:
    """Tell in a word how a run ended: complete, interrupted or failed."""
    if error is None:
        return "complete"
    is_interrupted = isinstance(error, asyncio.CancelledError | KeyboardInterrupt)
    return "interrupted" if is_interrupted else "failed"


def _described(error: BaseException) -> dict[str, Any]:
    exit_code = error.exit_code if isinstance(error, StreamxError) else None
    message = str(error)
    if not message and status_of(error) == "interrupted":
        message = "the run was interrupted"
    return {"type": type(error).__name__, "message": message, "exit_code": exit_code}
