"""Many images through one detector: where they lie, what is known of each, and the table that comes of it."""
