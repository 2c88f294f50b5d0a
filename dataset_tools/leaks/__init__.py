"""Finds duplicate patches on different sides of a split."""
