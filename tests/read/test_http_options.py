"""Options of a URL are checked before anything is asked for, and what is secret is never shown."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from read.web_server import Answer, Request, json_answer, serving

from streamx import Http, UsageError, transform
from streamx.job import Job
from streamx.read.http_options import plain_url
from streamx.read.links import next_link

URL = "http://example.org/a"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"paginate": "pages"}, "--paginate 'pages' is not known; it is one of page, offset, cur"),
        ({"page_size": 10}, "--page-size needs --paginate"),
        ({"records_at": "a"}, "--records-at needs --paginate"),
        ({"paginate": "page", "next_at": "a"}, "--next-at needs --paginate cursor or link"),
        ({"paginate": "cursor"}, "--paginate cursor needs --next-at"),
        ({"paginate": "link", "page_param": "p"}, "--page-param needs --paginate page, offset or"),
        ({"paginate": "page", "size_param": "n"}, "--size-param needs --page-size"),
        ({"paginate": "page", "page_size": 0}, "--page-size 0 cannot work"),
        ({"retries": -1}, "--http-retries -1 cannot work"),
        ({"timeout_seconds": 0.0}, "--http-timeout 0.0 cannot work"),
        ({"headers": {"A b": "secret"}}, "--header 'A b' cannot be sent"),
        ({"headers": {"Range": "secret"}}, "--header 'Range' cannot be sent"),
        ({"headers": {"A": "secret\r\nB: c"}}, "--header A has a value with line breaks"),
        ({"headers": {"A": "${NOT_THERE}"}}, "--header A: the environment has no NOT_THERE"),
    ],
)
def test_an_option_that_cannot_work_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Http(**options)
    assert str(caught.value).startswith(message)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (
            {"input": "a.jsonl", "http": Http(paginate="page")},
            "--paginate needs an http:// or https:// INPUT",
        ),
        ({"input": "a.jsonl", "http": Http()}, "--header, --http-timeout or --http-retries needs"),
        (
            {"input": URL, "http": Http(paginate="page"), "source_format": "csv"},
            "--paginate needs JSONL, which pages become, not --from",
        ),
        (
            {"input": URL, "http": Http(paginate="page"), "encoding": "latin-1"},
            "--paginate needs UTF-8",
        ),
        ({"input": "http:///a.csv"}, "the http input is no URL"),
        ({"input": "https://me:secret@host:x/a.csv"}, "the https input is no URL"),
        ({"input": "https://me:secret@host/a?b"}, "the format of 'https://host/a' cannot be told"),
    ],
)
def test_a_job_that_cannot_work_is_refused(job: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Job(output="out.jsonl", **job)
    assert str(caught.value).startswith(message)


def test_a_header_is_not_shown_by_the_options_that_hold_it() -> None:
    assert "secret" not in repr(Http(headers={"Authorization": "secret"}))


def test_a_url_without_httpx_is_answered_with_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    monkeypatch.delitem(sys.modules, "streamx.read.http_client", raising=False)
    with pytest.raises(UsageError) as caught:
        transform(f"{URL}.csv", tmp_path / "out.jsonl")
    assert str(caught.value) == (
        "an http input needs httpx, which is not installed; pip install 'streamx[http]'"
    )


def test_what_is_shown_of_a_url_is_where_it_leads() -> None:
    assert plain_url("HTTPS://me:p@ss@[::1]:81/a%20b?c=d#e") == "https://[::1]:81/a%20b"


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('<https://a/b?p=2>; rel="next", <https://a/b?p=9>; rel="last"', "https://a/b?p=2"),
        ("<?p=1>; rel=prev,<?p=3>;title=\"x; rel=next\" ; REL='next'", None),
        ("<?p=3>; rel=NEXT", "?p=3"),
        ('<?p=3>; title="a \\" >, <b>"; rel="prev next"', "?p=3"),
        ("<?p=3>; rel=prev; rel=next", None),
        ("<?p=3>; rel", None),
        ("", None),
    ],
)
def test_the_next_link_is_the_one_whose_relation_says_so(header: str, target: str | None) -> None:
    assert next_link(header) == target


def test_nothing_that_is_written_about_a_run_holds_a_secret(streamx: Run, tmp_path: Path) -> None:
    def answer(request: Request) -> Answer:
        assert request.headers["authorization"] == "Bearer t0ken-s3cret"
        assert request.query["key"] == "k3y-s3cret"
        if request.query["page"] == "3":
            return Answer(b"no: " + request.headers["authorization"].encode(), 403)
        return json_answer([{"a": request.query["page"]}])

    with serving(answer) as server:
        url = server.url.replace("//", "//me:p4ss-s3cret@") + "/api?key=k3y-s3cret"
        result = streamx(
            "transform", url, "out.csv", "--paginate", "page",
            "--header", "Authorization: Bearer ${API_TOKEN}", "--columns", "a",
            "--summary", "summary.json", "--metrics", "metrics.prom", "--report", "report.html",
            env={"API_TOKEN": "t0ken-s3cret"},
        )  # fmt: skip
        explained = streamx(
            "transform", url, "out.csv", "--paginate", "page", "--page-size", "10", "--columns",
            "a", "--explain", "--header", "Authorization: Bearer ${API_TOKEN}",
            env={"API_TOKEN": "t0ken-s3cret"},
        )  # fmt: skip
    assert result.returncode == 1
    assert b"/api, page 3: the server answered 403 Forbidden: 'no: ***'; give what it asks for" in (
        result.stderr
    )
    assert explained.stdout.startswith(f"input    {server.url}/api: jsonl\n".encode())
    assert b"pages by page, 10 records each\n" in explained.stdout
    assert json.loads((tmp_path / "summary.json").read_bytes())["input"] == f"{server.url}/api"
    written = [path.read_bytes() for path in tmp_path.iterdir()]
    assert len(written) == 3
    for text in (*written, result.stderr, result.stdout, explained.stdout):
        assert b"s3cret" not in text


def test_the_command_reads_pages_and_says_what_is_wrong_with_its_options(
    streamx: Run, tmp_path: Path
) -> None:
    def answer(request: Request) -> Answer:
        start = int(request.query["from"])
        hits = [{"_source": {"n": n}} for n in range(start, min(start + 2, 3))]
        return json_answer({"hits": {"hits": hits}})

    with serving(answer) as server:
        arguments = [
            *("--paginate", "offset", "--page-param", "from", "--size-param", "size"),
            *("--page-size", "2", "--records-at", "hits.hits"),
        ]
        result = streamx("transform", f"{server.url}/api", "--to", "jsonl", *arguments)
        summary = streamx("schema", f"{server.url}/api", "--json", *arguments)
    assert result.stderr == summary.stderr == b""
    assert result.stdout.splitlines()[-1] == b'{ "_source": { "n": 2 } }'
    assert json.loads(summary.stdout)["columns"][0]["name"] == "_source"
    (tmp_path / "in.csv").write_bytes(b"a\n1\n")
    wrong = streamx("transform", "in.csv", "out.csv", "--paginate", "page")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        b"streamx: error: --paginate needs an http:// or https:// INPUT\n",
    )
    twice = streamx("transform", URL, "out.csv", "--header", "A: b", "--header", "a: c")
    assert (twice.returncode, twice.stderr) == (2, b"streamx: error: --header gives a twice\n")
