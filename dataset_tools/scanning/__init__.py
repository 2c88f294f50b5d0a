"""Looks for balls in pictures and logs that nobody annotated: candidates, their pixels, circles, and what is written."""
