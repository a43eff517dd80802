"""An address that is told of finished flows. It stands in a file that git tracks: no key in it, nor in a refusal."""

from __future__ import annotations

from urllib.parse import urlsplit

from tocoad.errors import SettingsError

WEBHOOK_VARIABLE = "TOCOAD_NOTIFY_WEBHOOK"
"""Has the whole address where a part of it is a secret."""


def checked_webhook(text: str) -> str:
    """The same.

    Raises:
        SettingsError: it is no address, or holds a user or a query.
    """
    if "@" in urlsplit(webhook_address(text)).netloc or "?" in text:
        raise SettingsError(
            f"the webhook holds a user or a query, which git would keep: put the whole address into {WEBHOOK_VARIABLE}"
        )
    return text


def webhook_address(text: str) -> str:
    """The same, which may hold a key.

    Raises:
        SettingsError: it is no address of a web server.
    """
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or not text.isprintable() or " " in text:
        raise SettingsError("a webhook is an address that begins with https:// or http:// and a host")
    return text
