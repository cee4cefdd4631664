"""How many rows each entry of a long list takes, and where each begins. Pure.

A Fenwick tree: every question and every change costs O(log n), so 100,000 entries are no more trouble than 100.
"""

from collections.abc import Iterable

__all__ = ["Heights"]


class Heights:
    """Heights of entries 0 to ``len - 1``, in rows; an entry may have none."""

    __slots__ = ("_tree", "_values")

    def __init__(self, values: Iterable[int] = ()) -> None:
        self._values: list[int] = []
        self._tree: list[int] = [0]
        self.reset(values)

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._values)

    def __getitem__(self, index: int) -> int:
        """Return the height of one entry."""
        return self._values[index]

    @property
    def total(self) -> int:
        """The rows of all entries."""
        return self.before(len(self._values))

    def reset(self, values: Iterable[int]) -> None:
        """Begin anew with other entries, in O(n)."""
        self._values = list(values)
        tree = [0, *self._values]
        for index in range(1, len(tree)):
            parent = index + (index & -index)
            if parent < len(tree):
                tree[parent] += tree[index]
        self._tree = tree

    def append(self, height: int) -> None:
        """Add an entry at the end."""
        self._values.append(height)
        index = len(self._values)
        low = index - (index & -index)
        child = index - 1
        while child > low:
            height += self._tree[child]
            child -= child & -child
        self._tree.append(height)

    def pop(self) -> int:
        """Take the last entry away and return its height."""
        self._tree.pop()
        return self._values.pop()

    def splice(self, start: int, removed: int, added: list[int]) -> None:
        """Put ``added`` in the place of ``removed`` entries from ``start`` on: cheap near the end, O(n) elsewhere."""
        common = min(removed, len(added))
        for offset in range(common):
            self.set(start + offset, added[offset])
        if removed == len(added):
            return
        tail = self._values[start + removed :]
        if len(tail) > 256:
            self.reset([*self._values[: start + common], *added[common:], *tail])
            return
        for _ in range(removed - common + len(tail)):
            self.pop()
        for height in [*added[common:], *tail]:
            self.append(height)

    def set(self, index: int, height: int) -> int:
        """Give an entry another height and return by how much it grew."""
        change = height - self._values[index]
        if change:
            self._values[index] = height
            place = index + 1
            while place < len(self._tree):
                self._tree[place] += change
                place += place & -place
        return change

    def before(self, index: int) -> int:
        """Return the rows of all entries before ``index``: where it begins."""
        rows = 0
        while index > 0:
            rows += self._tree[index]
            index -= index & -index
        return rows

    def find(self, row: int) -> tuple[int, int]:
        """Return the entry that shows ``row`` and which of its rows that is; the nearest end for a row outside."""
        if not self._values:
            return 0, 0
        row = min(max(row, 0), self.total - 1)
        index = 0
        step = 1 << (len(self._values).bit_length() - 1)
        while step:
            following = index + step
            if following < len(self._tree) and self._tree[following] <= row:
                index = following
                row -= self._tree[following]
            step >>= 1
        return min(index, len(self._values) - 1), max(row, 0)
