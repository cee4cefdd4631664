"""``ask``: put a question to people and give their answer to a script."""

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Sequence

from chat_client.core.errors import RequestError
from chat_client.core.language import tr
from chat_client.core.state import ClientState
from chat_client.line.codes import FAILED, NOT_YET, OK, UNASKED, UNREACHABLE, USAGE, CommandError
from chat_client.line.oneshot import acknowledged, conversation_named
from chat_client.line.reader import Cursor, LogReader
from chat_client.line.script import ScriptClient, connected, link_error
from chat_client.line.setup import profile_of, require_account
from chat_protocol import packets
from chat_protocol.packets import LogEvent

__all__ = ["ask", "choice_of"]

MAX_CHOICES = 3


def ask(arguments: Namespace) -> int:
    """Post a question, wait for one of the choices, print it; the exit code is its index."""
    choices = [choice.strip() for choice in arguments.choices.split(",")]
    folded = {choice.casefold() for choice in choices}
    if "" in folded or len(folded) < len(choices) or not 2 <= len(choices) <= MAX_CHOICES:
        raise CommandError(
            USAGE,
            tr("--choices takes 2 or {most} different words, like yes,no: the exit code tells which").format(
                most=MAX_CHOICES
            ),
        )
    conversation = conversation_named(arguments.conversation)
    if conversation[0] == "!":
        raise CommandError(
            USAGE, tr("{conversation} is for reading: ask in a '#group' or a @user").format(conversation=conversation)
        )
    try:
        return asyncio.run(_ask(arguments, conversation, choices))
    except (CommandError, RequestError) as error:
        if getattr(error, "code", FAILED) in (NOT_YET, USAGE, UNREACHABLE) or not _is_plain_failure(error):
            raise
        raise CommandError(UNASKED, str(error)) from None


def _is_plain_failure(error: CommandError | RequestError) -> bool:
    return isinstance(error, RequestError) or error.code == FAILED


def choice_of(content: str, choices: Sequence[str], me: str) -> int | None:
    """Return which choice a message is; None: none. Case, a mention of the asker and a full stop do not matter."""
    text = content.strip().casefold().removeprefix(f"@{me}").strip(" ,:.!\n\t")
    for index, choice in enumerate(choices):
        if text == choice.casefold():
            return index
    return None


class _Answer:
    """Finds the first message behind the question that is one of the choices."""

    def __init__(self, choices: Sequence[str], me: str, sender: str) -> None:
        self._choices = choices
        self._me = me
        self._sender = sender
        self.index: int | None = None
        self.event: packets.GroupMessage | packets.PrivateMessage | None = None

    def take(self, event: LogEvent | packets.Skip) -> None:
        """Look at one event."""
        if self.index is not None or not isinstance(event, packets.GroupMessage | packets.PrivateMessage):
            return
        if event.sender == self._me or self._sender not in ("", event.sender) or not isinstance(event.content, str):
            return
        self.index = choice_of(event.content, self._choices, self._me)
        if self.index is not None:
            self.event = event


async def _ask(arguments: Namespace, conversation: str, choices: Sequence[str]) -> int:
    profile = profile_of(arguments)
    loop = asyncio.get_running_loop()
    deadline = None if arguments.timeout is None else loop.time() + arguments.timeout
    async with connected(require_account(arguments, profile), profile) as client:
        await client.ready(arguments.timeout)
        client.arrivals = []
        text = f"{arguments.question} ({' / '.join(choices)})"
        message_id = await client.post(conversation, text)
        try:
            question = await acknowledged(client, conversation, message_id, arguments.timeout)
        except CommandError as error:
            if error.code in (NOT_YET, UNREACHABLE):
                await _take_back(client, message_id)
                raise CommandError(
                    error.code, tr("the question could not be asked: the server did not answer in time")
                ) from None
            raise
        sender = (arguments.sender or "").removeprefix("@").lower()
        answer = _Answer(choices, client.state.me, sender)
        reader = LogReader(client, [conversation], answer.take)
        reader.start_at(Cursor(client.state.epoch, {conversation: question.seq}))
        await _until_answered(client, reader, answer, deadline)
    if answer.index is None or answer.event is None:
        raise CommandError(
            NOT_YET,
            tr("nobody answered {choices} in time; the question stays in {conversation}").format(
                choices=" or ".join(choices), conversation=conversation
            ),
        )
    if arguments.json:
        told = {"choice": choices[answer.index], "index": answer.index, "sender": answer.event.sender}
        sys.stdout.write(json.dumps({**told, "seq": answer.event.seq, "message_id": answer.event.message_id}) + "\n")
    else:
        sys.stdout.write(f"{choices[answer.index]}\n")
    return OK + answer.index


async def _take_back(client: ScriptClient, message_id: str) -> None:
    """Nobody waits for the answer any more: do not ask later, if that can be helped."""
    try:
        await client.discard(message_id)
    except RequestError:
        return  # it is on its way


async def _until_answered(client: ScriptClient, reader: LogReader, answer: _Answer, deadline: float | None) -> None:
    loop = asyncio.get_running_loop()

    def is_due(state: ClientState) -> bool:
        return state.link.status == "refused" or reader.is_behind(state)

    while answer.index is None:
        left_s = None if deadline is None else deadline - loop.time()
        if (left_s is not None and left_s <= 0) or not await client.wait_for(is_due, left_s):
            return
        if client.state.link.status == "refused":
            raise link_error(client.account, client.state.link)
        if not await reader.catch_up():
            raise CommandError(FAILED, tr("the server's store was replaced: the question is not there any more"))
