"""Creates, checks and describes the patch datasets that the trainings read."""
