"""Trains and evaluates the CNN that finds where in a patch the ball is, and how large."""
