"""Ball radius and centre patch datasets."""
