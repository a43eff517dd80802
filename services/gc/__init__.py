"""Old versions of a data set are tidied away: what is named, by whom, what goes, and its removal."""
