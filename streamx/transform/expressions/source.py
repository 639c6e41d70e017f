"""The text of an expression: parsed by Python's own parser, with positions as they stand in it."""

from __future__ import annotations

import ast
import sys
import warnings
from functools import cached_property

from streamx.errors import UsageError
from streamx.transform.expressions.errors import misuse
from streamx.transform.expressions.nodes import Span

_MOST_CHARACTERS = 10_000


class Source:
    """An expression's text and the option that has it.

    Args:
        text: may have several lines; it is read as if it stood in parentheses.
        option: for messages.
    """

    def __init__(self, text: str, option: str) -> None:
        # As Python does before it counts lines.
        self.text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
        self.option = option

    def parse(self) -> ast.expr:
        """Return what Python makes of the text, whatever it is.

        Raises:
            UsageError: it is no expression in Python's syntax.
        """
        if not self.text:
            raise UsageError(f"{self.option}: the expression is empty")
        if len(self.text) > _MOST_CHARACTERS:
            raise UsageError(
                f"{self.option}: the expression has {len(self.text):,} characters; "
                f"at most {_MOST_CHARACTERS:,} are read"
            )
        try:
            tree = _parse(f"({self.text}\n)")
            if tree.col_offset == 0 and not isinstance(tree, ast.Tuple | ast.GeneratorExp):
                # Its parentheses have met ours, as in `a) + (b`.
                raise SyntaxError
            return tree
        except SyntaxError as error:
            raise self._syntax_error(error) from None
        except UnicodeEncodeError:
            raise UsageError(f"{self.option} {self.text!a} is not valid UTF-8") from None
        except (RecursionError, MemoryError):
            raise UsageError(f"{self.option}: the expression is nested too deeply") from None
        except ValueError:
            raise UsageError(f"{self.option}: the expression holds a null character") from None

    def span(self, node: ast.expr) -> Span:
        """Return where a node of the parsed text stands in it."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._position(node.lineno, node.col_offset),
            self._position(node.end_lineno, node.end_col_offset),
        )

    def _position(self, line: int, column: int) -> int:
        """Turn a line from 1 and a position in its UTF-8 bytes into a position in the text."""
        start, text = self._lines[line - 1]
        return start + (column if text.isascii() else len(text.encode()[:column].decode()))

    @cached_property
    def _lines(self) -> list[tuple[int, str]]:
        return _lines(f"({self.text}\n)", start=-1)

    def _syntax_error(self, error: SyntaxError) -> UsageError:
        """Place an error; the parentheses around the text are not to be blamed."""
        position = self._error_position(error, self._lines)
        if not 0 <= position < len(self.text):
            try:
                _parse(self.text)
            except SyntaxError as other:
                error = other
                position = self._error_position(error, _lines(self.text, start=0))
        message = (error.msg or "invalid syntax").replace(" or ':='", "")
        return misuse(self.text, self.option, position, message)

    def _error_position(self, error: SyntaxError, lines: list[tuple[int, str]]) -> int:
        if sys.version_info < (3, 12) and error.text and str(error.msg).startswith("f-string"):
            # The line of such an error is that of the part between the braces.
            return max(self.text.find(error.text.strip()[1:-1]), 0)
        if not error.lineno or not error.offset or error.lineno > len(lines):
            return len(self.text)
        return lines[error.lineno - 1][0] + error.offset - 1


def _lines(text: str, start: int) -> list[tuple[int, str]]:
    """Split a text into lines, each with its position."""
    lines = []
    for line in text.split("\n"):
        lines.append((start, line))
        start += len(line) + 1
    return lines


def _parse(text: str) -> ast.expr:
    with warnings.catch_warnings():
        # Of invalid escapes, such as "\d": they mean what they look like.
        warnings.simplefilter("ignore")
        return ast.parse(text, mode="eval").body
