"""Prefect flows: order, policy and approval; the work is in `tasks`."""
