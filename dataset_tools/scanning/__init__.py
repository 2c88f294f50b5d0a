"""Looks for balls in pictures and logs: candidates, their pixels, circles, and what is written."""
