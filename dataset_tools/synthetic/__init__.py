"""Renders the synthetic dataset: balls and other objects, for both tasks. The files: render_files.py."""
