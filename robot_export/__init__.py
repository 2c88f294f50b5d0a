"""Exports a trained model to every format that robots load; each file is compared with the model.

An export passes through these files in order: read_source (reads the model and the patches for testing it),
fill_model_json (describes the model), plan_files (chooses formats and robots), make_and_check (writes each file and
compares it with the model, then replaces an earlier export), finish_export (writes model.json and the model card).
"""
