"""Functions and methods of texts, and searches for regular expressions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from streamx.transform.expressions.errors import Refused
from streamx.transform.expressions.function import (
    LARGEST_TEXT,
    LARGEST_WIDTH,
    Function,
    function,
)


def text_of(value: Any) -> str:
    """Write a value as it would stand in a CSV cell.

    >>> text_of(1.5), text_of(True), text_of(["a", None])
    ('1.5', 'true', '["a",null]')
    """
    if isinstance(value, bool | list | dict):
        import json

        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _replace(text: str, old: str, new: str, count: int = -1) -> str:
    times = text.count(old) if count < 0 else min(count, text.count(old))
    _bound(len(text) + times * (len(new) - len(old)))
    return text.replace(old, new, count)


def _join(separator: str, parts: list[Any]) -> str:
    if not all(isinstance(part, str) for part in parts):
        raise Refused("a list of texts", 1)
    _bound(len(separator) * len(parts) + sum(map(len, parts)))
    return separator.join(parts)


def _expand_tabs(text: str, size: int = 8) -> str:
    _bound(len(text) + text.count("\t") * max(size, 0))
    return text.expandtabs(size)


def _padding(method: Callable[..., str]) -> Callable[..., str]:
    def pad(text: str, width: int, *fill: str) -> str:
        if width > LARGEST_WIDTH:
            raise Refused(f"a width of at most {LARGEST_WIDTH:,}", 1)
        return method(text, width, *fill)

    return pad


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


def _search(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text)
    return None if match is None else match[1 if match.re.groups else 0]


def _findall(pattern: str, text: str) -> list[str | None]:
    found = re.finditer(pattern, text)
    return [match[1 if match.re.groups else 0] for match in found]


def _sub(pattern: str, replacement: str, text: str) -> str:
    length = 0
    is_plain = "\\" not in replacement

    def expand(match: re.Match[str]) -> str:
        nonlocal length
        new = replacement if is_plain else match.expand(replacement)
        length += len(new)
        _bound(length)
        return new

    return re.sub(pattern, expand, text)


def _bound(length: int) -> None:
    if length > LARGEST_TEXT:
        raise Refused(f"a text of at most {LARGEST_TEXT:,} characters", None)


def _check_pattern(pattern: str, replacement: str = "") -> None:
    try:
        re.compile(pattern)
        # An alternative that matches anything, so that the replacement is looked at.
        re.sub(pattern + "\n|", replacement, "")
    except (re.error, IndexError) as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    except (RecursionError, OverflowError, MemoryError):
        raise ValueError(f"the regular expression {pattern[:40]!r} is too large") from None


def _methods(names: str, takes: str, *, gives_truth: bool = False) -> dict[str, Function]:
    return {
        f".{name}": function(getattr(str, name), takes, gives_truth=gives_truth)
        for name in names.split()
    }


FUNCTIONS = {
    "str": function(text_of, "n t b l o"),
    "len": function(len, "t l o"),
    "matches": function(_matches, "tt", gives_truth=True, literals=(0,), check=_check_pattern),
    "search": function(_search, "tt", literals=(0,), check=_check_pattern),
    "findall": function(_findall, "tt", literals=(0,), check=_check_pattern),
    "sub": function(_sub, "ttt", literals=(0, 1), check=_check_pattern),
    **_methods("lower upper title capitalize casefold swapcase", "t"),
    **_methods("strip lstrip rstrip", "t tt"),
    **_methods("removeprefix removesuffix", "tt"),
    **_methods("startswith endswith", "tt tti ttii", gives_truth=True),
    **_methods("find rfind count", "tt tti ttii"),
    **_methods("split rsplit", "t tt tti"),
    **_methods("splitlines", "t"),
    **_methods(
        "isalnum isalpha isascii isdecimal isdigit islower isnumeric isspace istitle isupper",
        "t",
        gives_truth=True,
    ),
    **{
        f".{name}": function(_padding(getattr(str, name)), "ti tit")
        for name in ("ljust", "rjust", "center")
    },
    ".zfill": function(_padding(str.zfill), "ti"),
    ".replace": function(_replace, "ttt ttti"),
    ".join": function(_join, "tl"),
    ".expandtabs": function(_expand_tabs, "t ti"),
}
