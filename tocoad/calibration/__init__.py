"""Thresholds from calibration normals only, with the rate of false rejects they promise."""
