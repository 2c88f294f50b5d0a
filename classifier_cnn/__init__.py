"""Trains the CNN that decides whether an image patch shows a ball."""
