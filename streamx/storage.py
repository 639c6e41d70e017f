"""Storage: files behind URLs such as s3://bucket/key, as fsspec reaches them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from streamx.errors import UsageError
from streamx.extras import needing

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_WEB = ("http", "https")
_S3 = ("s3", "s3a")
# Storages known to show a file only when it is whole, and to take back what was uploaded before.
_WRITABLE = (*_S3, "gs", "gcs", "memory")
# How long a file system may have been idle when it is used again.
_KEPT_SECONDS = 10.0
_PASSWORD = re.compile(r"(?<=://)[^/:]*:([^/]*)@")
_QUERY = re.compile(r"\?[^/?]*=.*", re.DOTALL)
_LOCAL = re.compile(r"(?:file|local)://(?:localhost)?(?=/)", re.IGNORECASE)
# What storages call a tag of a file's content, and the time of its last change.
_VERSIONS = ("ETag", "etag", "LastModified", "last_modified", "updated", "mtime", "modified")

# What the libraries of storages raise, by name, since most of them are not installed.
_NO_CREDENTIALS = {
    "CredentialRetrievalError",
    "CredentialUnavailableError",
    "DefaultCredentialsError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "TokenRetrievalError",
    "UnauthorizedSSOTokenError",
}
_SILENT = {"ConnectTimeoutError", "FSTimeoutError", "ReadTimeoutError", "ServerTimeoutError"}
_CUT_OFF = {
    "ClientConnectorError",
    "ClientPayloadError",
    "ConnectionClosedError",
    "EndpointConnectionError",
    "HTTPClientError",
    "ServerDisconnectedError",
}


class _Kept(NamedTuple):
    """A file system, what it was made of, and when it was last asked for."""

    key: str
    system: Any
    used_at: float


_kept: _Kept | None = None


class FileReplacedError(Exception):
    """A file in a storage is another one than it was."""


class StoredFile:
    """A file in a storage, as fsspec reaches it.

    Args:
        url: where it is.

    Attributes:
        name: the URL, as it may be shown.
    """

    def __init__(self, url: str) -> None:
        self.name = shown_url(url)
        self._url = url

    def open_reading(self, version: str | None = None) -> Any:
        """Open it for reading what is asked for, and nothing else: no range is kept or guessed.

        Args:
            version: what it must be, as `version_of` says; None for any.

        Raises:
            UsageError: nothing is known of the storage, or its library is not installed.
            FileReplacedError: it has another version.
            Exception: what the storage has against it.
        """
        system, path = self.place()
        file = system.open(path, "rb", cache_type="none")
        details = getattr(file, "details", None)
        if version is not None and details is not None and version_of(details) != version:
            file.close()
            raise FileReplacedError("it is not what it was when the run began")
        return file

    def open_writing(self, block_bytes: int) -> Any:
        """Open an upload in blocks, which `commit` makes visible and `discard` takes back.

        Raises:
            UsageError: as on reading.
            Exception: what the storage has against it.
        """
        system, path = self.place()
        system.start_transaction()
        return system.open(path, "wb", block_size=block_bytes)

    def details(self) -> Mapping[str, Any] | None:
        """Return what the storage tells of it, `size` and more, or None if it is not there.

        Raises:
            UsageError: as on reading.
            Exception: what the storage has against it.
        """
        system, path = self.place()
        try:
            details: Mapping[str, Any] = system.info(path)
        except FileNotFoundError:
            return None
        return details

    def remove(self) -> None:
        """Remove it, if it is there.

        Raises:
            UsageError: as on reading.
            Exception: what the storage has against it.
        """
        if self.details() is not None:  # removing may leave a mark even where nothing is
            system, path = self.place()
            system.rm_file(path)

    def said(self, error: Exception) -> str:
        """Say in one clause what the storage has against it, without what is secret, and a hint."""
        words = str(error) or type(error).__name__
        password = _PASSWORD.search(self._url)
        if password and password[1]:
            words = words.replace(password[1], "***")
        return _explained(error, words)

    def place(self) -> tuple[Any, str]:
        """Return a file system of fsspec, which has no types, and the path in it.

        Raises:
            UsageError: nothing is known of the storage, or its library is not installed.
        """
        scheme = self._url.partition("://")[0].lower()
        with needing(f"{scheme}://", "remote"):
            import fsspec

            if scheme in _S3:
                import s3fs  # noqa: F401  # to name it where it is missing
        try:
            fsspec.get_filesystem_class(scheme)
        except ValueError as error:
            raise UsageError(f"{self.name}: no storage has URLs of {scheme}://") from error
        except ImportError as error:
            raise UsageError(f"{self.name}: a library is not installed: {error}") from error
        system, path = _system_and_path(self._url, scheme)
        system.invalidate_cache()  # nothing that was seen before is taken for true
        return system, path


def _system_and_path(url: str, scheme: str) -> tuple[Any, str]:
    """Return a file system of our own; of S3 the one of the last URL, as one takes 0.2 s to make.

    It is used again while it is in use and nothing that it was made of has changed.
    """
    import fsspec

    global _kept
    if scheme not in _S3 or "?" in url:
        system, path = fsspec.url_to_fs(url, skip_instance_cache=True)
        return system, path
    variables = [each for each in os.environ.items() if each[0].startswith("AWS_")]
    key = repr((os.getpid(), scheme, sorted(variables), fsspec.config.conf.get(scheme)))
    now = time.monotonic()
    kept = _kept
    if kept is not None and kept.key == key and now - kept.used_at < _KEPT_SECONDS:
        system, path = kept.system, kept.system._strip_protocol(url)
    else:
        system, path = fsspec.url_to_fs(url, skip_instance_cache=True)
    _kept = _Kept(key, system, now)
    return system, path


def version_of(details: Mapping[str, Any]) -> str:
    """Return what a file's content is known by, from what its storage tells of it.

    That is a tag where there is one, else a time.

    >>> version_of({"name": "bucket/a.csv", "size": 4, "ETag": '"5d41402abc4b2a76"'})
    '"5d41402abc4b2a76"'
    """
    return next((str(details[name]) for name in _VERSIONS if details.get(name)), "")


def is_storage_url(path: str) -> bool:
    """Tell whether a path is a URL that a storage answers to.

    >>> is_storage_url("s3://bucket/key.csv"), is_storage_url("https://example.org/key.csv")
    (True, False)
    >>> is_storage_url("a/key.csv")
    False
    """
    match = _URL.match(path)
    return match is not None and match[1].lower() not in _WEB


def is_writable_url(url: str) -> bool:
    """Tell whether a storage's URL may be that of an output.

    >>> is_writable_url("gs://bucket/key.csv"), is_writable_url("ftp://host/key.csv")
    (True, False)
    """
    return url.partition("://")[0].lower() in _WRITABLE


def is_s3_key(url: str) -> bool:
    """Tell whether a URL is that of something in a bucket of S3.

    >>> is_s3_key("s3://bucket/out/"), is_s3_key("s3://bucket/"), is_s3_key("gs://bucket/out")
    (True, False, False)
    """
    scheme, _, place = url.partition("://")
    return scheme.lower() in _S3 and bool(place.strip("/").partition("/")[2])


def shown_url(url: str) -> str:
    """Return what may be shown of a storage's URL: no password, and no query.

    >>> shown_url("sftp://me:secret@host/a.csv"), shown_url("s3://bucket/a.csv?versionId=7")
    ('sftp://host/a.csv', 's3://bucket/a.csv')
    """
    return _QUERY.sub("", _PASSWORD.sub("", url))


def local_path(path: str) -> str:
    """Return the path that a `file:` URL names (RFC 8089), and any other path as it is.

    Raises:
        UsageError: it names another host.

    >>> local_path("file:///tmp/a%20b.csv"), local_path("a%20b.csv")
    ('/tmp/a b.csv', 'a%20b.csv')
    """
    if not path.lower().startswith(("file:", "local:")) or "://" not in path:
        return path
    match = _LOCAL.match(path)
    if match is None:
        raise UsageError(f"{path} names no file of this machine; write file:///PATH")
    from urllib.parse import unquote  # not needed for paths

    return unquote(path[match.end() :])


def _explained(error: Exception, words: str) -> str:
    kind = type(error).__name__
    if kind in _NO_CREDENTIALS:
        return f"no credentials were found ({words}); give them as for the storage's own tools"
    if kind in ("FileExpired", "FileReplacedError"):
        return f"it was replaced while it was read ({words}); run again"
    if isinstance(error, TimeoutError) or kind in _SILENT:
        return f"the storage was silent for too long, each time it was asked ({words}); run again"
    if isinstance(error, ConnectionError) or kind in _CUT_OFF:
        return f"the storage cannot be reached, tried again in vain ({words}); see the network"
    if isinstance(error, PermissionError):
        return f"access was denied ({words}); see what the credentials allow"
    if isinstance(error, FileNotFoundError):
        return f"there is no such bucket or key ({words}); see whether the URL is right"
    return words
