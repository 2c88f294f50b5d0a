"""What both trainings use unchanged; imports none of the projects."""
