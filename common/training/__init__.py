"""Code for training both kinds of network."""
