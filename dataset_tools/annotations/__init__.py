"""Annotated pictures and logs of other programs: one small reader per format, each yields `record.Record`."""
