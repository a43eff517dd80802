"""What goes wrong in a local cluster, in one line that names the thing and the way out."""

from __future__ import annotations


class ClusterError(Exception):
    """Something did not start, or does not end."""


class UsageError(ClusterError):
    """The machine lacks something, or the folder cannot be used."""
