"""Trains and judges the CNN that tells where in a patch the ball is, and how large."""
