"""Files in a storage are read and written as those on disk are, and never seen half written."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import fsspec
import pytest
from conftest import SAMPLE_DATA, STREAMX, TIMEOUT_SECONDS
from storage.s3_server import SECRET, S3Server, environment, line_to

from streamx import (
    Apply,
    InputError,
    OutputError,
    Select,
    StreamxError,
    retry,
    schema,
    transform,
)
from streamx.read import stored_source
from streamx.write import stored_sink

MIB = 1024 * 1024
# As JSONL more than S3 takes for the smallest block.
RECORDS = 75_000
CSV = b"id,name\n" + b"".join(b"%d,%s\n" % (number, b"a name" * 9) for number in range(RECORDS))
JSONL = b"".join(b'{"id":%d,"name":"%s"}\n' % (number, b"a name" * 9) for number in range(RECORDS))


@pytest.fixture
def s3(s3_server: S3Server) -> S3Server:
    return s3_server


@pytest.fixture(autouse=True)
def _leads_to_the_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "s3" in request.fixturenames:
        for name, value in environment(request.getfixturevalue("s3").url).items():
            monkeypatch.setenv(name, value)


@pytest.fixture
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_source, "BLOCK_BYTES", MIB)
    monkeypatch.setattr(stored_sink, "BLOCK_BYTES", 5 * MIB)  # the least that S3 takes


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("in.csv", "s3://bucket/there.jsonl"),
        ("s3://bucket/in.csv", "back.jsonl"),
        ("s3://bucket/in.csv", "s3://bucket/across.jsonl"),
        ("s3://bucket/in.csv.gz", "s3://bucket/zipped.jsonl.gz"),
    ],
)
def test_output_has_the_bytes_that_files_on_disk_give(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, target: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if source == "in.csv":
        Path(source).write_bytes(CSV)
    else:
        s3.put("in.csv", CSV)
        s3.put("in.csv.gz", gzip.compress(CSV, 1))
    report = transform(source, target)
    key = target.removeprefix("s3://bucket/")
    found = Path(target).read_bytes() if key == target else s3.get(key)
    assert (gzip.decompress(found) if key.endswith(".gz") else found) == JSONL
    assert report.records_out == RECORDS
    assert not s3.uploads


def test_an_empty_output_is_an_empty_object(s3: S3Server, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"")
    s3.put("empty.jsonl", b"of before")
    transform(source, "s3://bucket/empty.jsonl")
    assert s3.get("empty.jsonl") == b""


@pytest.mark.parametrize("name", ["flights.parquet", "flights.arrow"])
def test_files_of_columns_are_written_to_a_storage_and_read_from_it(
    s3: S3Server, tmp_path: Path, name: str
) -> None:
    stored, direct, back = f"s3://bucket/{name}", tmp_path / "direct.jsonl", tmp_path / "back.jsonl"
    transform(SAMPLE_DATA / "flights.csv", direct, nulls=["NA"])
    transform(SAMPLE_DATA / "flights.csv", stored, nulls=["NA"])
    transform(stored, back)
    assert back.read_bytes() == direct.read_bytes()
    with pytest.raises(InputError, match=f"cannot read s3://bucket/no-{name}: there is no such"):
        transform(f"s3://bucket/no-{name}", back)


def test_the_columns_of_a_stored_file_are_told(s3: S3Server) -> None:
    assert schema(s3.put("schema.csv", b"a,b\n1,x\n")) == {"a": "integer", "b": "string"}


@pytest.mark.parametrize("input", ["s3://bucket/day/", "s3://bucket/day/f*.csv*"])
def test_the_files_below_a_prefix_are_read_as_one(s3: S3Server, tmp_path: Path, input: str) -> None:
    for number in (10, 2):
        text = b"id,n\n%d,%s\n" % (number, b"x" * 99)
        s3.put(f"day/f{number}.csv.gz", gzip.compress(text))
    s3.put("day/f1.csv", b"n,id\ny,1")
    s3.put("day/_SUCCESS", b"")
    transform(input, tmp_path / "out.csv", add_source="from", operations=[Select(("id", "from"))])
    assert (tmp_path / "out.csv").read_text() == (
        "id,from\n1,s3://bucket/day/f1.csv\n2,s3://bucket/day/f2.csv.gz\n"
        "10,s3://bucket/day/f10.csv.gz\n"
    )


def test_functions_in_worker_processes_get_the_records_of_a_stored_file(s3: S3Server) -> None:
    source = s3.put("flights.csv", (SAMPLE_DATA / "flights.csv").read_bytes())
    clean = Apply(f"{SAMPLE_DATA / 'functions' / 'clean.py'}:clean")
    report = transform(
        source, "s3://bucket/clean.jsonl", operations=[clean], nulls=["NA"], workers=1
    )
    assert report.ran_in == "processes"
    assert s3.get("clean.jsonl").count(b"\n") == report.records_out > 3_900


def test_rejects_stand_beside_a_stored_output_until_a_run_has_none(s3: S3Server) -> None:
    def rejects_of(content: bytes) -> bool:
        source = s3.put("odd.csv", content)
        transform(source, "s3://bucket/odd.jsonl", on_error="reject")
        return "odd.jsonl.rejects.jsonl" in s3.keys

    assert rejects_of(b"a,b\n1,2\n3\n4,5\n")
    assert s3.get("odd.jsonl") == b'{"a":1,"b":2}\n{"a":4,"b":5}\n'
    retry("s3://bucket/odd.jsonl.rejects.jsonl", "s3://bucket/more.jsonl", ragged="pad")
    assert s3.get("more.jsonl") == b'{"a":3,"b":null}\n'
    assert not rejects_of(b"a,b\n1,2\n")


def converting(source: Path, url: str) -> subprocess.Popen[bytes]:
    command = [*STREAMX, "transform", source, url, "--from", "csv"]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


@pytest.mark.parametrize(
    ("ending", "status", "said"),
    [
        (b"a record, of three, cells\n", 1, b"expected 2 cells"),
        (signal.SIGTERM, -signal.SIGTERM, b""),
    ],
    ids=["a bad record", "SIGTERM"],
)
def test_a_run_that_ends_amid_an_upload_leaves_the_old_object_and_no_upload(
    s3: S3Server, tmp_path: Path, ending: bytes | signal.Signals, status: int, said: bytes
) -> None:
    s3.put("kept.jsonl", b"of before")
    source = tmp_path / "fifo"
    os.mkfifo(source)
    with converting(source, "s3://bucket/kept.jsonl") as process, open(source, "wb") as fifo:
        fifo.write(CSV)
        for _ in range(3):  # beyond the first block
            fifo.write(CSV.partition(b"\n")[2])
        fifo.flush()
        wait_until_uploading(s3, "kept.jsonl")
        if isinstance(ending, bytes):
            fifo.write(ending)
            fifo.close()
        else:
            process.send_signal(ending)
        _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == status
    assert said in errors
    assert errors.count(b"\n") == bool(said)
    assert s3.get("kept.jsonl") == b"of before"
    assert not s3.uploads


def wait_until_uploading(s3: S3Server, key: str) -> None:
    ends = time.monotonic() + TIMEOUT_SECONDS
    while key not in s3.uploads:
        assert time.monotonic() < ends, "the upload has not begun"
        time.sleep(0.02)


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("breaks", ["reading", "writing"])
def test_a_connection_that_breaks_once_is_made_again(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    s3.put("in.csv", CSV)
    limits = {"answered_bytes" if breaks == "reading" else "asked_bytes": 3 * MIB}
    with line_to(s3, heals=True, **limits) as line:
        monkeypatch.setenv("AWS_ENDPOINT_URL", line.url)
        transform("s3://bucket/in.csv", "s3://bucket/healed.jsonl")
        assert line.breaks == 1
    assert s3.get("healed.jsonl") == JSONL


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize(
    ("breaks", "error", "action"),
    [("reading", InputError, "read"), ("writing", OutputError, "write")],
)
def test_a_server_that_goes_away_in_the_middle_ends_the_run_and_leaves_the_old_object(
    s3: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    breaks: str,
    error: type[StreamxError],
    action: str,
) -> None:
    local = tmp_path / "here.csv"
    local.write_bytes(CSV)
    stored = s3.put("gone.csv", CSV)
    limits = {"answered_bytes" if breaks == "reading" else "asked_bytes": 2 * MIB}
    ends = (stored, local) if breaks == "reading" else (local, stored)
    with line_to(s3, heals=False, **limits) as line:
        monkeypatch.setenv("AWS_ENDPOINT_URL", line.url)
        with pytest.raises(error, match=f"^cannot {action} s3://bucket/gone.csv: .*connect"):
            transform(*ends)
        assert line.breaks
    assert s3.get("gone.csv") == local.read_bytes() == CSV


@pytest.mark.usefixtures("_small_blocks")
def test_a_file_that_is_replaced_while_it_is_read_ends_the_run(
    s3: S3Server, tmp_path: Path
) -> None:
    source = s3.put("replaced.csv", CSV)

    def replace(record: dict[str, object]) -> dict[str, object]:
        if record["id"] == 0:
            s3.put("replaced.csv", CSV.upper())
        return record

    with pytest.raises(InputError, match="it was replaced while it was read"):
        transform(source, tmp_path / "out.csv", operations=[replace])
    assert not list(tmp_path.iterdir())


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def url_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_storage_that_never_answers_ends_the_run(
    silent: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(url_of(silent)).items():
        monkeypatch.setenv(name, value)
    options = {"config_kwargs": {"read_timeout": 0.1, "retries": {"max_attempts": 0}}}
    monkeypatch.setitem(fsspec.config.conf, "s3", options)
    with pytest.raises(InputError, match=r"^cannot read s3://bucket/in.csv: .* silent"):
        transform("s3://bucket/in.csv", "-", target_format="csv")


def test_a_signal_is_heard_while_a_storage_does_not_answer(silent: socket.socket) -> None:
    command = [*STREAMX, "transform", "s3://bucket/in.csv", os.devnull, "--to", "csv"]
    variables = os.environ | environment(url_of(silent))
    with subprocess.Popen(command, env=variables) as process:
        asking, _ = silent.accept()
        with asking:
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_SECONDS / 10) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("s3://bucket/none.csv", "-", "cannot read s3://bucket/none.csv: there is no such bucket"),
        ("s3://nowhere/a.csv", "-", "cannot read s3://nowhere/a.csv: .*bucket does not exist"),
        ("here.csv", "s3://nowhere/a.csv", "cannot write s3://nowhere/a.csv: .*does not exist"),
    ],
)
def test_what_is_not_there_is_said(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, target: str,
    message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("here.csv").write_bytes(b"a\n1\n")
    with pytest.raises(StreamxError, match=f"^{message}"):
        transform(source, target, target_format="csv")


def test_without_credentials_the_storage_is_not_asked(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(InputError, match="no credentials were found"):
        transform("s3://bucket/in.csv", "-", target_format="csv")


def test_access_that_is_denied_is_said_without_what_is_secret(s3: S3Server) -> None:
    source = s3.put("private.csv", b"a\n1\n")

    def let_in(requests: bytes) -> None:
        headers = {"Content-Type": "text/plain"}
        urlopen(Request(f"{s3.url}/moto-api/reset-auth", requests, headers)).close()

    let_in(b"0")  # from now on keys are looked at, and this one is unknown
    try:
        with pytest.raises(InputError, match="access was denied") as caught:
            transform(source, "-", target_format="csv")
    finally:
        let_in(b"inf")
    assert SECRET not in str(caught.value)


def test_memory_does_not_grow_with_the_file(s3: S3Server, tmp_path: Path) -> None:
    s3.put("large.csv", CSV + 9 * CSV.partition(b"\n")[2])
    ends = ("s3://bucket/large.csv", "s3://bucket/large.jsonl")
    summary = tmp_path / "summary.json"
    command = [*STREAMX, "transform", *ends, "--summary", summary]
    subprocess.run(command, check=True, timeout=TIMEOUT_SECONDS)
    # Some 165 MiB; held as wholes, input and output would be 100 more.
    assert json.loads(summary.read_bytes())["memory_peak_bytes"] < 220 * MIB
