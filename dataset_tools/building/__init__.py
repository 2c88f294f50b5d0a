"""Builds dataset files from patch archives: decoding, labels, split, writing. `cutting` makes the archives."""
