"""What Ray's workers may import: what this process's installation and PYTHONPATH have, and nothing that lies about."""

from __future__ import annotations

from ray.job_config import JobConfig


class ForeignFoldersLeftOut(JobConfig):
    """Ray puts the driver's current folder, and that of its script, before all else on the workers' path: an older copy
    of this software in a workspace, or a user's `types.py`, would be imported there and not here.
    """

    @property
    def _py_driver_sys_path(self) -> list[str]:
        """Always empty: what Ray adds to it is lost."""
        return []

    @_py_driver_sys_path.setter
    def _py_driver_sys_path(self, folders: list[str]) -> None:
        pass
