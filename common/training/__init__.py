"""Code for training both networks."""
