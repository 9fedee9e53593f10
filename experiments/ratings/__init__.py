"""Ratings: what AIR-Net's adaptive graphs add to a factorization of few ratings per row."""
