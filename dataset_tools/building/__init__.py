"""Builds dataset files from patch archives: decodes, labels, splits and writes. `cutting` creates the archives."""
