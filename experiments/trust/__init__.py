"""Trust: how often prediction intervals cover."""
