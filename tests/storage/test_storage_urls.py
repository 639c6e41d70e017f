"""Which URLs are a storage's, what may be shown of them, and what cannot be done with them."""

from __future__ import annotations

import string
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamx import InputError, StreamxError, UsageError, transform
from streamx.storage import is_storage_url, local_path, shown_url

NAMES = st.text(string.ascii_letters + string.digits + "-_.", min_size=1)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_file_url_is_the_path_that_it_was_made_of(name: str) -> None:
    path = Path("/", name)
    assert local_path(path.as_uri()) == str(path)
    assert not is_storage_url(str(path))


@given(NAMES, st.text(string.ascii_letters + ":@", min_size=1), NAMES, NAMES)
def test_a_password_is_never_shown(user: str, password: str, host: str, path: str) -> None:
    assert shown_url(f"sftp://{user}:{password}@{host}/{path}") == f"sftp://{host}/{path}"


@given(NAMES, st.text(string.ascii_letters + "@:+ ", min_size=1))
def test_a_url_without_a_password_is_shown_as_it_is(bucket: str, key: str) -> None:
    assert shown_url(f"s3://{bucket}/{key}") == f"s3://{bucket}/{key}"


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("s3://b/k.csv", {"lock": True}, "--lock needs --lock-file with a file on disk"),
        ("s3://b/k.csv", {"is_direct": True}, "--direct needs an OUTPUT on disk"),
        ("s3://b/k.csv", {"resume": True}, "--resume needs an OUTPUT on disk"),
        ("s3://b/k.csv", {"checkpoint": "c"}, "--checkpoint needs an OUTPUT on disk"),
        ("s3://b/k.csv", {"summary": "s3://b/s"}, "--summary needs a file on disk, not a URL"),
        ("s3://b/k.csv", {"lock_file": "s3://b/s"}, "--lock-file needs a file on disk"),
        ("s3://b/k.csv", {"fsync": False}, "--no-fsync needs an output file"),
        ("s3://b/k.csv", {"rejects": "s3://b/k.csv"}, "rejects and the output are both s3://b/k"),
        ("s3://b/in.csv", {}, "input and output are the same file"),
        ("ftp://me:secret@host/k.csv", {}, "OUTPUT needs a path, or a URL of s3:// or gs://"),
        ("https://host/k.csv", {}, "OUTPUT needs a path, or a URL of s3:// or gs://"),
        ("k.csv", {"rejects": "az://b/k"}, "--rejects needs a path, or a URL of s3:// or gs://"),
        ("k.csv", {"resume": True}, "--resume needs an INPUT on disk, not a URL"),
        ("file://there/k.csv", {}, "names no file of this machine"),
    ],
)
def test_what_a_url_cannot_do_is_refused_before_anything_is_asked(
    target: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        transform("s3://b/in.csv", target, **options)


def test_a_library_that_is_missing_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(UsageError, match=r"s3:// needs s3fs, .* pip install 'streamx\[remote\]'"):
        transform("s3://b/in.csv", "-", target_format="csv")


def test_a_storage_that_nobody_knows_is_named() -> None:
    with pytest.raises(UsageError, match=r"^nowhere://a\.csv: no storage has URLs of nowhere:"):
        transform("nowhere://a.csv", "-", target_format="csv")


def test_any_storage_of_fsspec_is_read_and_written() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/here/in.csv", b"a\n1\n2\n")
    memory.pipe("/here/out.jsonl", b"of before")
    transform("memory://here/in.csv", "memory://here/out.jsonl")
    assert memory.cat("/here/out.jsonl") == b'{"a":1}\n{"a":2}\n'
    memory.pipe("/here/in.csv", b"a\n1\n2,3\n")
    with pytest.raises(StreamxError, match=r"^memory://here/in\.csv, line 3"):
        transform("memory://here/in.csv", "memory://here/out.jsonl")
    assert memory.cat("/here/out.jsonl") == b'{"a":1}\n{"a":2}\n'


def test_a_url_of_a_file_is_that_file(tmp_path: Path) -> None:
    source, target = tmp_path / "an in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a\n1\n")
    transform(source.as_uri(), target.as_uri())
    assert target.read_bytes() == b"a\n1\n"


def test_an_input_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(
        InputError, match=r"^cannot read ftp://127\.0\.0\.1:1/a\.csv: .* cannot be reached"
    ) as caught:
        transform("ftp://me:secret@127.0.0.1:1/a.csv", "-", target_format="csv")
    assert "secret" not in str(caught.value)
