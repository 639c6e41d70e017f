"""Uploads to S3 that are made by one process, and completed or given up by another.

An upload in blocks is invisible until it is completed, so of any number that were made of one file,
also by processes that were taken for dead, only the one that is chosen is ever seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from streamx.write.stored_sink import StoredSink


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload whose blocks are all there.

    Attributes:
        id: what S3 calls it by.
        blocks: what S3 answered to each of them, in order; none of an empty file.
    """

    id: str
    blocks: tuple[Mapping[str, Any], ...]


class UploadSink(StoredSink):
    """A file in S3 whose upload is whole when it is committed, and is to be completed by others.

    Attributes:
        upload: what that takes, once it is committed.
    """

    upload: Upload | None = None

    async def commit(self) -> None:
        await self.prepare()
        self.upload = Upload(self._upload.mpu["UploadId"], tuple(self._upload.parts))
        self._thread.shutdown(wait=False)


async def open_upload(url: str) -> UploadSink:
    """Begin an upload, as `StoredSink.open` does."""
    sink = UploadSink(url)
    await sink.open()
    return sink


def complete(system: Any, path: str, upload: Upload) -> str:
    """Make a file of an upload, in one step, and return the tag of its content.

    Args:
        system: s3fs's, which has no types.
        path: of the file in it.
        upload: all of it.
    """
    bucket, key, _ = system.split_path(path)
    place = {"Bucket": bucket, "Key": key}
    if not upload.blocks:  # which S3 does not complete
        system.call_s3("abort_multipart_upload", **place, UploadId=upload.id)
        return str(system.call_s3("put_object", **place, Body=b"")["ETag"])
    blocks = {"Parts": list(upload.blocks)}
    completed = system.call_s3(
        "complete_multipart_upload", **place, UploadId=upload.id, MultipartUpload=blocks
    )
    return str(completed["ETag"])


def give_up_all(system: Any, path: str) -> None:
    """Take back all uploads of files below a path that nobody has completed."""
    bucket, prefix, _ = system.split_path(path)
    marker: dict[str, str] = {}
    while True:
        found = system.call_s3(
            "list_multipart_uploads", Bucket=bucket, Prefix=f"{prefix}/", **marker
        )
        for each in found.get("Uploads", ()):
            with suppress(FileNotFoundError):  # it has ended meanwhile
                place = {"Bucket": bucket, "Key": each["Key"]}
                system.call_s3("abort_multipart_upload", **place, UploadId=each["UploadId"])
        if not found.get("IsTruncated"):
            return
        marker = {
            "KeyMarker": found["NextKeyMarker"], "UploadIdMarker": found["NextUploadIdMarker"]
        }  # fmt: skip
