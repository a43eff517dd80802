"""Prefect flows: order, policy and approval; the steps are in `tasks`."""
