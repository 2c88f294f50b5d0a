"""Searches pictures and logs for balls: finds candidates, cuts them, scores them and writes the results."""
