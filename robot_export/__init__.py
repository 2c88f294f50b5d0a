"""Exports a trained model to every format that robots load; each file is compared with the model.

An export passes through these files in order: read_source (the model and the patches for judging it), fill_model_json
(its record), plan_files (which formats and robots), make_and_check (writes each file, compares it with the model, puts
all in place together and removes those of an earlier export), finish_export (model.json and the model card).
"""
