"""Finds patches that stand on both sides of a split."""
