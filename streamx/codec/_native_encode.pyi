from streamx.codec.layout import Format, Tally
from streamx.codec.uniform import Result

class Encoder:
    def __init__(
        self, target: Format, columns: tuple[str, ...], ignores_extra: bool, strict_types: bool
    ) -> None: ...
    def encode(self, results: list[Result], tally: Tally) -> bytes | None: ...
