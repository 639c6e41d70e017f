"""Layouts are told apart by what is in them, in whichever process they were made."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

from streamx.codec.layout import Column, CsvFormat, JsonlFormat, Layout

MAKE_ONE = """
import pickle, sys
from streamx.codec.layout import Column, CsvFormat, JsonlFormat, Layout
layout = Layout(CsvFormat(), JsonlFormat(), (Column("a"),))
hash(layout)
sys.stdout.buffer.write(pickle.dumps(layout))
"""


def test_a_layout_from_another_process_hashes_as_one_that_was_made_here() -> None:
    layout = Layout(CsvFormat(), JsonlFormat(), (Column("a"),))
    for seed in ("1", "2"):  # texts have other hashes with another
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        pickled = subprocess.check_output([sys.executable, "-c", MAKE_ONE], env=environment)
        other = pickle.loads(pickled)
        assert (other, hash(other)) == (layout, hash(layout))
