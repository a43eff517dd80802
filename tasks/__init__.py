"""The flows' named Prefect tasks, one file a step; each hands over to a service.

Prefect caches and persists nothing here: DVC is the one memory of what is up to date.
"""
