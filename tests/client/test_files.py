"""Accounts, pins, links, settings and slots on disk."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_client.core.accounts import Account, AccountStore, Credentials
from chat_client.core.addresses import ServerAddress, ServerLink, fingerprint_of, parse_link
from chat_client.core.config import ClientConfig, load_config
from chat_client.core.errors import ConfigError, ConnectError
from chat_client.core.profile import Profile
from chat_client.core.trust import TrustStore

HOME = Account(ServerAddress("chat.example"), "alice")
WORK = Account(ServerAddress("work.example", 9000), "alice")
PRINT = "sha256:" + "ab" * 32


def test_accounts_and_tokens(tmp_path: Path) -> None:
    """Accounts are kept with their tokens, the newest first, in a file that only the user can read."""
    store = AccountStore(tmp_path / "accounts.json")
    assert (store.all(), store.token(HOME), store.find()) == ([], "", None)
    store.keep(HOME, "secret-1")
    store.keep(WORK, "secret-2")
    assert store.all() == [WORK, HOME]
    assert store.token(HOME) == "secret-1"
    assert store.find("alice", HOME.address) == HOME
    assert (tmp_path / "accounts.json").stat().st_mode & 0o777 == 0o600
    store.forget(WORK)
    assert AccountStore(tmp_path / "accounts.json").all() == [HOME]


def test_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A token file with open doors is not used; the message says how to close them."""
    path = tmp_path / "accounts.json"
    AccountStore(path).keep(HOME, "secret")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        AccountStore(path).token(HOME)


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A planted link does not make us read another file."""
    (tmp_path / "real").write_text("{}")
    (tmp_path / "accounts.json").symlink_to(tmp_path / "real")
    with pytest.raises(ConfigError, match="no link"):
        AccountStore(tmp_path / "accounts.json").all()


def test_damaged_file_is_named(tmp_path: Path) -> None:
    """A file that cannot be understood is named, not overwritten."""
    path = tmp_path / "accounts.json"
    path.write_text("{nonsense")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"accounts\.json cannot be understood"):
        AccountStore(path).keep(HOME, "x")
    assert path.read_text() == "{nonsense"


def test_pins(tmp_path: Path) -> None:
    """A pin holds until it is forgotten or replaced on purpose: trusting another certificate is refused."""
    store = TrustStore(tmp_path / "trust.json")
    assert store.pin(HOME.address) == ""
    store.trust(HOME.address, "SHA256:" + "AB:" * 31 + "AB")
    assert TrustStore(tmp_path / "trust.json").pin(HOME.address) == PRINT
    store.trust(HOME.address, PRINT)
    other = "sha256:" + "0" * 64
    with pytest.raises(ConnectError, match=f"chat-cli trust {HOME.address.key}") as caught:
        store.trust(HOME.address, other)
    assert (caught.value.code, caught.value.is_final) == ("wrong_fingerprint", True)
    assert store.pin(HOME.address) == PRINT
    store.replace(HOME.address, other)
    assert store.pin(HOME.address) == other
    store.forget(HOME.address)
    assert store.pin(HOME.address) == ""
    with pytest.raises(ConfigError, match="64 hex digits"):
        store.trust(HOME.address, "sha256:12")


def test_credentials_do_not_show() -> None:
    """No password in a log or traceback."""
    assert "horse" not in repr(Credentials("correct horse", invite="horse"))


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("chat.example", ServerLink(ServerAddress("chat.example"))),
        ("chat.example:9000", ServerLink(ServerAddress("chat.example", 9000))),
        ("[::1]:9000", ServerLink(ServerAddress("::1", 9000))),
        ("tcp://127.0.0.1:5", ServerLink(ServerAddress("127.0.0.1", 5, tls=False))),
        (f"chat://h:1/?invite=a%20b&fp={PRINT}&user=bob", ServerLink(ServerAddress("h", 1), PRINT, "a b", "bob")),
    ],
)
def test_links(text: str, link: ServerLink) -> None:
    """Links say where, which certificate, and with what invite."""
    assert parse_link(text) == link
    assert parse_link(str(link)) == link


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://x",
        "chat://",
        "chat://h:99999",
        "tcp://chat.example:1",
        "chat://u@h",
        "chat://h/x",
        "chat://h?fp=1",
        "two words",
        "chat://two words:7007",
        "a\u00a0b",
        "a\u202eb",
    ],
)
def test_bad_links(text: str) -> None:
    """What cannot be a link, or would send in the clear over a network, is refused."""
    with pytest.raises(ConfigError):
        parse_link(text)


@given(st.text(max_size=40))
def test_any_text_is_a_link_or_an_error(text: str) -> None:
    """Parsing a link raises nothing else."""
    for parse in (parse_link, fingerprint_of):
        try:
            parse(text)
        except ConfigError:
            pass


def test_settings(tmp_path: Path) -> None:
    """Environment over file over default; an unknown key names the nearest."""
    path = tmp_path / "client.toml"
    assert load_config(path, {}) == ClientConfig()
    path.write_text('theme = "nord"\nmouse = false\nnotify = "all"\n[keys]\nquit = "ctrl+d"\n')
    config = load_config(path, {"CHAT_CLIENT_NOTIFY": "none", "CHAT_CLIENT_ASCII": "true"})
    assert config == ClientConfig(theme="nord", mouse=False, notify="none", ascii=True, keys={"quit": "ctrl+d"})


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [("mose = false", 1, "did you mean mouse"), ("\n\nmouse = [1]", 3, "mouse"), ("theme = ''\nmouse =", 2, "cannot"),
     ('theme = ""\n"notify" = "loud"', 2, "notify"), ("[kes]\na = 1", 1, "did you mean keys")],
)  # fmt: skip
def test_a_mistake_in_the_settings_is_told_with_its_line(content: str, line: int, reason: str, tmp_path: Path) -> None:
    """What is wrong is told with file and line, so that an editor can go there."""
    path = tmp_path / "client.toml"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert reason in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Two wrong lines and a wrong variable are three lines of the message."""
    path = tmp_path / "client.toml"
    path.write_text("mose = 1\ntyping = 3\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, {"CHAT_CLIENT_MOUSE": "perhaps"})
    assert [line.split(" ")[0] for line in str(caught.value).splitlines()] == [
        f"{path}:1:", f"{path}:2:", "CHAT_CLIENT_MOUSE:"]  # fmt: skip


def test_slots_exclude_each_other(tmp_path: Path) -> None:
    """Two clients of one account get different slots; a slot that was let go is used again."""
    profile = Profile(tmp_path / "data")
    profile.prepare()
    one, two = profile.open_slot(HOME), profile.open_slot(HOME)
    assert one.directory != two.directory
    two.database.touch()
    assert profile.orphans(HOME, one) == []
    two.close()
    [orphan] = profile.orphans(HOME, one)
    assert orphan.directory == two.directory
    orphan.close()
    one.close()
    again = profile.open_slot(HOME)
    assert again.directory == one.directory
    again.close()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_default_directory_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``CHAT_DATA_DIR`` names another directory."""
    monkeypatch.setenv("CHAT_DATA_DIR", os.fspath(tmp_path / "elsewhere"))
    assert Profile.default().directory == tmp_path / "elsewhere"
