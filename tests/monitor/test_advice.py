"""What is to be tried against a bottleneck is something that can help in that run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamx import Apply, Http, Limit
from streamx.job import Job


async def ask(record: Any) -> Any:
    return record


@pytest.mark.parametrize(
    ("options", "stage", "expected"),
    [
        ({"operations": [ask]}, "workers", "workers busy 98 %: try a higher --concurrency"),
        (
            {"operations": [ask], "rate": 5.0},
            "workers",
            "workers busy 98 %: try a higher --rate-limit or --concurrency",
        ),
        (
            {"operations": [ask], "concurrency": "auto"},
            "workers",
            "workers busy 98 %: try a faster far side, which bears no more now",
        ),
        (
            {"operations": [ask], "concurrency": "auto", "rate": 5.0},
            "workers",
            "workers busy 98 %: try a higher --rate-limit",
        ),
        (
            {"operations": [Apply("f.py:f")], "rate": 5.0},
            "workers",
            "workers busy 98 %: try a higher --rate-limit",
        ),
        (
            {"operations": [Limit(9)]},
            "workers",
            "workers busy 98 %: try --limit as the last step of another run: counting takes one "
            "worker",
        ),
        ({}, "reader", "input is slow: try a faster source"),
        (
            {"input": "http://localhost/items", "http": Http(paginate="page")},
            "reader",
            "input is slow: try a larger --page-size",
        ),
        (
            {"output": "o.jsonl.gz"},
            "writer",
            "packing is slow: try a lower --compression-level",
        ),
    ],
)
def test_advice_is_something_that_can_help(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    stage: str,
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.py").write_text("def f(record):\n    return record\n")
    job = Job(**{"input": "i.csv", "output": "o.jsonl", **options})
    assert job.advisor.advice(stage, 0.98) == expected
