"""Pictures with the damage that people have."""
