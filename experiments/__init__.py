"""Experiments: one file per figure, table or claim of a paper. Not installed with the package."""
