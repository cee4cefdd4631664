"""Days as people say them, in the language that is spoken. Pure; the names do not need the system to have a locale."""

import time
from typing import Final

from chat_client.core.language import mark, tr

__all__ = ["long_day", "short_day"]

_WEEKDAYS: Final = (
    mark("Monday"), mark("Tuesday"), mark("Wednesday"), mark("Thursday"), mark("Friday"), mark("Saturday"),
    mark("Sunday"),
)  # fmt: skip
_MONTHS: Final = (
    mark("January"), mark("February"), mark("March"), mark("April"), mark("May"), mark("June"), mark("July"),
    mark("August"), mark("September"), mark("October"), mark("November"), mark("December"),
)  # fmt: skip
_SHORT_MONTHS: Final = (
    mark("Jan"), mark("Feb"), mark("Mar"), mark("Apr"), mark("May"), mark("Jun"), mark("Jul"), mark("Aug"),
    mark("Sep"), mark("Oct"), mark("Nov"), mark("Dec"),
)  # fmt: skip


def long_day(there: time.struct_time) -> str:
    """Return a day with its weekday and year: ``Monday 23 November 2026``."""
    return tr("{weekday} {day} {month} {year}").format(
        weekday=tr(_WEEKDAYS[there.tm_wday]),
        day=there.tm_mday,
        month=tr(_MONTHS[there.tm_mon - 1]),
        year=there.tm_year,
    )


def short_day(there: time.struct_time) -> str:
    """Return a day without year: ``23 Nov``."""
    return tr("{day:02d} {month}").format(day=there.tm_mday, month=tr(_SHORT_MONTHS[there.tm_mon - 1]))
