"""Trains models with every combination of some options: in parallel, resumable, on one machine or a Ray cluster."""
