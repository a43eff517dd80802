"""The reference of the commands, `docs/reference/commands.md`, from the parser that reads them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

_WIDTH = 84
_HEAD = """\
# Commands

<!-- generated: python -m infra.docs reference -->

What `tocoad COMMAND --help` says, of all commands. They are typed in a [workspace](../explanation/glossary.md#work).
Exit code 0: all is well; 1: something failed; 2: the command or a setting is wrong; 130 and 143: Ctrl-C and SIGTERM.
With `--json` one document stands on standard output, and all else goes to standard error. `--debug`, which all have,
shows the traceback of an error and the logs of the services.
"""


def commands_page(parser: argparse.ArgumentParser) -> str:
    commands = list(_commands(parser))
    listed = "".join(f"| [`{command.prog}`](#{_anchor(command.prog)}) | {_about(command)} |\n" for command in commands)
    return f"{_HEAD}\n| command | does |\n|---|---|\n{listed}" + "".join(map(_section, commands))


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Those that do something, in the order of the help. One that has others below it does what its default does."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if parser.get_default("run") is not None:
        yield parser
    for action in below:
        for inner in action.choices.values():
            yield from _commands(inner)


def _section(command: argparse.ArgumentParser) -> str:
    own = [action for action in command._actions if action.dest not in ("help", "debug") and _is_argument(action)]
    rows = "".join(f"| {_cell(f'`{_name(action)}`')} | {_cell(_help(command, action))} |\n" for action in own)
    table = f"\n| argument | |\n|---|---|\n{rows}" if rows else ""
    usage = _wrapped(command.prog, list(map(_use, own)))
    example = (command.epilog or "").removeprefix("example:\n")
    return (
        f"\n## {command.prog}\n\n{_about(command)}\n\n```text\n{usage}\n```\n{table}\n"
        f"For example\n\n```text\n{_stripped(example)}\n```\n"
    )


def _wrapped(name: str, uses: list[str]) -> str:
    """A use is not broken where a line ends."""
    lines = [name]
    for use in uses:
        if len(lines[-1]) + len(use) >= _WIDTH:
            lines.append("   ")
        lines[-1] += f" {use}"
    return "\n".join(lines)


def _is_argument(action: argparse.Action) -> bool:
    return not isinstance(action, argparse._SubParsersAction) and action.help is not argparse.SUPPRESS


def _about(command: argparse.ArgumentParser) -> str:
    return " ".join((command.description or "").split())


def _use(action: argparse.Action) -> str:
    name = _name(action)
    return name if action.required else f"[{name}]"


def _name(action: argparse.Action) -> str:
    """An option with what follows it, or a place with its name: `--set KEY=VALUE ...`."""
    value = _value(action)
    if not action.option_strings:
        return value
    return " ".join(filter(None, [action.option_strings[-1], value]))


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    return f"{name} ..." if action.nargs in ("*", "+") else name


def _help(command: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = command._get_formatter()._expand_help(action) if action.help else ""
    return f"{text}; one of {', '.join(f'`{choice}`' for choice in action.choices)}" if action.choices else text


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _stripped(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")
