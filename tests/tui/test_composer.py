"""Writing: several lines, history, completion, pasting, editing, and what is typed elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from textual.events import Paste

from chat_client.core import events
from chat_client.core.config import ClientConfig
from chat_client.tui.editor import edit_text, editor_command
from chat_protocol import packets
from tests.tui.stage import START_MS, entry, message, on_stage, online, plain


async def test_several_lines(tmp_path: Path) -> None:
    """ctrl+j breaks the line; the box grows to eight rows and then scrolls; Enter sends all of it."""
    async with on_stage(tmp_path) as stage:
        stage.type("\n".join(f"row {number}" for number in range(12)))
        await stage.sees("row 11")
        assert stage.composer.size.height == 8
        stage.press("enter")
        await stage.until(lambda: stage.contents("#general")[-1].count("\n") == 11)
        await stage.until(lambda: stage.composer.size.height == 1)


async def test_history(tmp_path: Path) -> None:
    """Up in an empty line recalls what was sent, down comes back to what was being written."""
    async with on_stage(tmp_path) as stage:
        for text in ("first", "//second"):
            stage.type(text)
            stage.press("enter")
        stage.press("up")
        await stage.until(lambda: stage.composer.text == "//second")
        stage.press("up")
        await stage.until(lambda: stage.composer.text == "first")
        stage.press("down", "down")
        await stage.until(lambda: stage.composer.text == "")
        await stage.until(lambda: stage.contents("#general")[-2:] == ["first", "/second"])


async def test_offers_are_few_and_closed_by_escape(tmp_path: Path) -> None:
    """With 5,000 users at most eight are offered, and typing goes on."""
    people = [f"user{number}" for number in range(5000)]
    happened = [*online(entry("#general"), people=people), events.ConversationOpened("#general")]
    async with on_stage(tmp_path, happened) as stage:
        stage.type("@user")
        await stage.until(lambda: stage.chat.popup.is_open)
        assert len(stage.chat.popup.completion.candidates) == 8
        await stage.sees("@user0")
        stage.press("escape")
        await stage.until(lambda: not stage.chat.popup.is_open)
        stage.type("4999")
        await stage.until(lambda: [each.text for each in stage.chat.popup.completion.candidates] == ["@user4999 "])
        stage.press("tab")
        await stage.until(lambda: stage.composer.text == "@user4999 ")


@pytest.mark.parametrize(("answer", "expected"), [("enter", 500), ("escape", 0)])
async def test_a_long_paste_is_asked_about(answer: str, expected: int, tmp_path: Path) -> None:
    """500 lines come into the composer only if they were meant."""
    async with on_stage(tmp_path) as stage:
        stage.app.post_message(Paste("\n".join(str(number) for number in range(500))))
        await stage.sees("Paste all of this?", "500 lines")
        stage.press(answer)
        await stage.until(lambda: "Paste all" not in stage.text)
        await stage.until(lambda: len(stage.composer.text.split()) == expected)


async def test_alt_and_a_letter_types_nothing(tmp_path: Path) -> None:
    """What a terminal sends along with alt is no text."""
    async with on_stage(tmp_path) as stage:
        stage.press("alt+a", "alt+x", "ctrl+y")
        stage.type("end")
        await stage.until(lambda: stage.composer.text == "end")


async def test_wide_characters_and_the_caret(tmp_path: Path) -> None:
    """The caret stands behind what is wide as it does behind what is narrow."""
    async with on_stage(tmp_path) as stage:
        stage.type("你好 a")
        await stage.until(lambda: stage.composer.text == "你好 a")
        await stage.settles()
        assert stage.composer.cursor_screen_offset.x - stage.composer.region.x == 1 + 6


async def test_editing_the_own_last_message(tmp_path: Path) -> None:
    """E on one's own message puts it into the composer; what was being written comes back afterwards."""
    mine = packets.GroupMessage("#general", 4, "mine", "ada", "Ada", START_MS, content="tpyo", mentions=())
    async with on_stage(tmp_path, [*plain(), events.Arrived("#general", (mine,))]) as stage:
        stage.type("unfinished")
        stage.press("ctrl+s", "e")
        await stage.sees("Edit your message: tpyo")
        await stage.until(lambda: stage.composer.text == "tpyo")
        stage.press("escape")
        await stage.until(lambda: stage.composer.text == "unfinished")
        stage.press("ctrl+s", "e", "ctrl+u")
        stage.type("typo")
        stage.press("enter")
        await stage.until(lambda: stage.composer.text == "unfinished")
        await stage.until(lambda: "Edit your" not in stage.text)


async def test_only_own_messages_are_edited(tmp_path: Path) -> None:
    """Another one's message cannot be edited, and that is said."""
    async with on_stage(tmp_path) as stage:
        stage.press("ctrl+s", "e")
        await stage.until(lambda: any("only your own messages" in toast.message for toast in stage.app._notifications))


async def test_a_message_is_deleted_after_asking(tmp_path: Path) -> None:
    """D asks, and stands on the answer that does no harm."""
    async with on_stage(tmp_path) as stage:
        stage.press("ctrl+s", "d")
        await stage.sees("Delete this message for everybody?", "line 3")
        stage.press("enter")
        await stage.until(lambda: "for everybody" not in stage.text)


async def test_a_reaction(tmp_path: Path) -> None:
    """+ on a message begins a reaction to it; the emoji is completed."""
    async with on_stage(tmp_path) as stage:
        stage.press("ctrl+s", "+")
        await stage.until(lambda: stage.composer.text == "/react ^3 :")
        stage.type("tada")
        await stage.sees("🎉")


async def test_letters_typed_in_a_pane_go_to_the_composer(tmp_path: Path) -> None:
    """Whoever types means the composer, wherever the focus is."""
    async with on_stage(tmp_path) as stage:
        stage.press("tab")
        await stage.until(lambda: not stage.composer.has_focus)
        stage.type("hello")
        await stage.until(lambda: stage.composer.text == "hello")
        assert stage.composer.has_focus


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/foo bar", "/foo is no command, nothing was sent"),
        ("/join", "/join"),
        ("/topic new words", "no connection"),
    ],
)
async def test_a_command_that_cannot_be_done_is_told_and_not_sent(line: str, told: str, tmp_path: Path) -> None:
    """What is wrong with a command stands below the conversation, and nothing is sent."""
    async with on_stage(tmp_path) as stage:
        stage.type(line)
        stage.press("escape", "enter")
        await stage.until(lambda: any("✗" in row for row in stage.chat.transcript.rows))
        assert told in stage.text
        assert stage.contents("#general") == ["line 1", "line 2", "line 3"]


async def test_two_slashes_say_one(tmp_path: Path) -> None:
    """//x is a message that begins with a slash."""
    async with on_stage(tmp_path) as stage:
        stage.type("//not a command")
        stage.press("enter")
        await stage.until(lambda: stage.contents("#general")[-1] == "/not a command")


async def test_ctrl_c_twice_quits(tmp_path: Path) -> None:
    """Once asks, twice ends; while something is written it only clears that."""
    async with on_stage(tmp_path) as stage:
        stage.type("x")
        stage.press("ctrl+c")
        await stage.until(lambda: stage.composer.text == "")
        stage.press("ctrl+c")
        await stage.until(lambda: any("again to quit" in toast.message for toast in stage.app._notifications))
        stage.press("ctrl+c")
        await stage.until(lambda: stage.app._exit)


async def test_links_are_listed_and_asked_about(tmp_path: Path) -> None:
    """ctrl+o lists what can be opened on the screen, the newest first; the address is shown before it is opened."""
    made = tuple(
        message("#general", seq, "bob", content)
        for seq, content in enumerate(["see https://a.example/x.", "and https://b.example", "javascript:alert(1)"], 4)
    )
    async with on_stage(tmp_path, [*plain(), events.Arrived("#general", made)]) as stage:
        stage.press("ctrl+o")
        await stage.sees("Links on the screen")
        rows = [line for line in stage.lines if "https://" in line and "see" not in line and "and" not in line]
        assert "https://b.example" in rows[0]
        stage.press("down", "enter")
        await stage.sees("Open this address?", "https://a.example/x")
        stage.press("escape")
        await stage.until(lambda: "Open this" not in stage.text)


async def test_commands_in_the_history_are_passed_by(tmp_path: Path) -> None:
    """A command that comes out of the history opens no offers that would take the arrows."""
    async with on_stage(tmp_path) as stage:
        for line in ("/retry", "/discard"):
            stage.type(line)
            stage.press("escape", "enter")
            await stage.until(lambda: stage.composer.text == "")
        stage.press("up", "up")
        await stage.until(lambda: stage.composer.text == "/retry")


async def test_the_own_last_message_is_edited_with_one_key(tmp_path: Path) -> None:
    """ctrl+up takes the newest message of one's own, not a deleted one; without one it says so."""
    async with on_stage(tmp_path) as stage:
        stage.press("ctrl+up")
        await stage.until(lambda: any("no message of yours" in toast.message for toast in stage.app._notifications))
        stage.arrive("#general", "ada", "older", "newer")
        gone = packets.Deleted("#general", 6, "d", "ada", "Ada", START_MS, target="general-5")
        stage.happen(events.Arrived("#general", (gone,)))
        await stage.sees("message deleted")
        stage.press("ctrl+up")
        await stage.sees("Edit your message: older")
        await stage.until(lambda: stage.composer.text == "older")


async def test_writing_in_an_editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text goes to the editor in a private file and comes back; the file is gone; a failure changes nothing."""
    (tmp_path / "draft").mkdir(mode=0o700)
    script = "import os, sys; p = sys.argv[1]; assert not os.stat(p).st_mode & 0o77; t = open(p).read()"
    command = [sys.executable, "-c", f"{script}; open(p, 'w').write(t + ' and more 你好' + chr(10))"]
    assert edit_text(command, "some\ntext", tmp_path / "draft") == "some\ntext and more 你好"
    with pytest.raises(subprocess.CalledProcessError):
        edit_text([sys.executable, "-c", "raise SystemExit(1)"], "x", tmp_path / "draft")
    with pytest.raises(OSError, match="no-such-editor"):
        edit_text(["no-such-editor"], "x", tmp_path / "draft")
    assert list((tmp_path / "draft").iterdir()) == []
    assert editor_command({"EDITOR": "vi", "VISUAL": "code --wait 'a b'"}) == ["code", "--wait", "a b"]
    assert editor_command({"EDITOR": "broken '"}) == []
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    async with on_stage(tmp_path / "profile") as stage:
        stage.press("alt+e")
        await stage.until(lambda: any("set EDITOR" in toast.message for toast in stage.app._notifications))


async def test_up_edits_the_last_message_and_then_goes_into_the_history(tmp_path: Path) -> None:
    """Up in an empty line edits what one said last; up again leaves that and recalls lines; down comes back."""
    async with on_stage(tmp_path) as stage:
        stage.arrive("#general", "ada", "my own words")
        stage.composer.remember("/join #ops")
        stage.press("up")
        await stage.sees("Edit your message: my own words")
        stage.press("up")
        await stage.until(lambda: stage.composer.text == "/join #ops")
        assert stage.chat.about is None
        stage.press("down")
        await stage.until(lambda: stage.composer.text == "")


async def test_up_in_a_changed_edit_stays_in_it(tmp_path: Path) -> None:
    """What was changed is not thrown away by an arrow."""
    async with on_stage(tmp_path) as stage:
        stage.arrive("#general", "ada", "my own words")
        stage.press("up")
        await stage.sees("Edit your message")
        stage.type("!")
        stage.press("up", "up")
        await stage.settles()
        assert stage.composer.text == "my own words!"


async def test_up_can_be_for_the_history_alone(tmp_path: Path) -> None:
    """With up_edits = false it is as in a shell."""
    async with on_stage(tmp_path, config=ClientConfig(up_edits=False)) as stage:
        stage.arrive("#general", "ada", "my own words")
        stage.composer.remember("said before")
        stage.press("up")
        await stage.until(lambda: stage.composer.text == "said before")
        assert stage.chat.about is None


async def test_more_than_a_message_holds_is_pasted_in_part_or_not(tmp_path: Path) -> None:
    """A megabyte is asked about, with what would be left out; the composer never holds what cannot be sent."""
    async with on_stage(tmp_path) as stage:
        for answer, expected in (("escape", 0), ("enter", 0), ("left", 8_000)):
            stage.app.post_message(Paste("0123456789" * 100_000))
            await stage.sees("1,000,000 characters; a message holds 8,000")
            stage.press(*([answer, "enter"] if answer == "left" else [answer]))
            await stage.until(lambda: stage.app.screen is stage.chat)
            await stage.settles()
            assert len(stage.composer.text) == expected


async def test_joins_can_be_hidden(tmp_path: Path) -> None:
    """With hide_joins nothing is drawn for whoever comes and goes; the day lines and the new line stay."""
    joined = [
        packets.SystemMessage("#general", 4 + number, f"s{number}", "server", "", START_MS + 600_000, action="joined",
                              subject=f"guest{number}", content=f"guest{number} joined")
        for number in range(3)
    ]  # fmt: skip
    async with on_stage(tmp_path, config=ClientConfig(hide_joins=True)) as stage:
        stage.happen(events.Arrived("#general", tuple(joined)))
        stage.arrive("#general", "bob", "after all of them")
        await stage.sees("after all of them", "line 3")
        assert "joined" not in stage.text
