"""Detector packages: save, load, predict."""

from tocoad.package.detector import Detector, PackageError, Prediction, load_detector

__all__ = ["Detector", "PackageError", "Prediction", "load_detector"]
