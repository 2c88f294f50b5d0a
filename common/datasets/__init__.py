"""Code for datasets of patches: names of families, the file format, splits, streaming."""
