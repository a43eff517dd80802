"""JSON documents that carry their own digest: one that was cut or altered is noticed when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

SEAL = "sha256"


def seal(document: Mapping[str, Any], indent: int | None = 1) -> str:
    """The document as text, with the digest of the rest as its last key; without an indent in one line."""
    return json.dumps({**document, SEAL: _digest(document)}, indent=indent) + "\n"


def unseal(text: bytes) -> dict[str, Any]:
    """The document without its digest. Raises ValueError where it is not the one that was sealed."""
    document = json.loads(text)
    if not isinstance(document, dict) or document.pop(SEAL, None) != _digest(document):
        raise ValueError("cut or altered")
    return document


def unseal_if_sealed(text: bytes) -> dict[str, Any]:
    """As `unseal`; what versions before the seal wrote is taken as it is. Raises ValueError."""
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("not a document")
    return unseal(text) if SEAL in document else document


def _digest(document: Mapping[str, Any]) -> str:
    """Of the content, not of the layout: numbers read back as they were written."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
