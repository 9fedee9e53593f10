"""Experiments on what the observed entries decide: Bai, Zhao & Zhang 2024, arXiv:2405.13721."""
