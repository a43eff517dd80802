"""Detectors for other runtimes: ONNX, OpenVINO and torch's own format, checked against the detector."""
