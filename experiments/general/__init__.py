"""Equation (1) of AIR-Net beyond missing entries: other linear measurements of the matrix."""
