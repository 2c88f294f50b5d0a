"""Finds the most useful patches to label in pictures and logs: ranked, few per second, no two of them alike."""
