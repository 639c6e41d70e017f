"""Sets the docstrings of the library as they are written here, for mkdocstrings.

Examples below `Example:`, and those without a title, become what it knows as examples; otherwise
they would be quotations. Names that share a line, `fill, fill_bytes: ...`, are kept together. And
`streamx.transform` is the function, as it is for whoever imports it.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^Example:$", re.MULTILINE)
_UNTITLED = re.compile(r"^>>> ", re.MULTILINE)
_NAMES = re.compile(r"^ +[a-z_]\w*(?:, [a-z_]\w*)+(?=: )", re.MULTILINE)
_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


class Docstrings(griffe.Extension):
    """Rewrites docstrings before they are parsed, and lets functions hide modules."""

    def __init__(self) -> None:
        self._functions: dict[str, griffe.Function] = {}

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite one docstring."""
        if obj.docstring is not None:
            obj.docstring.value = _rewritten(obj.docstring.value)

    def on_function_instance(self, *, func: griffe.Function, **_: Any) -> None:
        """Remember a function, which a module of its name may replace."""
        self._functions[func.path] = func

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Put functions back in the place of modules, with what these hold in them."""
        for name, member in pkg.members.items():
            function = self._functions.get(member.path)
            if function is not None and isinstance(member, griffe.Module):
                function.members.update(member.members)
                pkg.members[name] = function


def _rewritten(text: str) -> str:
    text = _EXAMPLE.sub("Examples:", text)
    text = _NAMES.sub(lambda names: names[0].replace(", ", f",{_NO_BREAK_SPACE}"), text)
    untitled = _UNTITLED.search(text)
    if untitled is None:
        return text
    before, examples = text[: untitled.start()], text[untitled.start() :]
    indented = "\n".join(f"    {line}" if line else "" for line in examples.splitlines())
    return f"{before}Examples:\n{indented}"
