"""Exports a trained model to every format that robots load; each file is compared with the model."""
