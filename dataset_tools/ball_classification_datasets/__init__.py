"""Ball / no ball patch datasets."""
