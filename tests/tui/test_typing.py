"""What is typed arrives whole and in order, however fast it comes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.events import Paste

from chat_client.tui import typeahead
from tests.tui.stage import on_stage


@pytest.mark.parametrize(
    "text",
    ["hello @you from the guest", "nice :tada: done", "see #general and @bo", "你好，世界 ✅", "x" * 400],
)
async def test_a_burst_that_ends_with_enter_is_sent_whole(text: str, tmp_path: Path) -> None:
    """Enter takes no shortcut past the letters before it, and clears nothing that was typed after it."""
    async with on_stage(tmp_path) as stage:
        stage.type(text)
        stage.press("enter")
        stage.type("next")
        await stage.until(lambda: stage.composer.text == "next", "what was typed after Enter is not there")
        await stage.until(lambda: len(stage.contents("#general")) == 4)
        assert stage.contents("#general")[-1] == text.replace(":tada:", "🎉")


async def test_what_is_typed_before_a_switch_stays_and_what_comes_after_goes_along(tmp_path: Path) -> None:
    """Letters, a key that changes the conversation, letters: each half is the draft of its own conversation."""
    async with on_stage(tmp_path) as stage:
        stage.type("half a thought")
        stage.press("alt+down")
        stage.type("another")
        await stage.until(lambda: stage.composer.text == "another")
        assert stage.state.current == "#ops"
        assert stage.conversation("#general").draft == "half a thought"
        stage.press("alt+up")
        stage.type(" more")
        await stage.until(lambda: stage.composer.text == "half a thought more")
        await stage.until(lambda: stage.conversation("#ops").draft == "another")


async def test_keys_behind_a_dialog_key_are_for_the_dialog(tmp_path: Path) -> None:
    """The switcher gets its letters and its Enter, and the conversation that it opens gets the message."""
    async with on_stage(tmp_path) as stage:
        stage.press("ctrl+k")
        stage.type("op")
        stage.press("enter")
        stage.type("hi there")
        stage.press("enter")
        await stage.until(lambda: stage.contents("#ops")[-1:] == ["hi there"])
        assert stage.conversation("#general").draft == ""
        stage.press("ctrl+k", "escape")
        stage.type("back")
        await stage.until(lambda: stage.composer.text == "back")


@pytest.mark.parametrize(
    ("keys", "then", "expected"),
    [
        ("@bo", ["tab"], "@bob "),
        (":tad", ["tab"], "🎉 "),
        ("see #op", ["tab"], "see #ops "),
        ("/jo", ["tab"], "/join "),
        ("@", ["down", "enter"], "@carol "),
        ("@", ["escape"], "@"),
    ],
)
async def test_completion_in_a_burst(keys: str, then: list[str], expected: str, tmp_path: Path) -> None:
    """Tab takes the first offer, Enter the one that an arrow chose, escape none; what follows stands behind it."""
    async with on_stage(tmp_path) as stage:
        stage.type(keys)
        stage.press(*then)
        stage.type("x y")
        await stage.until(lambda: stage.composer.text == f"{expected}x y")


async def test_enter_right_after_the_offers_came_sends_what_is_typed(tmp_path: Path) -> None:
    """Offers that nobody has touched do not change what is sent."""
    async with on_stage(tmp_path) as stage:
        stage.type("hi @bo")
        await stage.until(lambda: stage.chat.popup.is_open)
        stage.press("enter")
        await stage.until(lambda: stage.contents("#general")[-1] == "hi @bo")
        assert not stage.chat.popup.is_open


async def test_a_paste_keeps_its_place_between_keys(tmp_path: Path) -> None:
    """Letters, a paste, letters and Enter in one go are one message in that order, line ends of any kind are one."""
    async with on_stage(tmp_path) as stage:
        stage.type("say ")
        stage.app.post_message(Paste("one\rtwo\r\nthree\x1b[31m"))
        stage.type(" end")
        stage.press("enter")
        await stage.until(lambda: stage.contents("#general")[-1] == "say one\ntwo\nthree[31m end")


async def test_clearing_the_line_takes_only_what_came_before(tmp_path: Path) -> None:
    """ctrl+c clears what was typed before it."""
    async with on_stage(tmp_path) as stage:
        stage.type("wrong")
        stage.press("ctrl+c")
        stage.type("right")
        await stage.until(lambda: stage.composer.text == "right")


async def test_a_key_waits_no_longer_than_patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the screen that never comes to rest does not stop the keyboard."""
    monkeypatch.setattr(typeahead, "PATIENCE_S", 0.05)
    async with on_stage(tmp_path) as stage:
        end = asyncio.Event()
        stage.chat.header.call_later(end.wait)
        stage.type("still here")
        stage.press("enter")
        await stage.until(lambda: stage.contents("#general")[-1] == "still here")
        end.set()


async def test_leaving_with_keys_behind_it(tmp_path: Path) -> None:
    """ctrl+q ends the program at once, whatever is typed after it."""
    async with on_stage(tmp_path) as stage:
        stage.press("ctrl+q")
        stage.type("too late")
        stage.press("enter", "alt+down", "ctrl+k")
        await stage.until(lambda: stage.app._exit)
        await asyncio.wait_for(stage.app.close_client(), 5)
    assert stage.app.keys_waiting == 0
