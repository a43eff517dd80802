"""What pydantic found wrong in a file of settings, in one line."""

from __future__ import annotations

import difflib
from typing import get_args, get_origin

from pydantic import BaseModel, ValidationError

from tocoad.errors import SettingsError
from tocoad.settings.sections import Settings


def explain(error: ValidationError, whole: type[BaseModel] = Settings) -> str:
    """The first problem, with the nearest known name for an unknown key; `whole` is the model of the file."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"]) or "the file"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(whole, problem["loc"][:-1])
        near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return f"unknown key {where!r}; {hint}"
    message = problem["msg"].removeprefix("Value error, ")
    # What refuses with an error of ours has said of the value what may be said: it may hold a key.
    told = isinstance(problem["input"], dict) or isinstance(problem.get("ctx", {}).get("error"), SettingsError)
    given = "" if told else f" (it is {problem['input']!r})"
    return f"{where}: {message[0].lower()}{message[1:]}{given}"


def _known_keys(whole: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    model, parts = whole, iter(path)
    for part in parts:
        annotation = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        if get_origin(annotation) is dict:  # of sections, by names of their own
            next(parts, None)
            annotation = get_args(annotation)[1]
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return list(model.model_fields)
        model = annotation
    return list(model.model_fields)
