"""Shows what is in a patch file."""
