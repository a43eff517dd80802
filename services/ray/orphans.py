"""What a job of several workers leaves of itself in Ray where its leading process is killed: places that stay reserved,
for all jobs to come, until the flow ends.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast


def clear_orphans() -> None:
    """Gives back the places of this flow's jobs whose process is gone. Ray itself knows that it is, and keeps them."""
    import ray
    from ray._private.state import state
    from ray.core.generated import gcs_pb2
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    mine = ray.get_runtime_context().get_job_id()
    accessor: Any = state._connect_and_get_accessor()
    row: Any = cast(Any, gcs_pb2).PlacementGroupTableData
    for line in accessor.get_placement_group_table():
        group = row.FromString(line)
        lost = group.creator_actor_dead and group.state != row.REMOVED
        if lost and group.creator_job_id.hex() == mine:
            with suppress(Exception):  # another may have done it
                remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))
