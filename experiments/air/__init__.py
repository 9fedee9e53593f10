"""Experiments of AIR-Net (Li & Wang 2021, arXiv:2110.07557)."""
