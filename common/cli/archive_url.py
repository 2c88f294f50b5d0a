"""The address at which the team's datasets are published: the default of --archive-url."""

DEFAULT_URL = "https://datasets.naoth.de"
