"""Metrics are what Prometheus reads, and follow its conventions for names and units."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import streamx
from streamx import BadRecordError, UsageError
from streamx.flow import BufferStatistics, FlowSnapshot, LatencyStatistics
from streamx.monitor.metrics import Metrics, metrics_text

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
Samples = dict[tuple[str, str], float]


def parsed(text: str) -> Samples:
    """Return the samples by name and the label that is not the run's."""
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation.endswith(".")
        for sample in family.samples:
            own = [
                value for name, value in sample.labels.items() if name not in ("input", "output")
            ]
            samples[sample.name, "".join(own)] = sample.value
    return samples


def test_every_sample_has_the_values_of_the_snapshot() -> None:
    buffer = BufferStatistics(1, 20, 4, 100, 3, 60, 9, False, 0.5, 0.25, 0, 0.0, 0)
    snapshot = FlowSnapshot(
        records_in=7,
        records_out=5,
        records_dropped=2,
        bytes_read=70,
        buffers={"input buffer": buffer},
        record_latency=LatencyStatistics(7, 0.5, 2.0, 4.5),
        memory_bytes=4096,
    )
    samples = parsed(metrics_text(snapshot, ('a "quoted"\\ name', "b"), None).decode())
    assert samples["streamx_records_read_total", ""] == 7
    assert samples["streamx_records_written_total", ""] == 5
    assert samples["streamx_records_dropped_total", ""] == 2
    assert samples["streamx_read_bytes_total", ""] == 70
    assert samples["streamx_buffer_bytes", "input buffer"] == 20
    assert samples["streamx_producer_wait_seconds_total", "input buffer"] == 0.5
    assert samples["streamx_record_latency_seconds", "0.99"] == 2.0
    assert samples["streamx_record_latency_seconds_count", ""] == 7
    assert samples["streamx_record_latency_seconds_sum", ""] == 4.5
    assert samples["streamx_resident_memory_bytes", ""] == 4096
    assert samples["streamx_health", "latency"] == 0
    assert samples["streamx_running", ""] == 1
    assert ("streamx_success", "") not in samples
    assert all(math.isfinite(value) for value in samples.values())


def test_names_and_labels_are_those_that_prometheus_knows_for_a_type() -> None:
    snapshot = FlowSnapshot(record_latency=LatencyStatistics(), memory_bytes=1)
    text = metrics_text(snapshot, ("in", "out"), True).decode()
    for family in text_string_to_metric_families(text):
        labels = {label for sample in family.samples for label in sample.labels}
        assert ("quantile" in labels) == (family.type == "summary"), family.name
        ends_in_total = any(sample.name.endswith("_total") for sample in family.samples)
        assert ends_in_total == (family.type == "counter" and bool(family.samples)), family.name


def test_file_is_rewritten_while_the_run_goes_on_and_at_its_end() -> None:
    texts: list[bytes] = []
    metrics = Metrics(texts.append, "in", "out")
    metrics.show(FlowSnapshot(records_out=1))
    metrics.close(FlowSnapshot(records_out=2), False)
    metrics.end(ZeroDivisionError())
    first, last = (parsed(text.decode()) for text in texts)
    assert (first["streamx_records_written_total", ""], first["streamx_running", ""]) == (1, 1)
    assert (last["streamx_records_written_total", ""], last["streamx_running", ""]) == (2, 0)
    assert last["streamx_success", ""] == 0


@pytest.mark.parametrize(("content", "success"), [(b"a\nx\ny\n", 1), (b"a\nx\ny\n1,2\n", 0)])
def test_run_leaves_its_metrics_however_it_ends(
    tmp_path: Path, content: bytes, success: int
) -> None:
    source, file = tmp_path / "in.csv", tmp_path / "streamx.prom"
    source.write_bytes(content)
    try:
        streamx.transform(source, tmp_path / "out.jsonl", metrics=file)
    except BadRecordError:
        assert not success
    samples = parsed(file.read_text())
    assert samples["streamx_success", ""] == success
    assert samples["streamx_records_written_total", ""] == 2
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []


def test_missing_library_is_named_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "streamx.monitor.metrics", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'streamx\[metrics\]'"):
        streamx.transform("missing.csv", tmp_path / "o.jsonl", metrics=tmp_path / "m.prom")
