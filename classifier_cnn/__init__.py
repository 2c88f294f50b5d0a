"""Trains the CNN that tells whether an image patch shows a ball."""
