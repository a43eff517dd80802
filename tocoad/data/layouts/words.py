"""What folders are called in which good or defective images lie, whatever the letter case and what parts the words."""

from __future__ import annotations

import re

_GOOD = re.compile(
    r"(good|goods|ok|okay|io|normal|normals|pass|passed|healthy|flawless|intact)(parts?|images?)?"
    r"|(no|non|not)(defects?|defective|anomaly|anomalies|faults?|faulty)|(defect|fault|anomaly)free"
)
_DEFECTIVE = re.compile(
    r"(bad|ko|nok|ng|nio|notok|notgood|defects?|defectives?|anomaly|anomalies|anomalous|abnormal|faults?|faulty|fail|failed"
    r"|rejects?|rejected)(parts?|images?)?"
)


def means_good(name: str) -> bool:
    return _GOOD.fullmatch(_plain(name)) is not None


def means_defective(name: str) -> bool:
    return _DEFECTIVE.fullmatch(_plain(name)) is not None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()
