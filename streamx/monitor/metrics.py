"""Metrics: a run's snapshots in Prometheus' text format, for node_exporter's textfile collector."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streamx.flow import BufferStatistics, FlowSnapshot, Health

_LABELS = ("input", "output")


class Metrics:
    """Writes each snapshot in place of the one before, and how the run ended.

    Args:
        write: puts the text in its place.
        input, output: the run's, as labels of every sample.
        interval_seconds: how often; infinity for the end only.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        input: str,
        output: str,
        *,
        interval_seconds: float = 5.0,
    ) -> None:
        self.interval_seconds = interval_seconds
        self._write = write
        self._names = (input, output)
        self._last = FlowSnapshot()

    def show(self, snapshot: FlowSnapshot) -> None:
        """Write a snapshot of a run that goes on."""
        self._write(metrics_text(snapshot, self._names, None))

    def close(self, snapshot: FlowSnapshot, is_complete: bool) -> None:
        """Keep the last one for the end."""
        self._last = snapshot

    def end(self, error: BaseException | None) -> None:
        """Write how the run ended."""
        self._write(metrics_text(self._last, self._names, error is None))


def metrics_text(snapshot: FlowSnapshot, names: tuple[str, str], is_success: bool | None) -> bytes:
    """Return a snapshot as text.

    Args:
        snapshot: what to tell.
        names: the input's and the output's.
        is_success: how the run ended; None while it goes on.
    """
    registry = CollectorRegistry()
    registry.register(_Snapshot(snapshot, names, is_success))
    return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(
        self, snapshot: FlowSnapshot, names: tuple[str, str], is_success: bool | None
    ) -> None:
        self._snapshot = snapshot
        self._names = names
        self._is_success = is_success

    def collect(self) -> Iterable[Metric]:
        yield from self._counts()
        yield from self._latencies()
        yield from self._buffers()
        snapshot = self._snapshot
        yield self._gauge("workers", "Chunks worked on at a time.", snapshot.workers)
        yield self._gauge("workers_busy", "Workers at work.", snapshot.workers_busy)
        yield self._gauge("run_seconds", "Time since the run started.", snapshot.seconds)
        if snapshot.memory_bytes is not None:
            text = "Memory of the process and its workers."
            yield self._gauge("resident_memory_bytes", text, snapshot.memory_bytes)
        health = GaugeMetricFamily(
            "streamx_health", "0 healthy, 1 warning, 2 critical.", labels=(*_LABELS, "metric")
        )
        for metric in Health.__slots__:
            health.add_metric((*self._names, metric), getattr(snapshot.health, metric))
        yield health
        yield self._gauge("running", "1 until the run ends.", self._is_success is None)
        if self._is_success is not None:
            yield self._gauge("success", "1 if the run ended well.", self._is_success)
            yield self._gauge("end_timestamp_seconds", "When the run ended.", time.time())

    def _counts(self) -> Iterable[Metric]:
        snapshot = self._snapshot
        for name, text, value in (
            ("records_read", "Records read.", snapshot.records_in),
            ("records_written", "Records written.", snapshot.records_out),
            ("records_rejected", "Bad records set aside.", snapshot.records_rejected),
            ("records_skipped", "Bad records left out.", snapshot.records_skipped),
            ("records_dropped", "Records given up for speed.", snapshot.records_dropped),
            ("records_padded", "Short records filled up.", snapshot.records_padded),
            ("retries", "Calls of functions and requests made again.", snapshot.retries),
            ("read_bytes", "Bytes read.", snapshot.bytes_read),
            ("written_bytes", "Bytes written, before compression.", snapshot.bytes_written),
        ):
            counter = CounterMetricFamily(f"streamx_{name}", text, labels=_LABELS)
            counter.add_metric(self._names, value)
            yield counter

    def _latencies(self) -> Iterable[Metric]:
        latencies = {"chunk": self._snapshot.chunk_latency}
        if self._snapshot.record_latency is not None:
            latencies["record"] = self._snapshot.record_latency
        for name, latency in latencies.items():
            summary = Metric(
                f"streamx_{name}_latency_seconds", f"Time that a {name} takes.", "summary"
            )
            own = dict(zip(_LABELS, self._names, strict=True))
            for quantile, seconds in (("0.5", latency.p50_seconds), ("0.99", latency.p99_seconds)):
                summary.add_sample(summary.name, own | {"quantile": quantile}, seconds)
            summary.add_sample(f"{summary.name}_count", own, latency.count)
            summary.add_sample(f"{summary.name}_sum", own, latency.total_seconds)
            yield summary

    def _buffers(self) -> Iterable[Metric]:
        labels = (*_LABELS, "buffer")
        gauges: tuple[tuple[str, str, Callable[[BufferStatistics], float]], ...] = (
            ("buffer_bytes", "What a buffer holds.", lambda each: each.fill_bytes),
            ("buffer_peak_bytes", "The most it held.", lambda each: each.peak_bytes),
            ("buffer_capacity_bytes", "What it may hold.", lambda each: each.capacity_bytes),
        )
        waits: tuple[tuple[str, str, Callable[[BufferStatistics], float]], ...] = (
            ("producer_wait", "Waited for room.", lambda each: each.producer_wait_seconds),
            ("consumer_wait", "Waited for input.", lambda each: each.consumer_wait_seconds),
        )
        for name, text, value in gauges:
            gauge = GaugeMetricFamily(f"streamx_{name}", text, labels=labels)
            for buffer, statistics in self._snapshot.buffers.items():
                gauge.add_metric((*self._names, buffer), value(statistics))
            yield gauge
        for name, text, value in waits:
            counter = CounterMetricFamily(f"streamx_{name}_seconds", text, labels=labels)
            for buffer, statistics in self._snapshot.buffers.items():
                counter.add_metric((*self._names, buffer), value(statistics))
            yield counter

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        gauge = GaugeMetricFamily(f"streamx_{name}", text, labels=_LABELS)
        gauge.add_metric(self._names, value)
        return gauge
