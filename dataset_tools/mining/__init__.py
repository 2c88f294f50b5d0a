"""Finds the patches in pictures and logs that are most useful to label: ranked, few per second, no two alike."""
