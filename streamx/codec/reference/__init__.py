"""The reference codec: pure Python, written for correctness; every faster codec must match it."""

from streamx.codec.reference.convert import convert, last_boundary

__all__ = ["convert", "last_boundary"]
