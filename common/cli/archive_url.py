"""Where the team's datasets are published: named by the options, asked by `common.archive`."""

DEFAULT_URL = "https://datasets.naoth.de"
