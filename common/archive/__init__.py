"""Files from the dataset archive: fetched, resumed, verified."""
