"""What people search for and what is found: folding, splitting into tokens, matching, snippets. Pure.

A message is indexed as its tokens: words, and where a script writes without spaces (or a character means a word by
itself) every pair of neighbours. A query term is split in the same way, so that the index offers every message that
may match; :meth:`Query.matches` decides, by looking for the term as it was written, whatever its signs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final
from unicodedata import normalize

from msgspec import Struct

from chat_server.store.errors import BadQuery

MOST_TERMS: Final = 32
"""Terms of a query."""

LONGEST_QUERY: Final = 1000
"""Characters of a query."""

SHORTEST_PREFIX: Final = 2
"""Letters before a ``*``: shorter ones would gather half of the index."""

_SNIPPET: Final = 80
_BEFORE_HIT: Final = 28
_HELP: Final = 'write what to look for: some words, "a phrase", or the beginning of a word: depl*'

# Thai, Lao, Myanmar, Hangul, Khmer, currency, arrows to symbols, CJK with kana, half-width kana, emoji, more CJK.
_PAIRED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u20a0-\u20cf\u2100-\u2bff\u2e80-\u2fdf\u3004-\u3007"
    "\u3012-\u3013\u3020-\u302f\u3031-\u303f\u3040-\u30fa\u30fc-\ua4cf\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\uff66-\uffdc\U0001b000-\U0001b2ff\U0001f000-\U0001faff\U00020000-\U0003ffff"
)
# The Indic scripts: their vowel signs are no letters to Python, but part of the word.
_MARKED: Final = "\u0900-\u0963\u0966-\u0df3"
_TOKEN: Final = re.compile(f"([{_PAIRED}]+)|(?:(?![{_PAIRED}])[^\\W_]|[{_MARKED}])+")
# Accents, Hebrew points, Arabic vowels, and what is not seen at all.
_UNSEEN: Final = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u064b-\u065f\u0670\u00ad\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff]+"
)
_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_TERM: Final = re.compile(r'"([^"]*)"?|(\S+)')


def folded(text: str) -> str:
    """``text`` as it is compared: no case, accents, widths or other forms of a sign; white space is one space."""
    if text.isascii():
        return _SPACE.sub(" ", text.lower())
    plain = normalize("NFKC", _UNSEEN.sub("", normalize("NFKD", text).casefold()))
    return _SPACE.sub(" ", plain)


def tokens(fold: str) -> list[str]:
    """The tokens of folded text, as they are indexed."""
    if fold.isascii():
        return _TOKEN_ASCII(fold)
    found: list[str] = []
    for match in _TOKEN.finditer(fold):
        run = match[0]
        if match[1] is None:
            found.append(run)
        else:
            # The last sign by itself, too: then each one begins a token, and is found by a search for a prefix.
            found += map("".join, pairwise(run))
            found.append(run[-1])
    return found


_TOKEN_ASCII: Final = re.compile("[a-z0-9]+").findall


class Term(Struct, frozen=True):
    """One thing that must be there: literally, and as these whole tokens; the last of them as a prefix if so marked."""

    literal: str
    tokens: tuple[str, ...]
    is_prefix: bool


class Query(Struct, frozen=True):
    """A search as it was understood."""

    terms: tuple[Term, ...]

    @property
    def is_indexed(self) -> bool:
        """Whether the index can help, that is, whether there is more than signs."""
        return any(term.tokens for term in self.terms)

    def matches(self, content: str) -> bool:
        """Whether every term is in ``content``."""
        fold = folded(content)
        if not all(term.literal in fold for term in self.terms):
            return False
        found = set(tokens(fold))
        return all(_has_tokens(term, found) for term in self.terms)


def _has_tokens(term: Term, found: set[str]) -> bool:
    if not term.tokens:
        return True
    *whole, last = term.tokens
    if not found.issuperset(whole):
        return False
    return last in found or (term.is_prefix and any(token.startswith(last) for token in found))


@lru_cache(maxsize=256)
def parse(query: str) -> Query:
    """Understand ``query``: terms are divided by white space, or quoted; a final ``*`` asks for a prefix.

    The last term may match as the beginning of a word without being asked to, since it may still be typed.

    Raises:
        BadQuery: there is nothing to look for, or too much.
    """
    if len(query) > LONGEST_QUERY:
        raise BadQuery(f"a search has at most {LONGEST_QUERY} characters")
    fold = folded(query)
    written = [(match[1], match[2]) for match in _TERM.finditer(fold)]
    terms = [
        _term(phrase if word is None else word, phrase is not None, at == len(written) - 1)
        for at, (phrase, word) in enumerate(written)
        if (phrase or word or "").strip()
    ]
    if not terms:
        raise BadQuery(_HELP)
    if len(terms) > MOST_TERMS:
        raise BadQuery(f"a search has at most {MOST_TERMS} terms")
    return Query(tuple(terms))


def _term(text: str, is_quoted: bool, is_last: bool) -> Term:
    text = text.strip()
    is_asked = not is_quoted and len(text) > 1 and text.endswith("*") and bool(_ends_in_token(text[:-1]))
    if is_asked:
        text = text[:-1]
    found = tokens(text)
    last = _ends_in_token(text)
    if last is not None and last[1] is not None:
        # What follows the last sign is not known, so it is looked for as a part of a pair.
        if len(last[0]) > 1:
            return Term(text, tuple(found[:-1]), False)
        return Term(text, tuple(found), True)
    if last is None:
        return Term(text, tuple(found), False)
    is_long = len(last[0]) >= SHORTEST_PREFIX
    if is_asked and not is_long:
        raise BadQuery(f"at least {SHORTEST_PREFIX} letters must stand before *")
    return Term(text, tuple(found), is_asked or (is_last and not is_quoted and is_long))


def _ends_in_token(text: str) -> re.Match[str] | None:
    found = list(_TOKEN.finditer(text))
    return found[-1] if found and found[-1].end() == len(text) else None


def snippet(content: str, query: Query) -> str:
    """About 80 characters of ``content`` around the first hit, on one line."""
    plain = _SPACE.sub(" ", content).strip()
    if len(plain) <= _SNIPPET:
        return plain
    start = max(0, _first_hit(plain, query) - _BEFORE_HIT)
    start = min(start, len(plain) - _SNIPPET)
    end = start + _SNIPPET
    if start and (space := plain.find(" ", start, start + _BEFORE_HIT // 2)) >= 0:
        start = space + 1
    if end < len(plain) and (space := plain.rfind(" ", end - _BEFORE_HIT // 2, end)) >= 0:
        end = space
    return f"{'…' if start else ''}{plain[start:end]}{'…' if end < len(plain) else ''}"


def _first_hit(plain: str, query: Query) -> int:
    """Where the first hit begins; a guess where folding changes lengths across characters."""
    fold = folded(plain)
    position = min((at for term in query.terms if (at := fold.find(term.literal)) >= 0), default=0)
    if len(fold) == len(plain):
        return position
    for at, character in enumerate(plain):
        position -= len(folded(character))
        if position < 0:
            return at
    return 0
