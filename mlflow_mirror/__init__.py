"""Sends the journals of runs to MLflow, during each run and later with `sync`. Only this package imports MLflow."""
