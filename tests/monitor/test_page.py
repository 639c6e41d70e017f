"""The page shows its charts in a browser without a network, and says how the run ended."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import streamx
from streamx import BadRecordError, Rename, Select, Set, UsageError, Where

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def page_of(directory: Path, content: str, name: str = "in.csv") -> str:
    source = directory / name
    source.write_text(content)
    page = directory / "report.html"
    options = {"operations": [Rename("a", "<i>b</i>")], "report": page}
    with contextlib.suppress(BadRecordError):
        streamx.transform(source, directory / "out.jsonl", source_format="csv", **options)
    return page.read_text()


def without_library(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_page_tells_counts_and_options_and_needs_no_network(tmp_path: Path) -> None:
    page = page_of(tmp_path, "a\n" + "x\n" * 1234)
    assert "<td>records out</td><td>1,234</td>" in page
    assert "&lt;i&gt;b&lt;/i&gt;" in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    assert "complete in" in without_library(page)


def test_options_are_told_as_the_user_would_say_them(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("a,b\n1,NA\n")
    operations = [Where("a > 0"), Set("c", "a + 1"), Select(("a", "c")), Rename("a", "d"), same]
    streamx.transform(
        source,
        tmp_path / "out.jsonl",
        nulls=["NA", "-"],
        operations=operations,
        columns=None,
        report=tmp_path / "report.html",
    )
    page = without_library((tmp_path / "report.html").read_text())
    assert "<td>nulls</td><td>NA, -</td>" in page
    assert "where a &gt; 0, set c=a + 1, select a, c, rename a=d, call same" in page


def same(record: Any) -> Any:
    return record


def test_what_nobody_chose_is_no_option(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"a\n1\n")
    assert streamx("transform", "in.csv", "out.jsonl", "--report", "r.html").returncode == 0
    options = without_library((tmp_path / "r.html").read_text()).partition("Options")[2]
    assert re.findall("<td>(.*?)</td>", options) == [
        *("input", "in.csv", "output", "out.jsonl", "report", "r.html")
    ]


def test_page_of_a_failed_run_says_why(tmp_path: Path) -> None:
    page = without_library(page_of(tmp_path, "a\n1,<b>2\n", "<i>.csv"))
    assert "failed in" in page
    assert "expected 1" in page
    assert "<i>" not in page


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to open the page in")
def test_a_browser_draws_every_chart(tmp_path: Path) -> None:
    assert CHROMIUM is not None
    page_of(tmp_path, "a\n" + "x\n" * 100_000)
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *(f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=10000"),
        *("--dump-dom", (tmp_path / "report.html").as_uri()),
    ]
    result = subprocess.run(command, capture_output=True, timeout=100, check=True)
    dom = without_library(result.stdout.decode())
    assert len(re.findall(r'<g class="subplot xy\d?"', dom)) == 5
    assert len(re.findall(r'<g class="trace scatter', dom)) == 9
    assert len(re.findall(r'<g class="legend\d?"', dom)) == 2, "one for each chart of several lines"
    assert [part for part in ("reader", "workers", "writer") if f">{part}</text>" in dom] == [
        *("reader", "workers", "writer")
    ], "whoever was waited for, all three have their place"
    for title in ("Throughput", "Fill of buffers", "Latency p99", "Memory", "Waiting on"):
        assert f">{title}" in dom.replace('<tspan style="font-weight:bold">', "")


def test_missing_library_is_named_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.delitem(sys.modules, "streamx.monitor.page", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'streamx\[report\]'"):
        streamx.transform("missing.csv", tmp_path / "o.jsonl", report=tmp_path / "r.html")
