"""The file of settings: written with everything in it, and checked, with file and line where it is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from chat_client.core.accounts import Account
from chat_client.core.addresses import ServerAddress
from chat_client.core.client import ChatClient
from chat_client.core.config import ClientConfig, load_config
from chat_client.core.profile import Profile
from chat_client.tui import cli
from chat_client.tui.app import ChatApp
from chat_client.tui.settings import check, key_bindings, suited, template
from chat_client.tui.start import Start
from tests.tui.stage import Stage, plain


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the settings are, in a folder that is not there yet."""
    path = tmp_path / "there" / "client.toml"
    monkeypatch.setenv("CHAT_CLIENT_CONFIG", str(path))
    return path


def write(path: Path, text: str) -> None:
    """Save settings, as an editor does."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_a_new_file_names_everything_and_changes_nothing(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``config init`` writes a file with every setting and key; it is the default, and stays so with comments off."""
    assert cli.main(["config", "init"]) == 0
    assert load_config(path, {}) == ClientConfig()
    off = "\n".join(line.removeprefix("# ") if " = " in line else line for line in path.read_text().splitlines())
    written = tomllib.loads(off)
    assert set(written) == set(ClientConfig.__struct_fields__)
    assert set(written["keys"]) == set(key_bindings())
    path.write_text(off)
    assert check(path) == ClientConfig(keys={name: binding.key for name, binding in key_bindings().items()})
    assert str(path) in capsys.readouterr().out


def test_a_file_is_never_written_over_unasked(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is there stays, unless --force says so; --print touches nothing."""
    assert cli.main(["config", "init", "--print"]) == 0
    assert not path.exists()
    assert capsys.readouterr().out == template()
    path.parent.mkdir()
    path.write_text('theme = "nord"\n')
    assert cli.main(["config", "init"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert path.read_text() == 'theme = "nord"\n'
    assert cli.main(["config", "init", "--force"]) == 0
    assert path.read_text() == template()


@pytest.mark.parametrize("arguments", [["config", "check"], []])
def test_a_mistake_stops_the_start_with_78(
    path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Settings and keys that do not exist are told with file and line, and the exit status says that it is these."""
    path.parent.mkdir()
    path.write_text('ascii = true\n[keys]\nchat-swich = "f5"\n')
    assert cli.main(arguments) == 78
    assert capsys.readouterr().err == f"{path}:3: chat-swich is no key that can be set, did you mean chat-switch?\n"


@pytest.mark.parametrize(
    ("environment", "is_ascii"),
    [({}, False), ({"LANG": "de_DE.UTF-8"}, False), ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, True),
     ({"LC_CTYPE": "C.utf8", "LANG": "C"}, False), ({"LANG": "de_DE.ISO-8859-1"}, True)],
)  # fmt: skip
def test_without_unicode_ascii_is_drawn(environment: dict[str, str], is_ascii: bool) -> None:
    """Where the locale has no Unicode, box drawing would be noise."""
    assert suited(ClientConfig(), environment).ascii is is_ascii
    assert suited(ClientConfig(), environment, ascii_only=True).ascii


def test_a_terminal_without_a_cursor_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """TERM=dumb gets a line that names the other client, and the status of a wrong call."""
    monkeypatch.setenv("TERM", "dumb")
    assert cli.main(["--profile", str(tmp_path)]) == 2


async def test_settings_are_taken_over_while_it_runs(tmp_path: Path, path: Path) -> None:
    """Theme, keys, clock and ASCII change when the file does; a mistake is told with its line and changes nothing."""
    account = Account(ServerAddress("chat.example.org"), "ada")
    async with ChatClient(account, Profile(tmp_path / "profile")) as client:
        client.apply(plain())
        app = ChatApp(client.profile, ClientConfig(), Start(account), client=client, settings_path=path)
        async with app.run_test(size=(120, 36), notifications=True) as pilot:
            stage = Stage(app, client, pilot)
            await stage.sees("line 3", "^k switch")
            write(path, 'theme = "chat-light"\ntime_format = "%Hh%M"\n[keys]\nchat-switch = "f5"\n')
            await stage.sees("f5 switch", "09h03")
            assert app.theme == "chat-light"
            write(path, "them = 1\n")
            told = f"{path}:1: them is no setting"
            await stage.until(lambda: any(told in toast.message for toast in app._notifications))
            assert app.theme == "chat-light"
            write(path, "ascii = true\n")
            await stage.until(lambda: all(line.isascii() for line in stage.lines[:3]))
            assert app.theme == "chat-dark"
