"""Arrow's columns as JSONL, made by Arrow's own kernels: no value becomes an object of Python.

What JSON has no type for is written as text: moments as in RFC 3339, dates, times and durations as
in ISO 8601, binary data in base64 (RFC 4648), and numbers that are none as `NaN`, `Infinity` and
`-Infinity`, as in the JSON mapping of Protocol Buffers.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Sequence
from uuid import UUID

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

_TEXT = pa.string()
_NONE = pa.scalar(None, _TEXT)
# In this order, as the escapes of the others bring backslashes.
_ESCAPED = ["\\", '"', *map(chr, range(32))]
_FRACTION_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


class JsonTexts:
    """Makes JSON texts of arrays.

    Attributes:
        has_odd_numbers: some number was none that JSON has.
    """

    def __init__(self) -> None:
        self.has_odd_numbers = False

    def of(self, array: pa.Array) -> pa.Array:
        """Return a text for each value, null for null.

        Raises:
            ArrowException: a value cannot be written, such as a year beyond what Arrow knows.

        >>> JsonTexts().of(pa.array([{"a": [1.5, None]}, None])).to_pylist()
        ['{"a":[1.5,null]}', None]
        """
        for is_of_kind, make in _MAKERS:
            if is_of_kind(array.type):
                return make(self, array)
        raise pa.ArrowNotImplementedError(f"values of type {array.type} have no text")

    def _plain(self, array: pa.Array) -> pa.Array:
        return array.cast(_TEXT)

    def _floats(self, array: pa.Array) -> pa.Array:
        """Return doubles as the shortest text that reads back; those that are whole end with .0."""
        if types.is_float16(array.type):
            array = array.cast(pa.float64())
        texts = array.cast(_TEXT)
        is_whole = pc.equal(pc.floor(array), array)
        if pc.any(is_whole).as_py():
            # An exponent says enough.
            is_bare = pc.and_(is_whole, pc.less(pc.find_substring(texts, "e"), 0))
            is_bare = is_bare.fill_null(False)
            texts = pc.replace_with_mask(texts, is_bare, _joined(texts.filter(is_bare), ".0"))
        is_finite = pc.is_finite(array)
        if pc.all(is_finite).as_py() is False:
            self.has_odd_numbers = True
            infinite = pc.if_else(pc.greater(array, 0), '"Infinity"', '"-Infinity"')
            odd = pc.if_else(pc.is_nan(array), '"NaN"', infinite)
            texts = pc.if_else(is_finite, texts, odd)
        return texts

    def _strings(self, array: pa.Array) -> pa.Array:
        return _quoted(_escaped(array))

    def _binary(self, array: pa.Array) -> pa.Array:
        texts = (each and base64.b64encode(each).decode() for each in array.to_pylist())
        return _quoted(pa.array(texts, _TEXT))

    def _dates(self, array: pa.Array) -> pa.Array:
        return _quoted(_dated(array))

    def _times(self, array: pa.Array) -> pa.Array:
        return _quoted(_without_zero_fraction(array.cast(_TEXT), array.type.unit))

    def _moments(self, array: pa.Array) -> pa.Array:
        texts = _with_t(_dated(_in_largest_unit(array.view(pa.timestamp(array.type.unit)))))
        texts = _without_zero_fraction(texts, array.type.unit)
        return _joined('"', texts, '"' if array.type.tz is None else 'Z"')

    def _durations(self, array: pa.Array) -> pa.Array:
        digits = _FRACTION_DIGITS[array.type.unit]
        texts = (
            None if each is None else _duration(each, digits)
            for each in array.view(pa.int64()).to_pylist()
        )
        return pa.array(texts, _TEXT)

    def _dictionary(self, array: pa.Array) -> pa.Array:
        return self.of(array.dictionary).take(array.indices)

    def _run_ends(self, array: pa.Array) -> pa.Array:
        return self.of(pc.run_end_decode(array))

    def _struct(self, array: pa.Array) -> pa.Array:
        names = [field.name for field in array.type]
        return _masked(_objects(names, self._all_of(array.flatten()), len(array)), array)

    def _list(self, array: pa.Array) -> pa.Array:
        counts = pc.list_value_length(array).fill_null(0).cast(pa.int32())
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(counts)])
        return self._nested(array, "[", self.of(array.flatten()), offsets, "]")

    def _map(self, array: pa.Array) -> pa.Array:
        keys, offsets = _inner(array, array.keys)
        items, _ = _inner(array, array.items)
        pairs = _joined(self._keys(keys), ":", self.of(items).fill_null("null"))
        return self._nested(array, "{", pairs, offsets, "}")

    def _keys(self, keys: pa.Array) -> pa.Array:
        texts = self.of(keys)
        if types.is_nested(keys.type):  # JSON in a text
            return self._strings(texts)
        is_text = pc.starts_with(texts, '"')
        return pc.if_else(is_text, texts, _quoted(texts))

    def _nested(
        self, array: pa.Array, opening: str, texts: pa.Array, offsets: pa.Array, closing: str
    ) -> pa.Array:
        lists = pa.ListArray.from_arrays(offsets, texts.fill_null("null"))
        return _masked(_joined(opening, pc.binary_join(lists, ","), closing), array)

    def _extension(self, array: pa.Array) -> pa.Array:
        if array.type.extension_name != "arrow.uuid":
            return self.of(array.storage)
        texts = (each and str(UUID(bytes=each)) for each in array.storage.to_pylist())
        return _quoted(pa.array(texts, _TEXT))

    def _all_of(self, arrays: Sequence[pa.Array]) -> list[pa.Array]:
        return [self.of(each) for each in arrays]

    def lines(self, batch: pa.RecordBatch) -> pa.Buffer:
        r"""Return the records of a batch as JSONL, each with all of its fields.

        >>> JsonTexts().lines(pa.record_batch({"a": [1, None], "b": ["x", '"']})).to_pybytes()
        b'{"a":1,"b":"x"}\n{"a":null,"b":"\\""}\n'
        """
        names = batch.schema.names
        texts = self._all_of(batch.columns)
        return _bytes_of(_objects(names, texts, batch.num_rows, behind="\n"))


_Maker = Callable[[JsonTexts, pa.Array], pa.Array]
_MAKERS: list[tuple[Callable[[pa.DataType], bool], _Maker]] = [
    (types.is_integer, JsonTexts._plain),
    (types.is_boolean, JsonTexts._plain),
    (types.is_decimal, JsonTexts._plain),
    (types.is_null, JsonTexts._plain),
    (types.is_floating, JsonTexts._floats),
    (types.is_string, JsonTexts._strings),
    (types.is_large_string, JsonTexts._strings),
    (types.is_string_view, JsonTexts._strings),
    (types.is_binary, JsonTexts._binary),
    (types.is_large_binary, JsonTexts._binary),
    (types.is_binary_view, JsonTexts._binary),
    (types.is_fixed_size_binary, JsonTexts._binary),
    (types.is_date, JsonTexts._dates),
    (types.is_time, JsonTexts._times),
    (types.is_timestamp, JsonTexts._moments),
    (types.is_duration, JsonTexts._durations),
    (types.is_dictionary, JsonTexts._dictionary),
    (types.is_run_end_encoded, JsonTexts._run_ends),
    (types.is_struct, JsonTexts._struct),
    (types.is_map, JsonTexts._map),
    (types.is_list, JsonTexts._list),
    (types.is_large_list, JsonTexts._list),
    (types.is_fixed_size_list, JsonTexts._list),
    (types.is_list_view, JsonTexts._list),
    (types.is_large_list_view, JsonTexts._list),
    (lambda kind: isinstance(kind, pa.BaseExtensionType), JsonTexts._extension),
]


def _joined(*parts: pa.Array | str, nulls: str = "emit_null") -> pa.Array:
    return pc.binary_join_element_wise(*parts, "", null_handling=nulls, null_replacement="null")


def _quoted(texts: pa.Array) -> pa.Array:
    return _joined('"', texts, '"')


def _masked(texts: pa.Array, array: pa.Array) -> pa.Array:
    return texts if array.null_count == 0 else pc.if_else(array.is_valid(), texts, _NONE)


def _objects(
    names: Sequence[str], texts: Sequence[pa.Array], count: int, behind: str = ""
) -> pa.Array:
    """Return an object for each of so many records, of texts which may be null."""
    if not names:
        return pa.array(["{}" + behind] * count, _TEXT)
    parts: list[pa.Array | str] = []
    for name, each in zip(names, texts, strict=True):
        label = orjson.dumps(name).decode()
        parts += [f"{',' if parts else '{'}{label}:", each]
    return _joined(*parts, "}" + behind, nulls="replace")


def _escaped(array: pa.Array) -> pa.Array:
    """Return strings with escapes in the place of what JSON does not take in a text as it is."""
    if types.is_string_view(array.type):
        array = array.cast(_TEXT)
    elif types.is_large_string(array.type):
        array = _with_short_offsets(array)
    data = _bytes_of(array).to_pybytes()
    for character in _ESCAPED:
        if character.encode() in data:
            escape = orjson.dumps(character).decode()[1:-1]
            array = pc.replace_substring(array, character, escape)
    return array


def _with_short_offsets(array: pa.Array) -> pa.Array:
    """Return strings as Arrow's usual ones; `cast` minds what stands before a slice of them."""
    _, offsets, _ = array.buffers()
    places = pa.Array.from_buffers(pa.int64(), len(array) + 1, [None, offsets], offset=array.offset)
    short = pc.subtract(places, places[0]).cast(pa.int32())
    validity = array.is_valid().buffers()[1] if array.null_count else None
    buffers = [validity, short.buffers()[1], _bytes_of(array)]
    return pa.Array.from_buffers(_TEXT, len(array), buffers)


def _bytes_of(texts: pa.Array) -> pa.Buffer:
    """Return the bytes of strings, one behind the other."""
    _, offsets, data = texts.buffers()
    if data is None or len(texts) == 0:
        return pa.py_buffer(b"")
    width = 8 if types.is_large_string(texts.type) else 4
    ends = (width * each for each in (texts.offset, texts.offset + len(texts)))
    start, end = (int.from_bytes(offsets[at : at + width], sys.byteorder) for at in ends)
    return data.slice(start, end - start)


def _inner(array: pa.Array, values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the values that lists hold, without those that a slice has left out, and offsets."""
    offsets = array.offsets
    first, last = offsets[0].as_py(), offsets[-1].as_py()
    return values.slice(first, last - first), pc.subtract(offsets, offsets[0]).cast(pa.int32())


def _dated(array: pa.Array) -> pa.Array:
    """Return dates or moments as Arrow writes them."""
    texts = array.cast(_TEXT)
    is_odd = pc.starts_with(texts, "<")  # "<value out of range: ...>"
    if pc.any(is_odd).as_py():
        raise pa.ArrowInvalid(f"a date or time is none: {texts.filter(is_odd)[0].as_py()}")
    return texts


def _in_largest_unit(array: pa.Array) -> pa.Array:
    """Return moments in seconds if all of them are whole ones."""
    try:
        return array.cast(pa.timestamp("s"))
    except pa.ArrowInvalid:  # some would lose data
        return array


def _with_t(texts: pa.Array) -> pa.Array:
    """Return moments with a T in the place of the space that Arrow writes."""
    if pc.all(pc.equal(pc.find_substring(texts, " "), 10)).as_py():
        return pc.binary_replace_slice(texts, 10, 11, "T")  # ten times as fast
    return pc.replace_substring(texts, " ", "T")


def _without_zero_fraction(texts: pa.Array, unit: str) -> pa.Array:
    """Return times without a fraction of a second where it is zero."""
    digits = _FRACTION_DIGITS[unit]
    if digits == 0:
        return texts
    zero = f".{0:0{digits}}"
    is_whole = pc.ends_with(texts, zero)
    if not pc.any(is_whole).as_py():
        return texts
    return pc.if_else(is_whole, pc.utf8_slice_codeunits(texts, 0, -len(zero)), texts)


def _duration(count: int, digits: int) -> str:
    """Return a number of units of a second, of so many digits, as ISO 8601 has it.

    >>> _duration(-1_500, 3), _duration(90, 0)
    ('"-PT1.5S"', '"PT90S"')
    """
    whole, fraction = divmod(abs(count), 10**digits)
    decimals = f".{fraction:0{digits}}".rstrip("0") if fraction else ""
    return f'"{"-" if count < 0 else ""}PT{whole}{decimals}S"'
