"""Studies: methods x variants x encoders x categories x seeds, on the same stages as a retrain."""
