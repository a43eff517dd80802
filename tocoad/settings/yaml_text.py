"""YAML files that a person writes: read with one line that says what is wrong, written with their comments."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from tocoad.errors import SettingsError


def text_of(file: Path) -> str:
    """Raises FileNotFoundError, or SettingsError for what is no text."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file.name}: not a text in UTF-8 ({error})") from None


def parsed(text: str, name: str, *, commented: bool = False) -> dict[str, Any]:
    """The mapping in the text. Where it is to be written again, `commented`: that takes ten times as long."""
    from ruamel.yaml.error import YAMLError

    try:
        document = (commented_yaml() if commented else _plain_yaml()).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        raise SettingsError(f"{name}{line}: not valid YAML: {reason}") from None
    except ValueError as error:
        raise SettingsError(f"{name}: not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise SettingsError(f"{name}: a mapping of sections is expected")
    return document


def written(document: dict[str, Any]) -> str:
    """The text of a `commented` document."""
    text = StringIO()
    commented_yaml().dump(document, text)
    return text.getvalue()


def commented_yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.preserve_quotes = True
    return yaml


def _plain_yaml() -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe")
