"""The table of everything that an expression can apply to values."""

from __future__ import annotations

from streamx.transform.expressions import numbers, operators, texts, times

# Names that are identifiers can be called; `.name` is a method; others stand for syntax.
FUNCTIONS = operators.FUNCTIONS | numbers.FUNCTIONS | texts.FUNCTIONS | times.FUNCTIONS

FUNCTION_NAMES = (*filter(str.isidentifier, FUNCTIONS), "coalesce")
METHOD_NAMES = tuple(name[1:] for name in FUNCTIONS if name[0] == "." and len(name) > 1)
