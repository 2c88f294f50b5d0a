"""Finds labels that are probably wrong, and writes a list for `create_datasets --drop`."""
