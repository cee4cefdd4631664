"""One entry as rows: as wide as asked, with the text that was written, whatever others write."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.theme import BUILTIN_THEMES

from chat_client.core.state import Gap, Message, ReactionCount, SystemLine
from chat_client.core.text import Safe, printable, safe_line
from chat_client.tui.inline import find_links, find_spans, host_of
from chat_client.tui.looks import DARK, Looks
from chat_client.tui.widgets.layout import MAX_ROWS, Columns, Head, Laid, Note, Surroundings, estimate, lay_out

LOOKS = Looks.of(DARK, DARK.to_color_system().generate())
PLAIN = Looks.of(DARK, DARK.to_color_system().generate(), ascii_only=True)

wild = st.text(
    alphabet=st.one_of(
        st.sampled_from("ab \n\t.,:*`@#/[]()\\_-😀👍🏽\u200d\u202e\u0301\x1b\x9b\x07\x00你好한é\ufe0f\u200b\u2028"),
        st.characters(),
    ),
    max_size=120,
)
widths = st.integers(8, 130)


def message(content: str, **more: object) -> Message:
    """A message as the client's state holds it: its text has gone through the door."""
    fields: dict[str, object] = {"seq": 1, "message_id": "m", "sender": Safe("bob"), "sender_name": Safe("Bob")}
    return Message(content=printable(content), timestamp_ms=0, **(fields | more))  # type: ignore[arg-type]


def text_of(laid: Laid) -> list[str]:
    """The rows as text."""
    return [strip.text for strip in laid.rows]


@settings(deadline=None)
@given(wild, widths, st.booleans())
def test_every_row_is_exactly_as_wide_as_asked(content: str, width: int, ascii_only: bool) -> None:
    """Whatever is written, in every width, with everything around it: no row is a cell too long or too short."""
    reactions = (ReactionCount(printable(content[:8], multiline=False), (Safe("bob"),)),) if content else ()
    around = Surroundings(
        day=safe_line(content[:30]), new=3, clock="12:34", quote=(safe_line(content[:9]), safe_line(content)),
        is_selected=len(content) % 2 == 0, notes=(Note(content), Note(content, is_error=True)), me="ada",
    )  # fmt: skip
    sender = safe_line(content[:40]) or Safe("x")
    made = message(content, reactions=reactions, reply_to="r", sender=sender, status="failed", reason=sender)
    laid = lay_out(made, around, Columns.of(width, 5), PLAIN if ascii_only else LOOKS)
    assert {cell_len(row) for row in text_of(laid)} == {width}
    assert {strip.cell_length for strip in laid.rows} == {width}
    assert len(laid.body) == len(laid.rows)
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for row in text_of(laid) for character in row)


@settings(deadline=None)
@given(wild.filter(lambda text: text.strip()), widths)
def test_what_can_be_copied_is_what_was_written(content: str, width: int) -> None:
    """The bodies of the rows, joined as copying does, are the text as it is shown."""
    made = message(content)
    laid = lay_out(made, Surroundings(is_expanded=True), Columns.of(width, 5), LOOKS)
    copied = "".join(text + joint for column, text, joint in laid.body if column >= 0)
    assert copied == made.content.replace("\t", "    ")


@settings(deadline=None)
@given(st.text(alphabet="ab cdé你😀\n", max_size=400), st.integers(24, 130))
def test_the_guess_of_a_height_is_near(content: str, width: int) -> None:
    """Heights that were not laid out yet are within a factor of two, so that the scrollbar tells the truth."""
    columns = Columns.of(width, 5)
    exact = len(lay_out(message(content), Surroundings(), columns, LOOKS).rows)
    guess = estimate(message(content), columns)
    assert guess <= 2 * exact + 1
    assert exact <= 2 * guess + 1


def test_a_very_long_message_is_cut_until_it_is_asked_for() -> None:
    """Rows beyond the limit are told in one row, and are there when the message is unfolded."""
    long = message("\n".join(f"line {number}" for number in range(100)))
    cut = lay_out(long, Surroundings(), Columns.of(80, 5), LOOKS)
    assert cut.is_clipped
    assert len(cut.rows) == MAX_ROWS + 1
    assert "more characters: Enter or a click shows them" in text_of(cut)[-1]
    whole = lay_out(long, Surroundings(is_expanded=True), Columns.of(80, 5), LOOKS)
    assert not whole.is_clipped
    assert len(whole.rows) == 100


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (message("x", status="pending"), "…│ x"),
        (message("x", status="failed", reason=Safe("full")), "✗ not sent: full · /retry or /discard"),
        (message("", deleted=True), "message deleted"),
        (message("x", edited_at_ms=1), "x (edited)"),
        (message("x", reactions=(ReactionCount(Safe("👍"), (Safe("bob"), Safe("eve"))),)), "👍 2"),
        (message("x", reactions=(ReactionCount(Safe("👍"), (Safe("ada"),)),)), "[👍 1]"),
        (message("x", mentions_me=True), " ┃ x"),
        (Gap(1, 9, "limit"), "up to 9 more here, not loaded yet"),
        (SystemLine(1, "s", Safe("joined"), Safe("eve"), Safe("eve joined"), 0), "→ │ eve joined"),
        (Head("Beginning.", is_start=True), " Beginning."),
    ],
)
def test_what_a_state_looks_like(made: Message | Gap | SystemLine | Head, expected: str) -> None:
    """Each state of an entry can be told by its signs, without colours."""
    assert any(expected in row for row in text_of(lay_out(made, Surroundings(me="ada"), Columns.of(80, 5), LOOKS)))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (message("x", status="pending"), "… x"),
        (message("x", status="failed"), "✗ x"),
        (message("x", mentions_me=True), "┃ x"),
        (SystemLine(1, "s", Safe("joined"), Safe("eve"), Safe("eve joined"), 0), "→ eve joined"),
    ],
)
def test_signs_stand_apart_from_the_text_where_there_is_no_column_for_names(
    made: Message | SystemLine, expected: str
) -> None:
    """On a narrow screen a sign is never read as the first letter; a chosen entry has the cursor besides."""
    columns = Columns.of(30, 5)
    assert any(row.startswith(expected) for row in text_of(lay_out(made, Surroundings(me="ada"), columns, LOOKS)))
    chosen = text_of(lay_out(made, Surroundings(me="ada", is_selected=True), columns, LOOKS))
    assert any(row.startswith(f"{LOOKS.glyphs.cursor}{expected.replace(' ', '', 1)}") for row in chosen)


def test_markup_and_links() -> None:
    """Markup of any kind is text; links are found without the punctuation around them, and only harmless ones."""
    text = "[red]x[/red] [@click=app.quit]y[/] see (https://a.example/b_(c)), javascript:alert(1) file:///etc/passwd"
    assert text_of(lay_out(message(text), Surroundings(), Columns.of(130, 5), LOOKS))[0].rstrip().endswith(text)
    assert find_links(text) == ["https://a.example/b_(c)"]
    assert find_links("mailto:a@b.example. HTTPS://x.example!") == ["mailto:a@b.example", "https://x.example"]


def test_what_is_chosen_is_one_block_in_the_colours_of_the_terminal() -> None:
    """Reversed names and links would be blocks of their own colours; a link is still one."""
    theme = BUILTIN_THEMES["ansi-dark"]
    looks = Looks.of(theme, theme.to_color_system().generate())
    laid = lay_out(message("see https://a.example"), Surroundings(is_selected=True), Columns.of(80, 5), looks)
    [row] = laid.rows
    styles = [segment.style for segment in row if segment.style is not None]
    assert {(style.reverse, style.color, style.bgcolor) for style in styles} == {(True, None, None)}
    assert [style.meta for style in styles if style.link] == [{"open": "https://a.example"}]


@pytest.mark.parametrize("sign", ["❤\ufe0f", "⚠\ufe0f", "☺\ufe0f", "🌡\ufe0f"])
def test_a_sign_with_a_selector_is_as_wide_everywhere(sign: str) -> None:
    """Terminals do not agree on its width; drawn without the selector and with a space they do. Copied it is whole."""
    made = message(f"I {sign} it", reactions=(ReactionCount(Safe(sign), (Safe("bob"),)),))
    laid = lay_out(made, Surroundings(), Columns.of(80, 5), LOOKS)
    assert text_of(laid)[0].rstrip().endswith(f"I {sign[0]}  it")
    assert f"{sign[0]}  1" in text_of(laid)[1]
    assert {strip.cell_length for strip in laid.rows} == {80}
    assert laid.body[0][1] == f"I {sign} it"


@pytest.mark.parametrize("sign", ["👍", "⭕\ufe0f", "1\ufe0f\u20e3", "🏳\ufe0f\u200d🌈"])
def test_other_signs_are_drawn_as_they_are(sign: str) -> None:
    """Where the selector changes no width, or is not all of it, nothing is changed."""
    assert text_of(lay_out(message(sign), Surroundings(), Columns.of(80, 5), LOOKS))[0].rstrip().endswith(sign)


def test_a_link_over_several_rows_is_one_link() -> None:
    """A terminal that shows where a link is finds all its rows: they have the same id; another link has another."""
    url = f"https://a.example/{'x' * 120}"
    laid = lay_out(message(f"see {url} and https://b.example"), Surroundings(), Columns.of(60, 5), LOOKS)
    styles = [segment.style for row in laid.rows for segment in row if segment.style is not None and segment.style.link]
    assert all(style.underline for style in styles)
    ids = {link: {style.link_id for style in styles if style.link == link} for link in (url, "https://b.example")}
    assert len([style for style in styles if style.link == url]) >= 3
    assert [len(found) for found in ids.values()] == [1, 1]
    assert not ids[url] & ids["https://b.example"]


@settings(deadline=None)
@given(wild)
def test_spans_are_ascending_and_disjoint(content: str) -> None:
    """What stands out in a text never overlaps, and a link holds plain ASCII alone."""
    text = printable(content)
    spans = find_spans(text, "ada", ("bob",))
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(first.end <= second.start for first, second in pairwise(spans))
    assert all(span.link.isascii() and span.link.isprintable() for span in spans)


@pytest.mark.parametrize(
    ("text", "link", "host"),
    [
        ("https://bank.example@evil.example/x", "https://bank.example@evil.example/x", "evil.example"),
        ("https://bank.example:443@evil.example", "https://bank.example:443@evil.example", "evil.example"),
        ("https://b\u0430nk.example/\u0430", "https://xn--bnk-6cd.example/%D0%B0", "xn--bnk-6cd.example"),
        ("HTTP://EVIL\u3002example:8080?q", "http://evil.example:8080?q", "evil.example"),
        ("mailto:ada@evil.example", "mailto:ada@evil.example", "evil.example"),
    ],
)
def test_a_link_tells_where_it_leads(text: str, link: str, host: str) -> None:
    """Neither a name in front of the host nor letters that look alike hide it."""
    assert find_links(text) == [link]
    assert host_of(link) == host


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "ssh://host",
        "https://",
        "https://@/",
        "https://bank.example\u2100evil.example",
        "https://x.example:99999/",
        "https://" + "a" * 64 + ".example",
        "https://%65vil.example",
    ],
)
def test_what_is_no_address_leads_nowhere(text: str) -> None:
    """Other schemes, and hosts that a browser could read in another way than we do."""
    assert find_links(text) == []
