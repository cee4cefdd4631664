"""The command line: mistakes are told in one line, help tells the exit codes, nothing heavy is imported for that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chat_client.line.cli import COMMANDS, main
from tests.line.conftest import environment

WRONG = [
    ["nonsense"],
    ["ops"],
    ["--nonsense"],
    ["send"],
    ["send", "@bob!", "hi"],
    ["send", "!announcements", "hi"],
    ["send", "ops", "hi", "--wait", "seen"],
    ["send", "ops", "hi", "--timeout", "0"],
    ["send", "ops", "hi", "--timeout", "soon"],
    ["tail", "ops", "--since", "a", "--cursor-file", "b"],
    ["tail", "-n", "-1"],
    ["ask", "ops"],
    ["ask", "ops", "sure?", "--choices", "yes"],
    ["ask", "ops", "sure?", "--choices", "a,b,c,d"],
    ["ask", "ops", "sure?", "--choices", "yes,Yes"],
    ["history"],
    ["history", "ops", "-n", "many"],
    ["search"],
    ["list", "extra"],
    ["login", "--user", "no such name"],
    ["login", "--server", "127.0.0.1:1", "--insecure", "--user", "a b"],
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_a_mistake_is_told_in_one_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line on standard error that says what is wrong, nothing on standard output."""
    monkeypatch.setenv("CHAT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CHAT_CLIENT_CONFIG", str(tmp_path / "none.toml"))
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("chat-cli")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command has help; that of chat-cli lists the commands and the exit codes."""
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "usage: chat-cli" in out
    if not command:
        for word in (*COMMANDS, "exit codes", "69", "77"):
            assert word in out


def test_not_logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 77 and what to do, for every command that needs an account."""
    monkeypatch.setenv("CHAT_CLIENT_CONFIG", str(tmp_path / "none.toml"))
    for arguments in (["list"], ["send", "ops", "hi"], ["tail"], ["ask", "ops", "?"], ["stats"], ["search", "x"]):
        assert main(["--profile", str(tmp_path), *arguments]) == 77
        assert "chat-cli login" in capsys.readouterr().err


def test_what_is_imported(tmp_path: Path) -> None:
    """Telling the version imports nothing heavy; sending does without Textual, rich and prompt_toolkit."""
    version = "import sys; from chat_client.line.cli import main; main(['--version']); print(*sys.modules)"
    send = (
        "import sys; import chat_client.line.oneshot, chat_client.line.tail, chat_client.line.ask; print(*sys.modules)"
    )
    for code, absent in ((version, {"asyncio", "msgspec"}), (send, {"textual", "rich", "prompt_toolkit", "emoji"})):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment(tmp_path)
        )
        assert not absent & set(done.stdout.split())
