"""Cuts annotated pictures into patch archives in NaoTH's format. `building` creates datasets from them."""
