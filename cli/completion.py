"""`tocoad completion`: what a shell must know to complete the commands."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from cli.command import Subparsers, add_command, path

# By an argument's own name, wherever it stands.
_DATASETS = ("name",)
_CATEGORIES = ("category", "categories", "reviewed")
_FILES = ("model", "models", "source")

# A workspace is found as `cli.workspace` finds it, and names are those that `tocoad.files.workspace` takes.
_BASH = """\
_tocoad_names() {
  local root=$PWD entry
  while [ ! -f "$root/params.yaml" ] || [ ! -f "$root/dvc.yaml" ]; do
    [ -n "$root" ] || return 0
    root=${root%/*}
  done
  for entry in "$root/data/$1"/*/ "$root/data/$1"/*.dvc; do
    entry=${entry%/} entry=${entry##*/} entry=${entry%.dvc}
    case $entry in *[!A-Za-z0-9_-]*) ;; *) echo "$entry" ;; esac
  done
}
_tocoad_datasets() {
  compgen -W "$(_tocoad_names "" | sort -u)" -- "$1"
}
_tocoad_categories() {
  local word dataset
  for word in "${COMP_WORDS[@]:2}"; do
    for dataset in $(_tocoad_names ""); do
      if [ "$word" = "$dataset" ]; then
        compgen -W "$(_tocoad_names "$word")" -- "$1"
        return
      fi
    done
  done
}
"""
_ZSH = """\
_tocoad_root() {
  local root=$PWD
  while [[ ! -f $root/params.yaml || ! -f $root/dvc.yaml ]]; do
    [[ -n $root ]] || return 1
    root=${root%/*}
  done
  print -r -- $root
}
_tocoad_datasets() {
  local root
  root=$(_tocoad_root) || return 0
  local -aU names=($root/data/*(N/:t) $root/data/*.dvc(N.:t:r))
  compadd -a names
}
_tocoad_categories() {
  local root word
  root=$(_tocoad_root) || return 0
  for word in $words; do
    if [[ -n $word && $word != */* && -d $root/data/$word ]]; then
      local -a names=($root/data/$word/*(N/:t))
      compadd -a names
      return
    fi
  done
}
"""
_PREAMBLES = {"bash": _BASH, "zsh": _ZSH}
_SHELLS = ("bash", "zsh", "tcsh")


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "completion",
        _completion,
        "print what lets a shell complete commands, options, data sets and categories",
        "tocoad completion bash > ~/.local/share/bash-completion/completions/tocoad",
    )
    command.add_argument("shell", choices=_SHELLS, help="what is printed is put where it reads such files")


def _completion(options: argparse.Namespace) -> int:
    import shtab

    from cli.main import parser

    top = parser()
    kinds: Mapping[str, Any] = {
        "datasets": {"bash": "_tocoad_datasets", "zsh": "_tocoad_datasets", "tcsh": "`ls data`"},
        "categories": {"bash": "_tocoad_categories", "zsh": "_tocoad_categories"},
        "files": shtab.FILE,
    }
    for argument in _arguments(top):
        if (kind := _kind(argument)) is not None:
            argument.complete = kinds[kind]  # type: ignore[attr-defined]  # where shtab looks for it
    print(shtab.complete(top, options.shell, preamble=_PREAMBLES.get(options.shell, "")))
    return 0


def _kind(argument: argparse.Action) -> str | None:
    if argument.dest in _DATASETS:
        return "datasets"
    if argument.dest in _CATEGORIES:
        return "categories"
    return "files" if argument.type is path or argument.dest in _FILES else None


def _arguments(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _arguments(command)
        else:
            yield action
