"""The reference codec: pure Python, written for correctness; every faster codec must match it."""

from streamx.codec.reference.convert import column_types, convert, count_lines, last_boundary

__all__ = ["column_types", "convert", "count_lines", "last_boundary"]
