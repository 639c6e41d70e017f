"""Encoder: records and dicts, as user code returns them, as bytes of the output's format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from streamx.codec import CODEC_NAME
from streamx.codec.encode_csv import CsvEncoder
from streamx.codec.encode_jsonl import JsonlEncoder
from streamx.codec.json_values import EncodeError
from streamx.codec.layout import CsvFormat, Format, Tally
from streamx.codec.uniform import Result, reference_of

if TYPE_CHECKING:
    from streamx.codec._native_encode import Encoder as NativeEncoder

__all__ = ["EncodeError", "Encoder"]


class Encoder:
    """Writes results of user code: Records, of which only set fields are encoded, and Mappings.

    Args:
        target: the output's format.
        columns: the output's header, where it is CSV; a field that is missing is an empty cell.
        extra_keys: what a field beyond the columns means: a bad record, a value that is left out
            and counted, or (after a selection) one that is left out.
        strict_types: to JSONL, an untouched cell that does not fit its column makes a bad record.

    >>> from streamx.codec.layout import JsonlFormat
    >>> Encoder(CsvFormat(), ("a", "b")).encode([({"b": True, "a": '5" pipe'}, 0)], Tally())
    b'"5"" pipe",true\\n'
    >>> tally = Tally()
    >>> Encoder(JsonlFormat()).encode([({"a": 1}, 0), ({"a": float("nan")}, 9)], tally)
    b'{"a":1}\\n'
    >>> tally.bad.found
    "nan in field 'a'"
    """

    def __init__(
        self,
        target: Format,
        columns: tuple[str, ...] = (),
        *,
        extra_keys: Literal["error", "drop", "ignore"] = "error",
        strict_types: bool = False,
    ) -> None:
        self._encoder = (
            CsvEncoder(target, columns, extra_keys)
            if isinstance(target, CsvFormat)
            else JsonlEncoder(strict_types)
        )
        self._native: NativeEncoder | None = None
        if CODEC_NAME == "native":
            from streamx.codec._native_encode import Encoder as NativeEncoder

            self._native = NativeEncoder(target, columns, extra_keys == "ignore", strict_types)

    def encode(self, results: Iterable[Result], tally: Tally) -> bytes:
        """Return results as output, whole records.

        Args:
            results: each with the byte position of the record that it came from. Some hundred at
                a time are encoded much faster than each by itself.
            tally: `records_out`, `misfits` and the dropped values and keys are added to; if a
                result cannot be written, `bad` is set, and what is returned ends before it.
        """
        results = list(results)
        if self._native is not None:
            output = self._native.encode(results, tally)
            if output is not None:
                return output
        return self._by_python([(reference_of(result), at) for result, at in results], tally)

    def _by_python(self, results: list[Result], tally: Tally) -> bytes:
        quick = self._encoder.by_columns(results, tally)
        return self._encoder.one_by_one(results, tally) if quick is None else quick
