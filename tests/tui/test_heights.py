"""The tree of heights answers as a plain list would."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from chat_client.tui.widgets.heights import Heights

values = st.lists(st.integers(0, 9), max_size=40)


def check(heights: Heights, model: list[int]) -> None:
    """Every question has the answer that the list has."""
    assert len(heights) == len(model)
    assert heights.total == sum(model)
    assert [heights[index] for index in range(len(model))] == model
    assert [heights.before(index) for index in range(len(model) + 1)] == [
        sum(model[:index]) for index in range(len(model) + 1)
    ]
    owners = [(index, row) for index, height in enumerate(model) for row in range(height)]
    assert [heights.find(row) for row in range(len(owners))] == owners


@settings(deadline=None)
@given(values, st.data())
def test_any_changes(start: list[int], data: st.DataObject) -> None:
    """Replacing any part by any other, setting, adding and taking away."""
    heights, model = Heights(start), list(start)
    for _ in range(data.draw(st.integers(0, 8))):
        place = data.draw(st.integers(0, len(model)))
        removed = data.draw(st.integers(0, len(model) - place))
        added = data.draw(st.lists(st.integers(0, 9), max_size=6))
        heights.splice(place, removed, added)
        model[place : place + removed] = added
        if model:
            index, height = data.draw(st.integers(0, len(model) - 1)), data.draw(st.integers(0, 9))
            assert heights.set(index, height) == height - model[index]
            model[index] = height
        check(heights, model)


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=300, max_size=600), st.integers(0, 299), st.integers(0, 5))
def test_a_change_far_from_the_end(start: list[int], place: int, removed: int) -> None:
    """A page put before hundreds of entries builds the tree anew, with the same answers."""
    heights, model = Heights(start), list(start)
    heights.splice(place, removed, [1, 2, 3])
    model[place : place + removed] = [1, 2, 3]
    assert heights.total == sum(model)
    assert heights.before(len(model) // 2) == sum(model[: len(model) // 2])


def test_rows_outside() -> None:
    """A row before the first or behind the last belongs to the nearest entry; nothing has no rows."""
    heights = Heights([2, 3])
    assert heights.find(-5) == (0, 0)
    assert heights.find(99) == (1, 2)
    assert Heights().find(3) == (0, 0)
