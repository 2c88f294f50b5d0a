"""Renders the embedded default dataset: balls and other objects, for both tasks. The files: render_files.py."""
