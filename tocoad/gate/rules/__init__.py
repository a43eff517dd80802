"""The gate's rules, one file each; `table` has them in the order in which they are judged."""
