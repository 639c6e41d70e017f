"""Whatever values name files, each gets a name of its own that every file system takes."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from streamx.write.file_names import FileNames

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["", ".", "..", "/", "a", "A", "a~2", "A~2", "é", "e\u0301", "x" * 300, "X" * 300, "%", " a "]
)
SUFFIX_BYTES = len(".jsonl.zstd.block")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), unique=True), TEXTS)
def test_names_differ_where_values_do_on_any_file_system(
    values: list[tuple[str, str]], column: str
) -> None:
    names = FileNames([column, "b"])
    paths = [names.path_of(each) for each in values]
    assert len({unicodedata.normalize("NFC", path).casefold() for path in paths}) == len(values)
    for path in paths:
        for name in path.split("/"):
            assert len(name.encode()) <= 255 - SUFFIX_BYTES
            assert not name.startswith(".")
            assert not set(name) & set('\x00\n"*:<>?\\|')
        assert path.count("/") == 1


def test_names_depend_on_the_values_before_them_and_nothing_else() -> None:
    one, other = FileNames(["a"]), FileNames(["a"])
    values = [("x",), ("X",), ("x" * 400,), ("X" * 400,), ("",)]
    assert [one.path_of(each) for each in values] == [other.path_of(each) for each in values]
