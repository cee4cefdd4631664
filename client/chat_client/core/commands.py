"""Do what the user typed. The table of commands is here whole; faces import it from here."""

from chat_client.core import actions_admin, actions_groups, actions_messages, actions_self
from chat_client.core.client import ChatClient
from chat_client.core.errors import RequestError
from chat_client.core.language import tr
from chat_client.core.parsing import Invocation, Parsed, Say, UsageError, parse_line
from chat_client.core.results import Result
from chat_client.core.table import ALIASES, COMMANDS, Argument, Command
from chat_client.core.wording import expand_emoji

__all__ = ["ALIASES", "COMMANDS", "Argument", "Command", "execute", "perform"]

# Importing these filled the table; the order is that of the help.
_TOPICS = (actions_groups, actions_messages, actions_self, actions_admin)


async def execute(client: ChatClient, line: str, conversation: str | None, *, reply_to: str | None = None) -> Result:
    """Do what a typed line means, in the conversation that is open.

    Raises:
        RequestError: It cannot be done; code ``usage`` where the line itself is wrong. Nothing was sent then.
    """
    return await perform(client, parse_line(line), conversation, reply_to=reply_to)


async def perform(
    client: ChatClient, parsed: Parsed, conversation: str | None, *, reply_to: str | None = None
) -> Result:
    """Do what :func:`~chat_client.core.parsing.parse_line` returned.

    Raises:
        RequestError: It cannot be done.
    """
    match parsed:
        case Invocation(invoked, arguments):
            return await invoked.handler(client, conversation, arguments)
        case Say(text):
            if conversation is None:
                raise RequestError("usage", tr("no conversation is open: /join a group or /msg somebody"))
            await client.submit(conversation, expand_emoji(text), reply_to=reply_to)
            return None
        case UsageError(message):
            raise RequestError("usage", message)
