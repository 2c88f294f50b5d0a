"""From annotated pictures to patch archives in NaoTH's format, cut as the robot would; `building` goes on from there."""
