from __future__ import annotations

import json
import os

from hypothesis import given
from hypothesis import strategies as st

from tocoad.text.printable import encodable, markdown, printable, printable_lines

names = st.binary(max_size=40).map(os.fsdecode)


def test_what_could_break_a_line_or_command_a_terminal_is_escaped() -> None:
    assert printable("a\nb") == r"a\nb"
    assert printable("\x1b[31mred") == r"\x1b[31mred"
    assert printable(os.fsdecode(b"a\xff.png")) == r"a\xff.png"
    assert printable("right\u202eleft") == r"right\u202eleft"


def test_what_a_person_can_read_stays() -> None:
    for name in ("teil_ü.png", "[red]part[/]", "部品\u3000一", ":smile: \\n"):
        assert printable(name) == name


def test_the_lines_of_a_message_stay() -> None:
    assert printable_lines("one\ntwo\x1b") == "one\ntwo\\x1b"


@given(names)
def test_every_name_becomes_one_line_that_every_encoding_and_reader_takes(name: str) -> None:
    assert len(printable(name).splitlines()) <= 1
    printable(name).encode()
    assert json.loads(json.dumps(encodable(name)).encode()) == encodable(name)
    encodable(name).encode()


def test_a_page_of_markdown_shows_a_name_as_it_is() -> None:
    assert markdown("no images") == "no images"
    assert markdown("[red](x)<b>.png: *bad*") == r"\[red\](x)\<b\>.png: \*bad\*"
