"""What all command lines of the repository share."""
