"""From annotated pictures to patch archives in NaoTH's format. `building` makes datasets of them."""
