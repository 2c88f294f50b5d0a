"""Compares models on the same patches: which is better, by how much, and how sure that is."""
