"""The store through which a cluster's nodes get what they work on, and give back what they made."""

from __future__ import annotations

from services.dvc.remote import configured_remote
from services.ray.order import StoreAddress
from tocoad.errors import SettingsError
from tocoad.files.remote_url import S3, checked_url
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import RaySettings


def shared_store(workspace: Workspace, settings: RaySettings) -> StoreAddress | None:
    """`ray.store`, else DVC's default remote; None where there is no cluster to share it with. A folder is named whole:
    a node has another current one.

    Raises:
        SettingsError: there is a cluster and no store, or what is named is none.
    """
    if not settings.address:
        return None
    if settings.store:
        url = checked_url(settings.store)
        return StoreAddress.of(url if url.startswith(S3) else str(workspace.root.resolve() / url), {})
    if (remote := configured_remote(workspace)) is None:
        raise SettingsError(
            f"ray.address: the nodes at {settings.address} need a store that they and this machine reach: name it in "
            "ray.store (s3://BUCKET/PREFIX, or a folder that all share), or tocoad remote set URL"
        )
    return StoreAddress.of(remote.url, remote.settings)
