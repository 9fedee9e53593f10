"""Choosing the method by held-out entries, and what the choice costs against knowing the truth."""
