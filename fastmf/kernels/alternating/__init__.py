"""Alternating least squares: systems of rows, and ways to solve them."""
