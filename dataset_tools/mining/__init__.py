"""Searches pictures and logs for the patches that are most useful to label."""
