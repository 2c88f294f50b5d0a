"""Readers of annotated camera pictures and logs, one small module per format. Readers of patches are in `sources`."""
