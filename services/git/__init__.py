"""The git repository that a workspace lies in: its commit, its history, its tips, and the record of a night in it."""
