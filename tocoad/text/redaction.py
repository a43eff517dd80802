"""What we print, write and send to a service holds no password, whatever address or setting it came from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

MASK = "***"

# Up to the last `@`: a password may hold one.
_USER_INFO = re.compile(r"(?<=://)[^/\s'\"<>]*@")
_SECRET_NAME = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|KEY|KEY_ID|AUTH_STRING|WEBHOOK)$")
# A shorter one would be found in words that are none.
_SHORTEST = 6


def redacted(text: str) -> str:
    """The text with `***` for the user and password of any URL in it, and for the environment's secrets.

    >>> redacted("no answer from http://ops:hunter2@mlflow.example:5000/api")
    'no answer from http://***@mlflow.example:5000/api'
    """
    text = without_logins(text)
    for secret in sorted(set(_secrets()), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def without_logins(text: str) -> str:
    """The text with `***` for the user and password of any URL in it alone: for what is read back by a program, where a
    word that happens to be a secret too must stay.
    """
    return _USER_INFO.sub(f"{MASK}@", text)


def _secrets() -> Iterator[str]:
    """Passwords as they stand in the environment, by a variable's name or as part of a URL in it."""
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name.upper()):
            found = value
        else:
            # Not by `urlsplit`: a password that holds a `/` or `@`, unquoted, is a secret all the same.
            found = value.partition("://")[2].rpartition("@")[0].partition(":")[2]
        if len(found) >= _SHORTEST:
            yield found
