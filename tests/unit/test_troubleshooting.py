"""The page of messages explains those that there are."""

from __future__ import annotations

import re

from tests.helpers.guide import wildcard
from tests.helpers.messages import texts_of_the_code
from tests.helpers.project import PROJECT

PAGE = (PROJECT / "docs/guide/troubleshooting.md").read_text(encoding="utf-8")


def test_every_message_that_is_explained_is_one_of_ours() -> None:
    texts = "\n".join(texts_of_the_code(PROJECT))
    messages = re.findall(r"^\| `(.+?)` \|", PAGE, re.MULTILINE)
    assert len(messages) > 50 and [text for text in messages if not re.search(wildcard(text), texts)] == []
