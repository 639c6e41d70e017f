"""Every implementation of records(), for modules of tests that must hold for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest

from streamx.codec import CODEC_NAME, reference

READERS: dict[str, Callable[..., Any]] = {"reference": reference.records}
if CODEC_NAME == "native":
    from streamx.codec import _native_records

    READERS["native"] = _native_records.records


def with_each_reader(module: ModuleType) -> Any:
    """Return a fixture that puts each implementation in turn into a module, as its `records`."""

    @pytest.fixture(params=READERS, scope="module", autouse=True)
    def reader(request: pytest.FixtureRequest) -> Iterator[None]:
        with patch.object(module, "records", READERS[request.param]):
            yield

    return reader
