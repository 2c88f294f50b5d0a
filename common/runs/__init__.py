"""The folder of a run: its record, its plots, the evaluation of a saved model."""
