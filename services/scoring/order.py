"""What a worker is told of a shard, as text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class ShardOrder:
    """`names` are those of the images that have no row yet, by their places in the shard; `package` is the package's
    digest; `journal` a file that both sides reach, None where they share no disk.
    """

    place: str
    names: dict[int, str]
    package: str
    threads: int
    journal: str | None

    def text(self) -> str:
        """ASCII, as a file's name may be no text; pydantic writes none of such."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> ShardOrder:
        told = json.loads(text)
        return cls(**{**told, "names": {int(place): name for place, name in told["names"].items()}})
