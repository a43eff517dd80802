"""The built-in data set."""

from tocoad.sample.render import SampleCounts, render_sample

__all__ = ["SampleCounts", "render_sample"]
