"""Functions of dates and times, which are texts in ISO 8601, as in JSON.

There is no `now`: a run gives the same output whenever and however often it is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from streamx.transform.expressions.errors import Refused
from streamx.transform.expressions.function import Function, function

# What depends on the machine's language or time zone is left out.
_FORMAT = re.compile(r"(?:[^%]|%[YmdHMSfzyjbBaAIp%])*", re.S)
_HOURS = re.compile(r"%[HI]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_DATE = len("2013-01-31")


def _moment(text: str, argument: int = 0) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refused(
            "a date or time like 2013-01-31 or 2013-01-31T10:00:00Z; "
            "strptime(text, format) makes one of others",
            argument,
        ) from None


def _iso(moment: datetime, *, is_date: bool) -> str:
    if is_date:
        return moment.date().isoformat()
    text = moment.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def _strptime(text: str, format: str) -> str:
    try:
        moment = datetime.strptime(text, format)
    except ValueError:
        raise Refused(f"a text of the form {format!r}") from None
    return _iso(moment, is_date=_HOURS.search(format) is None)


def _strftime(text: str, format: str) -> str:
    return _moment(text).strftime(format)


def _check_format(format: str) -> None:
    if _FORMAT.fullmatch(format) is None:
        raise ValueError(
            f"{format!r} has something else than "
            "%Y %m %d %H %M %S %f %z %y %j %b %B %a %A %I %p %% behind a %"
        )


def _check_whole_format(format: str) -> None:
    _check_format(format)
    if not ("%Y" in format or "%y" in format):
        raise ValueError(f"{format!r} has no year (%Y or %y), so it makes no date")


def _microseconds_between(earlier: str, later: str) -> int:
    first, second = _moment(earlier), _moment(later, 1)
    if (first.tzinfo is None) != (second.tzinfo is None):
        raise Refused("two times with an offset such as Z, or two without", 1)
    return (second - first) // _MICROSECOND


def _units(microseconds: int, unit: int) -> int | float:
    """Divide, exactly where the result is whole."""
    return microseconds / unit if microseconds % unit else microseconds // unit


def _seconds_between(earlier: str, later: str) -> int | float:
    return _units(_microseconds_between(earlier, later), 1_000_000)


def _days_between(earlier: str, later: str) -> int | float:
    return _units(_microseconds_between(earlier, later), 86_400_000_000)


def _add_days(text: str, days: float) -> str:
    moment = _moment(text) + timedelta(days=days)
    return _iso(moment, is_date=len(text) <= _LONGEST_DATE and days == int(days))


def _add_seconds(text: str, seconds: float) -> str:
    return _iso(_moment(text) + timedelta(seconds=seconds), is_date=False)


def _epoch(text: str) -> int | float:
    moment = _moment(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return _units((moment - _EPOCH) // _MICROSECOND, 1_000_000)


def _from_epoch(seconds: float) -> str:
    return _iso(_EPOCH + timedelta(seconds=seconds), is_date=False)


def _part(name: str) -> Callable[[str], Any]:
    part = attrgetter(name)
    return lambda text: part(_moment(text))


def _parts(*names: str) -> dict[str, Function]:
    return {name: function(_part(name), "t") for name in names}


FUNCTIONS = {
    **_parts("year", "month", "day", "hour", "minute", "second"),
    "isoweekday": function(lambda text: _moment(text).isoweekday(), "t"),
    "strptime": function(_strptime, "tt", literals=(1,), check=_check_whole_format),
    "strftime": function(_strftime, "tt", literals=(1,), check=_check_format),
    "seconds_between": function(_seconds_between, "tt"),
    "days_between": function(_days_between, "tt"),
    "add_seconds": function(_add_seconds, "tn"),
    "add_days": function(_add_days, "tn"),
    "epoch": function(_epoch, "t"),
    "from_epoch": function(_from_epoch, "n"),
}
