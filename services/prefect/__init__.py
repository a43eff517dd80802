"""A server of our own where none is named."""
