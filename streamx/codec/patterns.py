"""Possessive repeats for regular expressions, where this Python has them right."""

from __future__ import annotations

import re

# A possessive repeat keeps nothing to go back to, so it needs no memory for each round. Before
# 3.11.5 it went wrong around a group with something to go back to (CPython issue 106052). All
# repeats here are over alternatives that exclude each other, so a plain one finds the same.
_IS_SOUND = re.compile(rb"(?:ab?c)++").match(b"aca").end() == 2  # type: ignore[union-attr]  # it matches

ANY = rb"*+" if _IS_SOUND else rb"*"
OPTIONAL = rb"?+" if _IS_SOUND else rb"?"
