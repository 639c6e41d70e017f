"""The reference codec: pure Python, written for correctness; every faster codec must match it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamx.codec.reference.conversion import convert, count_lines, last_boundary
    from streamx.codec.reference.sample import column_types, keys_of, record_start

__all__ = ["column_types", "convert", "count_lines", "keys_of", "last_boundary", "record_start"]

_SAMPLE = ("column_types", "keys_of", "record_start")


def __getattr__(name: str) -> Any:
    """Import what a function needs when it is needed: a run with the native codec needs little."""
    if name in __all__:
        module = "sample" if name in _SAMPLE else "conversion"
        return getattr(import_module(f"streamx.codec.reference.{module}"), name)
    raise AttributeError(f"module 'streamx.codec.reference' has no attribute {name!r}")
