"""Readers of annotated camera pictures and logs, a small module per format. Readers of patches are in `sources`."""
