"""A data set brought back as it was: which states there are, what would be lost, and what is put in place."""
