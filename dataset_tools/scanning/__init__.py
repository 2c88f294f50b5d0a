"""Searches pictures and logs for balls: candidates, their pixels, circles, and the results."""
