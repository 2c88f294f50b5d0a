"""Cuts annotated pictures into patch archives in NaoTH's format. `building` makes datasets from them."""
