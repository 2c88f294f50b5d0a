"""Downloads, resumes and verifies files from the dataset archive."""
