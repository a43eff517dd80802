"""Text of users - names of files, categories and types - as one printable line, whatever bytes are in it."""

from __future__ import annotations

import re
import unicodedata

_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~#&]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def printable(text: str) -> str:
    """Line breaks, control characters and bytes that are no text are escaped, so that a name can neither break a line
    nor command a terminal.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or unicodedata.category(c) == "Zs" else _escaped(c) for c in text)


def printable_lines(text: str) -> str:
    """The same for a message of several lines, which stay."""
    return "\n".join(map(printable, text.split("\n")))


def encodable(text: str) -> str:
    """With nothing but the bytes that are no text escaped: what JSON can hold, and every reader of it takes."""
    return _SURROGATES.sub(lambda found: _escaped(found[0]), text)


def markdown(text: str) -> str:
    """For a page that renders Markdown: shown as it is written, with no link, no emphasis and no tag in it."""
    return _MARKDOWN.sub(r"\\\g<0>", printable_lines(text))


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python carries the byte of a name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
