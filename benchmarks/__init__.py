"""Scripts that measure matmend against peers, side by side; see README.md here."""
