"""Datasets of patches with the ball's radius and centre."""
