"""Alternating least squares: systems of rows, their solution, the learners."""
