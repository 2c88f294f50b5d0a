"""Builds dataset files from patch archives: decodes, labels, splits and writes. `cutting` makes the archives."""
