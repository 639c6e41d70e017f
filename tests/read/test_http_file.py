"""A file on a web server is read as one on disk is, and resumed where its connection breaks."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from read.web_server import Answer, Request, serving

from streamx import InputError, transform
from streamx.transform import retries

CSV = b"id,name\n" + b"".join(b"%d,some name\n" % number for number in range(20_000))
BROKEN_AT = 150_000


@pytest.fixture(autouse=True)
def _retries_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_DELAY_SECONDS", 0.001)


def copied(path: Path, url: str) -> bytes:
    output = path / "out.csv"
    transform(url, output)
    return output.read_bytes()


def resuming(content: bytes, **headers: str) -> Callable[[Request], Answer]:
    """Answer as a server does that breaks the first connection and knows of ranges."""

    def answer(request: Request) -> Answer:
        match = re.fullmatch("bytes=([0-9]+)-", request.headers.get("range", ""))
        if match is None:
            return Answer(content, headers=headers, breaks_after=BROKEN_AT)
        if request.headers["if-range"] != headers["ETag"]:
            return Answer(content, headers=headers)
        start = int(match[1])
        part = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return Answer(content[start:], 206, {**headers, "Content-Range": part})

    return answer


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/a.csv", CSV, {}),
        ("/a.csv.gz?version=2", gzip.compress(CSV), {}),
        ("/a.csv", gzip.compress(CSV), {"Content-Encoding": "gzip"}),
        ("/a.csv.gz", gzip.compress(CSV), {"Content-Encoding": "gzip"}),
    ],
    ids=["plain", "gzip by name", "gzip by header", "gzip by both"],
)
def test_a_file_comes_whole_however_it_is_encoded(
    tmp_path: Path, path: str, body: bytes, headers: dict[str, str]
) -> None:
    with serving(lambda _: Answer(body, headers=headers)) as server:
        assert copied(tmp_path, server.url + path) == CSV


@pytest.mark.parametrize("is_gzip", [False, True])
def test_a_broken_connection_is_resumed_where_it_broke(tmp_path: Path, is_gzip: bool) -> None:
    # Stored, so that it is as long.
    content = gzip.compress(CSV, 0) if is_gzip else CSV
    with serving(resuming(content, ETag='"1"')) as server:
        url, output = f"{server.url}/a.csv{'.gz' if is_gzip else ''}", tmp_path / "out.csv"
        assert transform(url, output).retries == 1
    assert output.read_bytes() == CSV
    assert [request.headers.get("range") for request in server.requests] == [
        None,
        f"bytes={BROKEN_AT}-",
    ]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (resuming(CSV), "the server gives no strong ETag"),
        (resuming(CSV, ETag='W/"1"'), "the server gives no strong ETag"),
        (
            lambda _: Answer(CSV, headers={"ETag": '"1"'}, breaks_after=BROKEN_AT),
            "the file has changed, or the server gives no parts of it",
        ),
    ],
    ids=["no tag", "weak tag", "no ranges"],
)
def test_a_file_that_cannot_be_resumed_is_an_error(
    tmp_path: Path, answer: Callable[[Request], Answer], message: str
) -> None:
    with serving(answer) as server, pytest.raises(InputError) as caught:
        copied(tmp_path, f"{server.url}/a.csv")
    assert f"/a.csv: the connection broke after 150,000 bytes and cannot be resumed: {message}" in (
        str(caught.value)
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_has_changed_is_not_pieced_together(tmp_path: Path) -> None:
    def answer(request: Request) -> Answer:
        tag = f'"{len(server.requests)}"'
        return resuming(CSV, ETag=tag)(request)

    with serving(answer) as server, pytest.raises(InputError, match="the file has changed"):
        copied(tmp_path, f"{server.url}/a.csv")


def test_a_missing_file_is_said_to_be_missing_with_nothing_secret(tmp_path: Path) -> None:
    with serving(lambda r: Answer(r.headers["authorization"].encode(), 404)) as server:
        url = server.url.replace("//", "//me:p4ssw0rd@")
        with pytest.raises(InputError) as caught:
            copied(tmp_path, f"{url}/a.csv?key=s3cr3t")
    assert str(caught.value).startswith(
        f"{server.url}/a.csv: the server answered 404 Not Found: 'Basic ***'; see whether the URL"
    )


def test_an_encoding_that_nobody_asked_for_is_refused(tmp_path: Path) -> None:
    answer = Answer(b"\x0b", headers={"Content-Encoding": "br"})
    with serving(lambda _: answer) as server, pytest.raises(InputError, match="Encoding 'br'"):
        copied(tmp_path, f"{server.url}/a.csv")


def test_a_server_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with serving(lambda _: Answer()) as server:
        url = server.url
    with pytest.raises(InputError, match=r"a\.csv: cannot read: .*; tried 6 times, see --http-re"):
        copied(tmp_path, f"{url}/a.csv")
