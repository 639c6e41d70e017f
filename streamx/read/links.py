"""Link headers: where a response says that its next page is."""

from __future__ import annotations

import re

_PARAMETER = r'\s*;\s*([^\s=;,]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",;\s]+)))?'
_LINK = re.compile(rf"<([^>]*)>((?:{_PARAMETER})*)")
_PARAMETERS = re.compile(_PARAMETER)


def next_link(header: str) -> str | None:
    """Return the target of the link whose relation is "next" (RFC 8288), if there is one.

    >>> next_link('</items?page=1>; rel=prev, </items?a=1,2&page=3>; title="a, b"; rel="last next"')
    '/items?a=1,2&page=3'
    >>> next_link("</items?page=1>; rel=first") is None
    True
    """
    for link in _LINK.finditer(header):
        for name, quoted, plain in _PARAMETERS.findall(link[2]):
            if name.lower() == "rel":
                if "next" in (quoted or plain).lower().split():
                    return link[1]
                break  # only the first one counts
    return None
