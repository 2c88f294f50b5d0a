"""Compares models on the same patches: which one is better, by how much, and with what confidence."""
