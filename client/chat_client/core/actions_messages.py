"""Commands about messages."""

import time

from chat_client.core.answers import SearchPage
from chat_client.core.client import ChatClient
from chat_client.core.errors import RequestError
from chat_client.core.language import mark, tr
from chat_client.core.query import Query, parse_query
from chat_client.core.results import Listing, Opened, Result, Row, Told
from chat_client.core.standing import in_order, recipient_detail, state_word, summary
from chat_client.core.state import Message
from chat_client.core.table import Argument, Arguments, command
from chat_client.core.text import Safe, safe_line
from chat_client.core.wording import expand_emoji

__all__ = ["search_note"]

WHICH = Argument("message", "message", required=False)
TEXT = Argument("text", "text", rest=True)


def _here(conversation: str | None) -> str:
    if conversation is None:
        raise RequestError("usage", tr("no conversation is open"))
    return conversation


def find_message(client: ChatClient, conversation: str | None, reference: str, *, mine: bool) -> Message:
    """Return the message that ``^42`` names; ``^`` or nothing: the newest one, of the user's own where ``mine``."""
    entry = client.state.conversations.get(_here(conversation))
    number = reference.removeprefix("^")
    if entry is not None and number:
        line = entry.timeline.by_seq(int(number))
        if isinstance(line, Message):
            return line
        raise RequestError(
            "not_found",
            tr("there is no message {number} on this device: scroll up to load older ones").format(number=number),
        )
    for line in reversed(entry.timeline) if entry is not None else ():
        if isinstance(line, Message) and not line.deleted and (line.mine or not mine):
            return line
    raise RequestError(
        "not_found", tr("there is no message of yours here yet") if mine else tr("there is no message here yet")
    )


@command("me", TEXT, summary=mark("Say what you are doing, as *text*."), topic="messages")
async def _me(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.submit(_here(conversation), f"*{expand_emoji(arguments['text'])}*")
    return None


@command("reply", WHICH, TEXT, summary=mark("Answer a message; ^42 names it, else the newest."), topic="messages")
async def _reply(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    target = find_message(client, conversation, arguments["message"], mine=False)
    await client.submit(_here(conversation), expand_emoji(arguments["text"]), reply_to=target.message_id)
    return None


@command("edit", WHICH, TEXT, summary=mark("Change your message; ^42 names it, else your newest."), topic="messages")
async def _edit(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    target = find_message(client, conversation, arguments["message"], mine=True)
    await client.edit(_here(conversation), target.message_id, expand_emoji(arguments["text"]))
    return None


@command("delete", WHICH, summary=mark("Erase a message; ^42 names it, else your newest."), topic="messages",
         aliases=("del",))  # fmt: skip
async def _delete(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    target = find_message(client, conversation, arguments["message"], mine=True)
    await client.delete(_here(conversation), target.message_id)
    return None


@command(
    "react",
    WHICH,
    Argument("emoji", "emoji"),
    summary=mark("React to a message, or take it back; ^42 names it, else the newest."),
    topic="messages",
)
async def _react(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    target = find_message(client, conversation, arguments["message"], mine=False)
    emoji = expand_emoji(arguments["emoji"])
    removed = any(count.emoji == emoji and client.state.me in count.users for count in target.reactions)
    await client.react(_here(conversation), target.message_id, emoji, removed=removed)
    return None


@command("retry", summary=mark("Send the messages that failed here again."), topic="messages")
async def _retry(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    entry = client.state.conversations.get(_here(conversation))
    failed = [message for message in entry.timeline.pending if message.status == "failed"] if entry else []
    if not failed:
        raise RequestError("not_found", tr("no message failed here"))
    for message in failed:
        await client.retry(message.message_id)
    return None


@command("discard", summary=mark("Throw away the messages that failed here."), topic="messages")
async def _discard(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    entry = client.state.conversations.get(_here(conversation))
    failed = [message for message in entry.timeline.pending if message.status == "failed"] if entry else []
    if not failed:
        raise RequestError("not_found", tr("no message failed here"))
    for message in failed:
        await client.discard(message.message_id)
    return None


@command(
    "search",
    Argument("query", "text", rest=True),
    summary=mark("Find messages; in:#group from:@user before:DATE after:DATE has:link and a quoted phrase narrow it."),
    topic="messages",
    aliases=("find",),
)
async def _search(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    query = parse_query(arguments["query"], time.time_ns() // 1_000_000)
    page = await client.find(query)
    rows = tuple(
        Row(
            (safe_line(hit.conversation), hit.message.sender_name, Safe(hit.snippet.replace("\n", " "))),
            hit.conversation,
            hit.message.seq,
        )
        for hit in page.hits
    )
    title = safe_line(
        tr("{count} found: {query}").format(count=f"{len(rows)}{'+' if page.before else ''}", query=arguments["query"])
    )
    return Listing(title, (tr("where"), tr("who"), tr("text")), rows, search_note(page, query))


def search_note(page: SearchPage, query: Query) -> Safe:
    """Return what the user has to know about where was searched; empty: everywhere."""
    if page.local and query.text:
        return tr("only what this device holds was searched: there is no connection")
    if page.local:
        return tr("only what this device holds was searched: the server looks for words, add one")
    return Safe("") if page.hits else tr("nothing was found")


@command(
    "goto",
    Argument("message", "message"),
    summary=mark("Show the message with a number (^42) and what stands around it."),
    topic="messages",
)
async def _goto(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    name = _here(conversation)
    seq = int(arguments["message"].removeprefix("^") or 0)
    if not seq or not await client.load_around(name, seq):
        raise RequestError("not_found", tr("there is no message {seq} in {name}").format(seq=seq, name=name))
    return Opened(name, seq)


@command("read", Argument("all", "word", required=False, choices=("all",)),
         summary=mark("Mark this conversation, or all, as read."), topic="messages")  # fmt: skip
async def _read(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    names = list(client.state.conversations) if arguments["all"] else [_here(conversation)]
    for name in names:
        client.mark_read(name)
    return Told(tr("everything is read") if arguments["all"] else safe_line(tr("{name} is read").format(name=names[0])))


@command("receipts", WHICH, summary=mark("Show how far your message got at each recipient."), topic="messages",
         aliases=("why",))  # fmt: skip
async def _receipts(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    target = find_message(client, conversation, arguments["message"], mine=True)
    if target.status != "sent":
        is_online = client.state.link.status == "online"
        text = target.reason or (tr("on its way") if is_online else tr("it waits for a connection"))
        status = tr("failed") if target.status == "failed" else tr("pending")
        return Told(safe_line(tr("{what}: {detail}").format(what=status, detail=text)))
    found = await client.receipts(_here(conversation), target.message_id)
    rows = tuple(
        Row((safe_line(f"@{each.user}"), state_word(each), recipient_detail(each))) for each in in_order(found)
    )
    title = safe_line(tr("{what}: {detail}").format(what=summary(found), detail=target.content[:40]))
    return Listing(title, (tr("user"), tr("state"), tr("detail")), rows)
