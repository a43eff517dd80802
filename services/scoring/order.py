"""What a worker is told of a shard, as text."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ShardOrder(BaseModel):
    """`names` are those of the images that have no row yet, by their places in the shard; `package` is the package's
    digest; `journal` a file that both sides reach, None where they share no disk.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: str
    names: dict[int, str]
    package: str
    threads: int
    journal: str | None
