"""From patch archives to dataset files: decoding, labels, split, writing. `cutting` makes archives of pictures."""
