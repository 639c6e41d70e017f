"""Follows the keys of JSON records, of which each may have others, through a chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from streamx.codec.layout import Column, CsvFormat, Layout, Pick
from streamx.transform.chain import Step
from streamx.transform.expressions.nodes import columns
from streamx.transform.operations import Drop, Rename, Select, Set, Where
from streamx.transform.record_plan import RecordPlan


class JsonKeys:
    """What a record has under which key after each step, as a layout's picks say it.

    Args:
        plan: a chain without functions over JSONL.

    >>> from streamx.codec.layout import JsonlFormat
    >>> layout = Layout(JsonlFormat(), JsonlFormat(), passes_unknown_keys=True)
    >>> keys = JsonKeys(RecordPlan(layout, (Set("b", "a + 1"),)))
    >>> keys.names
    {'a': 0, 'b': 1}
    >>> keys.set("b", 2)
    >>> keys.layout().picks[2:]
    (Pick(index=2, name='b', key=1, is_last=True),)
    """

    def __init__(self, plan: RecordPlan) -> None:
        layout = plan.layout
        self._plan = plan
        self._is_open = layout.passes_unknown_keys
        self._is_unchanged = layout.is_unchanged
        self._picks = list(layout.picks)
        names = [column.name for column in layout.columns]
        # Names that were other keys'. A record that has an unknown key of such a name is odd.
        self._new_names = {pick.name for pick in layout.picks if names[pick.index] != pick.name}
        # Keys that the sample had not, but later records may have.
        known = self._new_names.union(names)
        new = dict.fromkeys(name for name in _named(plan) if name not in known)
        if self._is_open:
            self._picks += [Pick(index, name) for index, name in enumerate(new, len(names))]
            names += new
        self.columns = tuple(map(Column, names))

    @property
    def names(self) -> Mapping[str, int]:
        """Which column each key shows that is known; a key that is not here is none of a record."""
        return {pick.name: pick.index for pick in self._picks}

    def set(self, name: str, index: int) -> None:
        """Give a key the value of a computed column: in its place or, if it is new, at the end."""
        self._is_unchanged = False
        places = [place for place, pick in enumerate(self._picks) if pick.name == name]
        for place in places:
            pick = self._picks[place]
            if pick.index < len(self.columns):
                self._picks[place] = Pick(index, name, pick.index)
                self._picks.append(Pick(index, name, pick.index, is_last=True))
            else:
                self._picks[place] = replace(pick, index=index)
        if not places:
            self._picks.append(Pick(index, name))

    def change(self, step: Select | Drop | Rename) -> bool:
        """Choose or rename keys; return False where that is not as simple as with columns."""
        known = self.names
        names = {step.old} if isinstance(step, Rename) else set(step.names)
        is_closing = isinstance(step, Select)
        is_clear = not self._is_open or not self._new_names & (
            known.keys() if is_closing else names
        )
        if not names <= known.keys() or not is_clear:
            return False
        self._is_unchanged = False
        if isinstance(step, Select):
            self._is_open = False
            self._picks = [Pick(known[name], name) for name in step.names]
        elif isinstance(step, Drop):
            self._picks = [pick for pick in self._picks if pick.name not in names]
        else:
            self._new_names.add(step.new)
            self._picks = [
                replace(pick, name=step.new) if pick.name == step.old else pick
                for pick in self._picks
            ]
        return not isinstance(step, Rename) or step.new not in known

    def layout(self) -> Layout | None:
        """Return the layout of what the steps leave; None if it is not that simple."""
        layout, picks = self._plan.layout, self._picks
        if isinstance(layout.target, CsvFormat):
            indexes = self.names
            if indexes.keys() != set(self._plan.columns):
                return None
            picks = [Pick(indexes[name], name) for name in self._plan.columns]
        return replace(
            layout,
            columns=self.columns,
            picks=tuple(picks),
            is_unchanged=self._is_unchanged,
            passes_unknown_keys=self._is_open,
            ignores_extra_keys=not self._is_open,
            drops_extra_keys=self._plan.extra_keys == "drop",
        )


def _named(plan: RecordPlan) -> Iterator[str]:
    """Go through the names that expressions read and set, and those of a CSV's columns."""
    steps: Sequence[Step] = plan.steps
    if plan.alignment is not None:
        yield from plan.alignment.added
    for step in steps:
        if isinstance(step, Where | Set):
            yield from (column.name for column in columns(step.expression().tree))
        if isinstance(step, Set):
            yield step.name
    made = [step.new for step in steps if isinstance(step, Rename)]
    yield from (name for name in plan.columns if name not in made)
