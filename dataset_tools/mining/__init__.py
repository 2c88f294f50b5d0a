"""Finds what is worth a label in unlabelled pictures and logs: candidates ranked, few of a second, no two alike."""
