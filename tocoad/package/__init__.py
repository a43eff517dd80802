"""Detector packages: save, load, predict."""
