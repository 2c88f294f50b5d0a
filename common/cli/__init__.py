"""What every command line of the repository shares."""
