"""Finds duplicates of patches across the two sides of a split."""
