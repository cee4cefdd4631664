"""Nothing that was not on the screen, in front of somebody who looks, is ever marked as read."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual import events as input_events

from chat_client.core import events
from chat_client.core.state import Message
from tests.tui.stage import Stage, entry, message, on_stage, online

STEPS = st.one_of(
    st.sampled_from(["pageup", "pagedown", "end", "alt+a", "alt+down", "ctrl+home", "ctrl+k", "f1", "escape", "up"]),
    st.tuples(st.just("arrive"), st.sampled_from(["#general", "#ops", "@bob"]), st.integers(1, 30)),
    st.tuples(st.just("size"), st.integers(20, 130), st.integers(5, 40)),
    st.sampled_from(["blur", "focus"]),
)


class Witness:
    """Notes what was drawn whole while the chat was in front and the terminal had the focus."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.seen: set[tuple[str, int]] = set()
        viewport = stage.chat.transcript.viewport
        settle = viewport.settle

        def watched() -> None:
            settle()
            self.look()

        viewport.settle = watched  # type: ignore[method-assign]

    def look(self) -> None:
        """Note what is there now; a message counts once its last row is on the screen."""
        chat = self.stage.chat
        if not (chat.is_current and self.stage.state.focused):
            return
        name = chat.transcript.conversation
        for drawn in chat.transcript.viewport.drawn:
            line = chat.transcript.feed.entries[drawn.index]
            if isinstance(line, Message) and drawn.is_last:
                self.seen.add((name, line.seq))


async def live_through(steps: list[object]) -> None:
    """Do all of it, and compare what counts as read with what the witness saw."""
    unread = {"#general": 60, "#ops": 5, "@bob": 40}
    people = {"#general": "bob", "#ops": "carol", "@bob": "bob"}
    happened = [
        *online(*(entry(name, count, read_seq=0, unread=count) for name, count in unread.items())),
        *(
            events.Arrived(name, tuple(message(name, seq, people[name], f"line {seq}") for seq in range(1, count + 1)))
            for name, count in unread.items()
        ),
    ]
    with tempfile.TemporaryDirectory() as folder:
        async with on_stage(Path(folder), happened, size=(100, 20)) as stage:
            witness = Witness(stage)
            witness.look()
            for step in steps:
                match step:
                    case ("arrive", str(name), int(count)):
                        stage.arrive(name, people[name], *(f"more {number}" for number in range(count)))
                    case ("size", int(width), int(height)):
                        await stage.pilot.resize_terminal(width, height)
                    case "blur":
                        stage.app.post_message(input_events.AppBlur())
                    case "focus":
                        stage.app.post_message(input_events.AppFocus())
                    case _:
                        stage.press(str(step))
                await stage.settles()
                witness.look()
            for name, conversation in stage.state.conversations.items():
                for line in conversation.timeline:
                    if isinstance(line, Message) and line.seq <= conversation.read_seq:
                        assert (name, line.seq) in witness.seen, f"{name} {line.seq} counts as read and was never shown"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.timeout(300)
@given(st.lists(STEPS, max_size=12))
def test_nothing_that_was_not_shown_is_read(steps: list[object]) -> None:
    """Scrolling, switching, resizing, dialogs, losing the focus, messages coming in: whatever the order."""
    asyncio.run(live_through(steps))
