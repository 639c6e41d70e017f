from collections.abc import Callable
from typing import Any

from streamx.transform.chain import Item

def call_each(
    function: Callable[..., Any],
    items: list[Item],
    start: int,
    group: list[Item],
    others: Callable[[Any, int], list[Item]],
    cells: tuple[memoryview, memoryview],
    seconds: float,
) -> int: ...
