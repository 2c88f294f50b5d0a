"""Sends the journals of runs to MLflow: beside each run, and later with `sync`. Only this package uses MLflow."""
