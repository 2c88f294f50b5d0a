"""Reads what the datasets are made from."""
