"""Scores a detector on the test split, judges it, and writes what was seen."""
