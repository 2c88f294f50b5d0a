"""Finds the patches in pictures and logs that are most useful to label."""
