"""File names: what the files of a divided output are called, for values of any kind.

`COLUMN=VALUE` is how Hive names directories of partitions, and what DuckDB, Spark and Polars read
and write; they percent-encode what a path cannot hold, and call null __HIVE_DEFAULT_PARTITION__.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from unicodedata import normalize

NULL = "__HIVE_DEFAULT_PARTITION__"
# What Hive escapes, what Windows has no names for, and what we set apart: ~ begins what we add.
_UNSAFE = re.compile(r"""[\x00-\x1f\x7f"#%'*/:=?\\{}\[\]^<>|~]|^[. ]|[. ]\Z""")
# A file system takes 255 bytes; the rest is for what makes names unique, and for extensions.
_LONGEST_BYTES = 200
_DIGEST_CHARACTERS = 16


class FileNames:
    """Gives each tuple of values a path of its own, relative to the directory.

    Two names that differ only in case, or in how accents are composed, are one to some file
    systems: the later one gets `~2` behind it, and so on.

    Args:
        columns: whose values they are.

    >>> names = FileNames(["carrier"])
    >>> [names.path_of([value]) for value in ("UA", "ua", "a/b", "")]
    ['carrier=UA', 'carrier=ua~2', 'carrier=a%2Fb', 'carrier=__HIVE_DEFAULT_PARTITION__']
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = [safe_name(column) for column in columns]
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}  # for names that came more than once, the next number

    def path_of(self, values: Sequence[str]) -> str:
        """Return the path for some values, one for each column; an empty one is null.

        Of several columns all but the last are directories.
        """
        return self._unique(
            "/".join(
                _shortened(f"{column}={safe_name(value) if value else NULL}")
                for column, value in zip(self._columns, values, strict=True)
            )
        )

    def _unique(self, path: str) -> str:
        folded = _folded(path)
        unique, first = path, folded
        while folded in self._taken:
            number = self._next[first] = self._next.get(first, 1) + 1
            unique = f"{path}~{number}"
            folded = _folded(unique)
        self._taken.add(unique if folded == unique else folded)
        return unique


def safe_name(text: str) -> str:
    """Return a text as it can stand in a file's name.

    >>> safe_name("50% of a/b"), safe_name(".."), safe_name("né")
    ('50%25 of a%2Fb', '%2E%2E', 'né')
    """
    return _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", text)


def _folded(path: str) -> str:
    """Return what a path is to a file system that takes most names for the same."""
    return path.casefold() if path.isascii() else normalize("NFC", path).casefold()


def _shortened(name: str) -> str:
    """Return a name that is not too long; the end of a long one is told by a digest."""
    encoded = name.encode()
    if len(encoded) <= _LONGEST_BYTES:
        return name
    kept = encoded[: _LONGEST_BYTES - _DIGEST_CHARACTERS - 1].decode(errors="ignore")
    digest = sha256(encoded).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{re.sub('%[0-9A-F]?$', '', kept)}~{digest}"
