"""The reference codec: pure Python, written for correctness; every faster codec must match it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamx.codec.reference.conversion import convert, count_lines, last_boundary
    from streamx.codec.reference.reading import records
    from streamx.codec.reference.sample import column_types, keys_of, record_start
    from streamx.codec.reference.sections import sections_of
    from streamx.codec.reference.traversal import traverse
    from streamx.codec.reference.weight import weight_of

__all__ = [
    "column_types",
    "convert",
    "count_lines",
    "keys_of",
    "last_boundary",
    "record_start",
    "records",
    "sections_of",
    "traverse",
    "weight_of",
]

_MODULES = {
    "records": "reading",
    "sections_of": "sections",
    "traverse": "traversal",
    "weight_of": "weight",
    **dict.fromkeys(("column_types", "keys_of", "record_start"), "sample"),
    **dict.fromkeys(("convert", "count_lines", "last_boundary"), "conversion"),
}


def __getattr__(name: str) -> Any:
    """Import what a function needs when it is needed: a run with the native codec needs little."""
    if name in _MODULES:
        return getattr(import_module(f"streamx.codec.reference.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'streamx.codec.reference' has no attribute {name!r}")
