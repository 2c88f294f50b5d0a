"""Patch datasets: names of families, the patch file format, splits, streaming."""
