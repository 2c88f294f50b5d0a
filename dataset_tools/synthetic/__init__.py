"""Renders the synthetic dataset: balls and other objects, for both tasks; render_files.py writes the files."""
