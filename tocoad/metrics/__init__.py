"""Exact figures of the field's seven metrics, with numpy alone."""
