"""Pages of an API become records: every one once, as it came, and no page before it is needed."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from read.web_server import Answer, Request, Server, json_answer, page_of, serving

from streamx import Http, InputError, Limit, Report, UsageError, Where, transform, transform_async
from streamx.transform import retries

PATIENCE_SECONDS = 20
RECORDS = [{"id": number, "name": f"record {number}"} for number in range(95)]


@pytest.fixture(autouse=True)
def _retries_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_DELAY_SECONDS", 0.001)


def fetched(
    path: Path, server: Server, url: str = "/api", *, operations: Any = (), **options: Any
) -> list[Any]:
    """Return the records of a run over pages."""
    output = path / "out.jsonl"
    transform(server.url + url, output, http=Http(**options), operations=operations)
    return [json.loads(line) for line in output.read_bytes().splitlines()]


def by_page(request: Request) -> Answer:
    return page_of(RECORDS, request)


def by_offset(request: Request) -> Answer:
    start, size = int(request.query["offset"]), min(int(request.query["limit"]), 10)
    return json_answer(RECORDS[start : start + size])


def by_cursor(request: Request) -> Answer:
    """Answer as Stripe does: the cursor is the id of the last record."""
    start = int(request.query.get("starting_after", -1)) + 1
    return json_answer({"has_more": True, "data": RECORDS[start : start + 20]})


def by_link(request: Request) -> Answer:
    """Answer as GitHub does: the link says all about the next page."""
    start = int(request.query.get("from", 0))
    links = f'</api?from=0>; rel="first", </api?from={start + 20}>; rel="next"'
    more = {"Link": links} if start + 20 < len(RECORDS) else {}
    return json_answer(RECORDS[start : start + 20], **more)


def by_link_in_the_body(request: Request) -> Answer:
    """Answer as Django REST does."""
    start = int(request.query.get("offset", 0))
    following = f"?offset={start + 20}" if start + 20 < len(RECORDS) else None
    return json_answer({"next": following, "results": RECORDS[start : start + 20]})


@pytest.mark.parametrize(
    ("answer", "requests", "options"),
    [
        (by_page, 6, {"paginate": "page", "page_size": 20, "records_at": "items"}),
        (by_offset, 11, {"paginate": "offset", "page_size": 20}),
        (
            by_cursor,
            6,
            {
                "paginate": "cursor",
                "page_param": "starting_after",
                "records_at": "data",
                "next_at": "data.-1.id",
            },
        ),
        (by_link, 5, {"paginate": "link"}),
        (
            by_link_in_the_body,
            5,
            {"paginate": "link", "next_at": "next", "records_at": "results"},
        ),
    ],
    ids=["page", "offset of a server that gives fewer", "cursor", "link", "link in the body"],
)
def test_every_style_gives_every_record_once(
    tmp_path: Path, answer: Callable[[Request], Answer], requests: int, options: dict[str, Any]
) -> None:
    with serving(answer) as server:
        assert fetched(tmp_path, server, **options) == RECORDS
    assert len(server.requests) == requests


def test_what_the_url_says_is_kept_and_where_it_begins_is_where_the_run_does(
    tmp_path: Path,
) -> None:
    with serving(by_page) as server:
        records = fetched(
            tmp_path, server, "/api?q=a%26b&page=4", paginate="page", page_size=25,
            records_at="items",
        )  # fmt: skip
    assert records == RECORDS[75:]
    assert server.asked("page") == ["4", "5"]
    assert set(server.asked("q")) == {"a&b"}


def test_values_leave_as_they_came(tmp_path: Path) -> None:
    body = b'{"a":[\n {"z": 1.50,\n  "y": 1e30, "x": "\\u00e9\\n"},\n {"n": ' + b"9" * 30 + b"}]}"
    with serving(lambda _: Answer(body)) as server:
        output = tmp_path / "out.jsonl"
        transform(f"{server.url}/", output, http=Http(paginate="link", records_at="a"))
    assert output.read_bytes() == (
        b'{"z": 1.50, "y": 1e30, "x": "\\u00e9\\n"}\n{"n": ' + b"9" * 30 + b"}\n"
    )


def test_gzip_bodies_and_null_for_an_empty_page_are_understood(tmp_path: Path) -> None:
    def answer(request: Request) -> Answer:
        assert "gzip" in request.headers["accept-encoding"]
        body = json.dumps({"items": RECORDS if request.query["page"] == "1" else None})
        return Answer(gzip.compress(body.encode()), headers={"Content-Encoding": "gzip"})

    with serving(answer) as server:
        assert fetched(tmp_path, server, paginate="page", records_at="items") == RECORDS


@pytest.mark.parametrize("is_gzip", [False, True])
def test_a_page_larger_than_a_record_may_be_is_refused_before_it_is_in_memory(
    tmp_path: Path, is_gzip: bool
) -> None:
    body = b"[" + b" " * 2_000_000 + b"]"

    def answer(_: Request) -> Answer:
        if is_gzip:
            return Answer(gzip.compress(body), headers={"Content-Encoding": "gzip"})
        return Answer(body, headers={"Content-Length": "999999999999"})  # which never come

    with serving(answer) as server, pytest.raises(InputError) as caught:
        transform(
            f"{server.url}/api", tmp_path / "out.jsonl", max_record_bytes=1_000_000,
            http=Http(paginate="page", retries=0),
        )  # fmt: skip
    assert "/api, page 1 is larger than 1,000,000 bytes; ask for fewer" in str(caught.value)


@pytest.mark.parametrize("chain", [[Limit(10)], [Where("id >= 5"), Limit(10)]])
def test_a_limit_ends_the_requests_though_a_page_is_on_its_way(
    tmp_path: Path, chain: list[Any]
) -> None:
    has_ended = threading.Event()

    def answer(request: Request) -> Answer:
        if request.query["page"] == "2":
            has_ended.wait(PATIENCE_SECONDS)
        return page_of(RECORDS, request)

    with serving(answer) as server:
        try:
            records = fetched(
                tmp_path, server, paginate="page", page_size=20, records_at="items",
                operations=chain,
            )  # fmt: skip
        finally:
            has_ended.set()
    assert len(records) == 10
    assert server.asked("page") == ["1", "2"]


def test_an_error_in_the_middle_leaves_the_old_output(tmp_path: Path) -> None:
    def answer(request: Request) -> Answer:
        if request.query["page"] == "3":
            return Answer(b'{"message":"no such page"}', 400)
        return page_of(RECORDS, request)

    (tmp_path / "out.jsonl").write_bytes(b"old\n")
    with serving(answer) as server, pytest.raises(InputError) as caught:
        fetched(tmp_path, server, paginate="page", page_size=10, records_at="items")
    assert str(caught.value) == (
        f"{server.url}/api, page 3: the server answered 400 Bad Request: "
        '\'{"message":"no such page"}\''
    )
    assert server.asked("page") == ["1", "2", "3"], "a 4xx is final"
    assert (tmp_path / "out.jsonl").read_bytes() == b"old\n"


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(status=503),
        Answer(status=429, headers={"Retry-After": "0"}),
        Answer(json.dumps({"items": RECORDS}).encode(), breaks_after=100),
        Answer(b"", headers={"Content-Length": "9"}, breaks_after=0),
    ],
    ids=["503", "429", "broken amid the page", "broken before the page"],
)
def test_a_page_that_failed_is_asked_for_again_and_nothing_is_lost_or_doubled(
    tmp_path: Path, trouble: Answer
) -> None:
    def answer(request: Request) -> Answer:
        has_failed = server.asked("page").count(request.query["page"]) > 1
        return page_of(RECORDS, request) if has_failed else trouble

    with serving(answer) as server:
        records = fetched(
            tmp_path, server, paginate="page", page_size=50, records_at="items", retries=1
        )
    assert records == RECORDS
    assert server.asked("page") == ["1", "1", "2", "2", "3", "3"]


def test_requests_that_were_made_again_are_in_the_report(tmp_path: Path) -> None:
    def answer(request: Request) -> Answer:
        has_failed = server.asked("page").count(request.query["page"]) > 1
        return page_of(RECORDS, request) if has_failed else Answer(status=503)

    http = Http(paginate="page", page_size=50, records_at="items", retries=1)
    with serving(answer) as server:
        report = transform(f"{server.url}/api", tmp_path / "out.jsonl", http=http)
    assert (report.records_out, report.retries) == (len(RECORDS), 3)


def test_a_server_that_asks_to_wait_is_left_alone_for_that_long(tmp_path: Path) -> None:
    def answer(_: Request) -> Answer:
        is_first = len(server.requests) == 1
        return Answer(status=429, headers={"Retry-After": "1"}) if is_first else json_answer([])

    with serving(answer) as server:
        fetched(tmp_path, server, paginate="page")
    first, second = (request.at_seconds for request in server.requests)
    assert second - first >= 1


@pytest.mark.parametrize("asked", ["3600", "Fri, 31 Dec 2999 23:59:59 GMT"])
def test_a_server_that_asks_to_wait_for_too_long_ends_the_run(tmp_path: Path, asked: str) -> None:
    busy = Answer(status=429, headers={"Retry-After": asked})
    with serving(lambda _: busy) as server, pytest.raises(InputError) as caught:
        fetched(tmp_path, server, paginate="page")
    assert "which is more than the 300 s that are waited" in str(caught.value)
    assert len(server.requests) == 1


def test_a_server_that_fails_too_often_ends_the_run(tmp_path: Path) -> None:
    broken = Answer(b"<h1>Oops</h1>", 500)
    with serving(lambda _: broken) as server, pytest.raises(InputError) as caught:
        fetched(tmp_path, server, paginate="page", retries=2)
    assert str(caught.value) == (
        f"{server.url}/api, page 1: the server answered 500 Internal Server Error: "
        "'<h1>Oops</h1>'; tried 3 times, see --http-retries"
    )


def test_a_silent_server_is_not_waited_for_longer_than_allowed(tmp_path: Path) -> None:
    has_ended = threading.Event()

    def answer(_: Request) -> Answer:
        has_ended.wait(PATIENCE_SECONDS)
        return json_answer([])

    with serving(answer) as server:
        try:
            with pytest.raises(InputError, match="silent for longer than --http-timeout"):
                fetched(tmp_path, server, paginate="page", timeout_seconds=0.05, retries=0)
        finally:
            has_ended.set()


def test_pages_that_would_go_on_for_ever_are_refused(tmp_path: Path) -> None:
    def answer(request: Request) -> Answer:
        if request.path == "/same":
            return json_answer(RECORDS)
        step = {"a": "b", "b": "c", "c": "a"}[request.query.get("cursor", "a")]
        return json_answer({"next": step, "items": RECORDS})

    with serving(answer) as server:
        with pytest.raises(InputError, match="page 4 names a page as the next that came before"):
            fetched(tmp_path, server, paginate="cursor", next_at="next", records_at="items")
        with pytest.raises(InputError, match="page 2 has the same records as the one before"):
            fetched(tmp_path, server, "/same", paginate="page")


def test_a_full_first_page_that_names_no_other_is_warned_of(tmp_path: Path) -> None:
    warned: list[str] = []
    with serving(lambda _: json_answer({"items": RECORDS, "nxt": "b"})) as server:
        http = Http(paginate="cursor", next_at="next", records_at="items", page_size=95)
        report: Report = transform(
            f"{server.url}/api", tmp_path / "out.jsonl", http=http, on_warning=warned.append
        )
    assert warned == list(report.warnings)
    assert "page 1 is full but names no next page" in warned[0]


@pytest.mark.parametrize(
    ("body", "options", "message"),
    [
        (b'{"items":[],"total":0}', {}, "found an object with the keys items, total; expected an"),
        (b'{"items":[]}', {"records_at": "a.b"}, "no 'a' of 'a.b' in an object with the keys item"),
        (
            b'{"next":"http://[","items":[]}',
            {"paginate": "link", "next_at": "next", "records_at": "items"},
            "found 'http://[' as the next link; expected a URL",
        ),
        (
            b'{"next":{"a":1},"items":[]}',
            {"paginate": "cursor", "next_at": "next", "records_at": "items"},
            "found '{\"a\":1}' at 'next'; expected a text or a whole number",
        ),
        (
            b'{"next":"ftp://a/b","items":[]}',
            {"paginate": "link", "next_at": "next", "records_at": "items"},
            "page 2: cannot read: it refers to a URL that begins with ftp:",
        ),
        (b"<html>", {}, "found '<html>'; expected an array of records"),
        (b'[{"a":1},', {}, "found no end of what starts at byte 0"),
        (b'[{"a":1}]', {"records_at": "0.a"}, "found '1'; expected an array of records"),
    ],
)
def test_a_body_without_records_is_refused_with_what_is_there(
    tmp_path: Path, body: bytes, options: dict[str, Any], message: str
) -> None:
    with serving(lambda _: Answer(body)) as server, pytest.raises(InputError) as caught:
        fetched(tmp_path, server, **{"paginate": "page", **options})
    assert "/api, page " in str(caught.value)
    assert message in str(caught.value)


def test_a_bad_record_is_rejected_like_any_other(tmp_path: Path) -> None:
    body = b'[{"a": 1}, {"a": NaN},\n {"a":\n 3}]'
    with serving(lambda _: Answer(body)) as server:
        report = transform(
            f"{server.url}/api", tmp_path / "out.jsonl", on_error="reject",
            http=Http(paginate="link"),
        )  # fmt: skip
    assert report.records_out == 2
    rejects = (tmp_path / "out.jsonl.rejects.jsonl").read_text().splitlines()
    assert [json.loads(line)["raw"] for line in rejects] == ['{"a": NaN}']


def test_what_identifies_the_user_goes_to_no_other_server(tmp_path: Path) -> None:
    def elsewhere(_: Request) -> Answer:
        return json_answer(RECORDS[20:])

    def at_home(request: Request) -> Answer:
        if request.path == "/api":
            return Answer(status=307, headers={"Location": "/moved"})
        return json_answer(RECORDS[:20], Link=f"<{other.url}/there>; rel=next")

    with serving(elsewhere) as other, serving(at_home) as server:
        url = server.url.replace("http://", "http://me:pass%20word@")
        http = Http(paginate="link", headers={"X-Api-Key": "key", "accept": "text/json"})
        transform(f"{url}/api", tmp_path / "out.jsonl", http=http)
    for request in server.requests:
        assert (request.headers["x-api-key"], request.headers["accept"]) == ("key", "text/json")
        assert request.headers["authorization"] == "Basic bWU6cGFzcyB3b3Jk"
    (request,) = other.requests
    assert not {"x-api-key", "authorization"} & request.headers.keys()


def test_a_cancelled_run_leaves_nothing_behind(tmp_path: Path) -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def answer(request: Request) -> Answer:
        if request.query["page"] == "2":
            is_asked.set()
            may_answer.wait(PATIENCE_SECONDS)
        return page_of(RECORDS, request)

    async def main(url: str) -> None:
        http = Http(paginate="page", page_size=10, records_at="items")
        run = asyncio.ensure_future(transform_async(url, tmp_path / "out.jsonl", http=http))
        assert await asyncio.to_thread(is_asked.wait, PATIENCE_SECONDS)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with serving(answer) as server:
        try:
            asyncio.run(main(f"{server.url}/api"))
        finally:
            may_answer.set()
    assert list(tmp_path.iterdir()) == []


def test_a_redirect_that_has_no_end_is_left(tmp_path: Path) -> None:
    away = Answer(status=302, headers={"Location": "/api"})
    with serving(lambda _: away) as server, pytest.raises(InputError, match="10 redirects"):
        fetched(tmp_path, server, paginate="page")


def test_a_first_page_that_is_no_number_is_a_usage_error(tmp_path: Path) -> None:
    with serving(by_page) as server, pytest.raises(UsageError, match="begins at page=two, which"):
        fetched(tmp_path, server, "/api?page=two", paginate="page")
    assert server.requests == []
