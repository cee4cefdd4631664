"""A server whose certificate is another one than before: a full stop that no key on the screen lifts."""

from __future__ import annotations

from pathlib import Path

from chat_client.core.accounts import Account
from chat_client.core.addresses import ServerAddress, ServerLink
from chat_client.core.profile import Profile
from chat_client.tui.start import Start
from tests.conftest import StartServer
from tests.tui.stage import live

OTHER = "sha256:" + "0" * 64


async def test_a_changed_key_is_a_full_stop(tmp_path: Path, start_server: StartServer) -> None:
    """It is told with the command that takes the new key; neither Enter nor any other answer trusts it."""
    server = start_server(insecure=False)
    address = ServerAddress(*server.address)
    profile = Profile(tmp_path)
    profile.prepare()
    profile.accounts.keep(Account(address, "ada"), "a token")
    profile.trust.trust(address, OTHER)
    async with live(tmp_path, Start(Account(address, "ada")), insecure=False) as stage:
        await stage.sees("The server's key has changed", "chat-cli trust", "Close")
        assert "Trust" not in stage.text
        stage.press("enter")
        await stage.until(lambda: "has changed" not in stage.text)
        await stage.settles()
        assert stage.state.link.status == "refused"
    assert profile.trust.pin(address) == OTHER


async def test_a_link_cannot_change_a_key(tmp_path: Path, start_server: StartServer) -> None:
    """A link that names another certificate than the trusted one connects to nobody."""
    server = start_server(insecure=False)
    address = ServerAddress(*server.address)
    profile = Profile(tmp_path)
    profile.prepare()
    profile.trust.trust(address, server.ready[3])
    link = ServerLink(address, OTHER, "an-invite")
    async with live(tmp_path, Start(None, None, link, "ada"), insecure=False) as stage:
        await stage.sees("trusted before", "nothing", "chat-cli trust")
    assert profile.trust.pin(address) == server.ready[3]
