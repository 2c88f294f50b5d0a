"""Code for run folders: the record of a run, its plots, and the evaluation of a saved model."""
