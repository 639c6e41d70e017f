"""Storage: files behind URLs such as s3://bucket/key, as fsspec reaches them."""

from __future__ import annotations

import re
from typing import Any

from streamx.errors import UsageError
from streamx.extras import needing

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_WEB = ("http", "https")
# Storages known to show a file only when it is whole, and to take back what was uploaded before.
_WRITABLE = ("s3", "s3a", "gs", "gcs", "memory")
_PASSWORD = re.compile(r"(?<=://)[^/:]*:([^/]*)@")
_QUERY = re.compile(r"\?[^/?]*=.*", re.DOTALL)
_LOCAL = re.compile(r"(?:file|local)://(?:localhost)?(?=/)", re.IGNORECASE)

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

    def open_reading(self) -> Any:
        """Open it for reading what is asked for, and nothing else: no range is kept or guessed.

        Raises:
            UsageError: nothing is known of the storage, or its library is not installed.
            Exception: what the storage has against it.
        """
        system, path = self._place()
        return system.open(path, "rb", cache_type="none")

    def open_writing(self, block_bytes: int) -> Any:
        """Open an upload in blocks, which `commit` makes visible and `discard` takes back.

        Raises:
            UsageError: as on reading.
            Exception: what the storage has against it.
        """
        system, path = self._place()
        system.start_transaction()
        return system.open(path, "wb", block_size=block_bytes)

    def remove(self) -> None:
        """Remove it, if it is there.

        Raises:
            UsageError: as on reading.
            Exception: what the storage has against it.
        """
        system, path = self._place()
        try:
            system.info(path)  # first: removing may leave a mark even where nothing is
        except FileNotFoundError:
            return
        system.rm_file(path)

    def said(self, error: Exception) -> str:
        """Say in one clause what the storage has against it, without what is secret, and a hint."""
        words = str(error) or type(error).__name__
        password = _PASSWORD.search(self._url)
        if password and password[1]:
            words = words.replace(password[1], "***")
        return _explained(error, words)

    def _place(self) -> tuple[Any, str]:
        """Return fsspec's file system, which has no types, and the path in it."""
        scheme = self._url.partition("://")[0].lower()
        with needing(f"{scheme}://", "remote"):
            import fsspec

            if scheme in ("s3", "s3a"):
                import s3fs  # noqa: F401  # to name it where it is missing
        try:
            fsspec.get_filesystem_class(scheme)
        except ValueError as error:
            raise UsageError(f"{self.name}: no storage has URLs of {scheme}://") from error
        except ImportError as error:
            raise UsageError(f"{self.name}: a library is not installed: {error}") from error
        # Of our own, so that nothing that others have seen of the storage is taken for true.
        system, path = fsspec.url_to_fs(self._url, skip_instance_cache=True)
        return system, path


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
    if kind == "FileExpired":
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
