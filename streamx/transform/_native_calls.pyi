from collections.abc import Callable
from typing import Any

from streamx.transform.results import Item

def call_each(
    function: Callable[..., Any],
    items: list[Item],
    start: int,
    group: list[Item],
    others: Callable[[Any, int, list[Item]], int],
    cells: tuple[memoryview, memoryview],
    bounds: tuple[int, int, float],
) -> int: ...
