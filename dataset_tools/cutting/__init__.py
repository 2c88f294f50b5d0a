"""From annotated pictures to patch archives in the NaoTH form, as the robot would cut them."""
