"""Finds labels that are probably wrong, and writes the list that `create_datasets --drop` obeys."""
