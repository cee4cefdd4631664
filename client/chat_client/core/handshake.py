"""The first exchange on a connection: hello, then register or login."""

import asyncio
from typing import Final

from msgspec import UNSET, Struct

from chat_client.core.accounts import Credentials
from chat_client.core.addresses import ServerAddress
from chat_client.core.errors import ConnectError, RequestError
from chat_client.core.language import mark, tr
from chat_client.core.terms import refusal_sentence
from chat_client.core.text import Safe, safe_line
from chat_client.core.transport import Transport
from chat_protocol import packets
from chat_protocol.limits import PROTOCOL_VERSION

__all__ = ["ServerInfo", "explain", "greet", "log_in", "probe", "refusal", "refused"]

ANSWER_TIMEOUT_S: Final = 20.0

_ADVICE: Final = {
    "not_authenticated": mark("log in first"),
    "bad_credentials": mark("check user name and password"),
    "name_taken": mark("choose another name"),
    "registration_closed": mark("ask the server's admin for an invite or an account"),
    "bad_invite": mark("ask for a new invite"),
    "not_member": mark("join it first"),
    "rate_limited": mark("wait a moment and try again"),
    "overloaded": mark("wait a moment and try again"),
    "storage": mark("the server cannot write now; try again later"),
    "quota": mark("delete something or ask the server's admin"),
    "protocol_version": mark("install a client of the server's version"),
    "too_long": mark("send it in parts"),
}

_REFUSED: Final = {
    "edit": mark("the edit was refused: {reason}"),
    "delete": mark("the deletion was refused: {reason}"),
    "react": mark("the reaction was refused: {reason}"),
}


def explain(code: str, message: str) -> str:
    """Return what an error means, with what to do about it.

    That is the server's sentence, in English; in another language one of ours, with the server's behind it.
    """
    advice = tr(_ADVICE[code]) if code in _ADVICE else ""
    said = message or code
    means = refusal_sentence(code)
    if not means:
        return f"{said} ({advice})" if advice and advice not in said else said
    return tr("{what}: {detail}").format(what=f"{means}{tr(', ')}{advice}" if advice else means, detail=said)


def refusal(error: packets.Error) -> RequestError:
    """Return what is raised for an error that the server answered."""
    incident = f" {tr('(incident {id})').format(id=error.incident)}" if isinstance(error.incident, str) else ""
    after_ms = error.retry_after_ms if isinstance(error.retry_after_ms, int) else None
    return RequestError(error.code, explain(error.code, error.message) + incident, after_ms)


def refused(kind: str, reason: str) -> Safe:
    """Return that something which was sent for the user was refused: an ``edit``, a ``delete`` or a ``react``."""
    return safe_line(tr(_REFUSED[kind]).format(reason=reason))


async def greet(transport: Transport, client_name: str) -> packets.Welcome:
    """Say hello.

    Raises:
        RequestError: The server does not want this client.
        ConnectError: The connection is over, or what is there is no chat server.
    """
    transport.send([packets.Hello(1, PROTOCOL_VERSION, client_name)])
    answer = await _answer(transport, 1)
    if not isinstance(answer, packets.Welcome):
        raise ConnectError(
            "connection_lost", tr("{address} answers, but not as a chat server").format(address=transport.address.key)
        )
    transport.max_frame = answer.max_frame
    return answer


class ServerInfo(Struct, frozen=True):
    """What a server tells about itself before anybody logs in."""

    name: Safe
    registration: str
    """``open``, ``invite`` or ``closed``."""
    fingerprint: str


async def probe(address: ServerAddress, pin: str) -> ServerInfo:
    """Ask a server who it is, for a first-run form; ``pin`` is the fingerprint that it must show.

    Raises:
        ConnectError: It cannot be reached; ``untrusted`` tells the fingerprint to show to the user.
        RequestError: It does not want this client.
    """
    transport = await Transport.connect(address, pin)
    try:
        welcome = await greet(transport, "chat-client/1.0")
    finally:
        await transport.close()
    return ServerInfo(safe_line(welcome.name), str(safe_line(welcome.registration)), transport.fingerprint)


async def log_in(
    transport: Transport, user: str, device: str, token: str, credentials: Credentials | None, request_id: int = 2
) -> packets.SessionOpened:
    """Log in with ``token``, or else with ``credentials``.

    Raises:
        RequestError: The server said no.
        ConnectError: The connection is over.
    """
    request: packets.Register | packets.Login
    if credentials is None:
        request = packets.Login(request_id, token=token, device=device)
    elif credentials.register:
        request = packets.Register(
            request_id,
            user,
            credentials.password,
            display_name=credentials.display_name or UNSET,
            device=device,
            invite=credentials.invite or UNSET,
        )
    else:
        request = packets.Login(request_id, user=user, password=credentials.password, device=device)
    transport.send([request])
    answer = await _answer(transport, request_id)
    if not isinstance(answer, packets.SessionOpened):
        raise ConnectError("connection_lost", tr("the server's answer to the login cannot be understood"))
    transport.max_frame = answer.max_frame
    return answer


async def _answer(transport: Transport, request_id: int) -> packets.ServerPacket:
    """Wait for the answer; nothing else is sent by a server before ``sync``, but for pings and a reason for closing."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while True:
                for packet in await transport.receive():
                    if isinstance(packet, packets.Ping):
                        transport.send([packets.Pong(packet.id)])
                    elif isinstance(packet, packets.Error) and packet.re in (request_id, UNSET):
                        raise refusal(packet)
                    elif getattr(packet, "re", None) == request_id:
                        return packet
    except TimeoutError:
        raise ConnectError(
            "timeout", tr("{address} did not answer in time").format(address=transport.address.key)
        ) from None
