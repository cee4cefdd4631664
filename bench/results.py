"""What was measured, kept in a file, and set against what was measured before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Result = dict[str, Any]
"""``name`` and numbers."""


class Results:
    """The results of one run, in the order in which they come, beside those of the run before.

    ``path`` is where both are kept: the run before is read at the beginning, this one is written by :meth:`keep`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before: dict[str, Result] = {}
        self._now: list[Result] = []
        if path.exists():
            self._before = {each["name"]: each for each in json.loads(path.read_text(encoding="utf-8"))}

    @property
    def has_before(self) -> bool:
        """Whether there is a run to compare with."""
        return bool(self._before)

    def add(self, result: Result) -> str:
        """Take over one result; the line that tells it, each number with its ratio to the one before."""
        self._now.append(result)
        before = self._before.get(result["name"], {})
        numbers = [
            f"{key} {value:>9,}{_ratio(value, before.get(key))}" for key, value in result.items() if key != "name"
        ]
        return f"{result['name']:28} {'  '.join(numbers)}"

    def keep(self) -> None:
        """Write this run where the one before was; of that one stays what was not measured now."""
        kept = self._before | {each["name"]: each for each in self._now}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(list(kept.values()), indent=2) + "\n", encoding="utf-8")


def _ratio(value: object, before: object) -> str:
    if isinstance(value, int | float) and isinstance(before, int | float) and before:
        return f" (x{value / before:.2f})"
    return ""
