"""Keep the catalogues of the clients' texts: collect, merge, compile. ``make catalogue`` runs it.

What is given to ``tr``, ``tr_n`` and ``mark`` in the clients is collected from the source; a text that is new comes
into each ``.po`` without a translation, one that is gone leaves it. The compiled ``.mo`` stands in the repository, so
that an installation needs nothing to make it. tests/meta/test_catalogue.py tells what is missing.
"""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from chat_client.core.language import DOMAIN, LOCALE_DIRECTORY

SOURCE: Final = LOCALE_DIRECTORY.parent
MARKERS: Final = {"tr": 1, "mark": 1, "tr_n": 2}
"""Functions whose first arguments are texts, with how many of them are."""
LANGUAGES: Final = ("zh",)
WIDTH: Final = 100


def marked(tree: ast.AST) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line and texts of each call of a marker.

    Raises:
        ValueError: What is given is no literal, so that it could not be translated.
    """
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in MARKERS:
            continue
        given = node.args[: MARKERS[node.func.id]]
        texts = tuple(each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str))
        if len(texts) == MARKERS[node.func.id]:
            yield node.lineno, texts
        elif node.func.id != "tr":  # tr of something else shows a text that was marked where it was made
            raise ValueError(f"line {node.lineno}: {node.func.id} of something that is no literal text")


def template() -> Catalog:
    """All texts of the clients, with the files in which they stand."""
    catalog = Catalog(domain=DOMAIN, fuzzy=False)
    for path in sorted(SOURCE.rglob("*.py")):
        for _, texts in marked(ast.parse(path.read_text(encoding="utf-8"))):
            message = texts if len(texts) > 1 else texts[0]
            place = str(path.relative_to(SOURCE))
            known = catalog.get(texts[0])
            if known is None or place not in [name for name, _ in known.locations]:
                catalog.add(message, locations=[(place, 0)])
    return catalog


def po_path(language: str) -> Path:
    """Where the translations into a language are written."""
    return LOCALE_DIRECTORY / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str) -> Catalog:
    """The translations into a language, as they are written now."""
    with po_path(language).open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def merged(language: str) -> Catalog:
    """The translations with the texts of today: what is new is empty, what is gone is left out."""
    catalog = read(language)
    made_at = catalog.creation_date
    catalog.update(template(), no_fuzzy_matching=True, update_creation_date=False)
    catalog.creation_date = made_at
    catalog.obsolete.clear()
    for message in catalog:
        message.flags.discard("python-brace-format")
    return catalog


def written(catalog: Catalog) -> bytes:
    """A catalogue as its ``.po``."""
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=WIDTH, sort_output=True, include_lineno=False, ignore_obsolete=True)
    return buffer.getvalue()


def compiled(catalog: Catalog) -> bytes:
    """A catalogue as its ``.mo``."""
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def main() -> int:
    """Write the catalogues and tell what is missing in them; the exit status is 1 if anything is."""
    missing = 0
    for language in LANGUAGES:
        catalog = merged(language)
        po_path(language).write_bytes(written(catalog))
        po_path(language).with_suffix(".mo").write_bytes(compiled(catalog))
        for message in catalog:
            found = message.string if isinstance(message.string, list | tuple) else [message.string]
            if message.id and (message.fuzzy or not all(found)):
                missing += 1
                print(f"{language}: no translation of {message.id!r}")
    return min(missing, 1)


if __name__ == "__main__":
    sys.exit(main())
