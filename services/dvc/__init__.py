"""What is stale, and the record of what was made."""
