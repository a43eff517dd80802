"""What is told of a flow that has finished, out of the document that it ends with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.digest import OUTCOMES, outcome_of, tally
from tasks.notify import Notice, Told
from tocoad.watch.watched import OUTCOMES as WATCHED


def retrain_notice(result: Mapping[str, Any]) -> Notice:
    """Of the document of a retrain."""
    dataset, entries = result["dataset"], result["categories"]
    failed, waiting, alarms, changed = [], [], [], []
    links = {} if result["report"] is None else {"report": result["report"]}
    for name, entry in entries.items():
        verdict = (entry["decision"] or {}).get("verdict")
        told = _told(name, entry)
        if entry["error"] is not None:
            failed.append(told)
        elif verdict == "waiting":
            answer = f"tocoad approve {dataset} {name} [--reject] --reason TEXT"
            waiting.append(told.model_copy(update={"what": "waiting", "answer": answer}))
            if page := (entry.get("question") or {}).get("page"):
                links[f"answer {name}"] = page
        elif told.what != OUTCOMES[-1]:
            changed.append(told)
        if verdict == "rejected" and "champion" in entry["model"]["aliases"]:
            alarms.append(told.model_copy(update={"what": "the champion is below a floor"}))
    return Notice(
        flow="retrain",
        dataset=dataset,
        text=f"retrain {dataset}: {tally(entries, outcome_of, OUTCOMES)}",
        error=result["error"],
        failed=tuple(failed),
        waiting=tuple(waiting),
        alarms=tuple(alarms),
        changed=tuple(changed),
        warnings=tuple(result["warnings"]),
        links=links,
    )


def reevaluation_notice(result: Mapping[str, Any]) -> Notice:
    """Of the document of `reevaluate`."""
    dataset, there = result["dataset"], {name: entry for name, entry in result["categories"].items() if entry}
    failed, alarms, changed = [], [], []
    for name, entry in there.items():
        told = _told(name, entry)
        if entry["error"] is not None:
            failed.append(told)
            continue
        verdict = entry["decision"]["verdict"]
        if verdict == "rejected":
            alarms.append(told.model_copy(update={"what": "the champion is below a floor"}))
        changed += [told.model_copy(update={"what": "moved", "why": move}) for move in entry["moved"]]
        if entry["decision"]["anew"]:
            changed.append(told.model_copy(update={"what": verdict}))
    noun = "champion" if len(there) == 1 else "champions"
    counts = f"{len(failed)} failed, {len(alarms)} below a floor" if failed or alarms else "all hold"
    return Notice(
        flow="reevaluate",
        dataset=dataset,
        text=f"reevaluate {dataset}: {len(there)} {noun}: {counts}",
        error=result["error"],
        failed=tuple(failed),
        alarms=tuple(alarms),
        changed=tuple(changed),
        warnings=tuple(result["warnings"]),
    )


def move_notice(document: Mapping[str, Any]) -> Notice:
    """Of the document of `promote` or `rollback`."""
    action, name, old, new = document["action"], document["name"], document["from"], document["to"]
    dataset, _, category = name.partition(".")
    before = "as before" if old == new else f"before it {'none' if old is None else f'version {old}'}"
    moved = Told(category=category, what=action, version=new, why=document["reason"])
    return Notice(
        flow=action,
        dataset=dataset,
        text=f"{action} {name}: version {new} is champion, {before}",
        changed=() if old == new else (moved,),
        warnings=tuple(document["warnings"]),
    )


def answer_notice(document: Mapping[str, Any]) -> Notice:
    """Of the document of `approve`, whoever answered, and where."""
    action, name, version = document["action"], document["name"], document["version"]
    dataset, _, category = name.partition(".")
    told = Told(category=category, what=action, version=version, why=document["reason"])
    return Notice(
        flow="approve",
        dataset=dataset,
        text=f"{action} {name}: version {version}, by {document['by']}: {document['reason']}",
        changed=(told,),
        warnings=tuple(document["warnings"]),
    )


def watch_notice(result: Mapping[str, Any]) -> Notice:
    """Of the document of a watch: an alarm is told once, the looks after it that find the same are not."""
    dataset, entries = result["dataset"], result["categories"]
    alarms = [name for name, entry in entries.items() if entry["outcome"] == "alarm"]
    return Notice(
        flow="watch",
        dataset=dataset,
        text=f"watch {dataset}: {tally(entries, _outcome, WATCHED)}",
        error=result["error"],
        failed=tuple(_seen(name, entry) for name, entry in entries.items() if entry["outcome"] == "failed"),
        alarms=tuple(_seen(name, entries[name]) for name in alarms),
        warnings=tuple(result["warnings"]),
    )


def score_notice(result: Mapping[str, Any], dataset: str, category: str) -> Notice:
    """Of the document of `score`. Images that have no score need a person, as a category that failed does."""
    counts = f"{result['images']:,} images, {result['rejected']:,} above the threshold"
    scored = Told(category=category, what="scored", why=f"{counts}; {result['out']}")
    damaged, first = result["errors"], next(iter(result["first_errors"]), None)
    return Notice(
        flow="score",
        dataset=dataset,
        text=f"score {result['source']}: {counts}" + (f", {damaged:,} without a score" if damaged else ""),
        error=f"{first['image_path']}: {first['error']}" if first else None,
        changed=(scored,),
        warnings=tuple(result["warnings"]),
    )


def _seen(name: str, entry: Mapping[str, Any]) -> Told:
    return Told(category=name, what=entry["outcome"], version=entry["version"], why=entry["sentence"])


def _outcome(entry: Mapping[str, Any]) -> str:
    return str(entry["outcome"])


def _told(name: str, entry: Mapping[str, Any]) -> Told:
    reasons = (entry["decision"] or {}).get("reasons") or [None]
    return Told(
        category=name,
        what=outcome_of(entry),
        version=None if entry["model"] is None else entry["model"]["version"],
        why=entry["error"] or reasons[0],
    )
