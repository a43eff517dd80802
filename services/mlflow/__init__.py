"""What is tracked, registered and decided."""
