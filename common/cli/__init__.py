"""Code that all commands of the repository share."""
