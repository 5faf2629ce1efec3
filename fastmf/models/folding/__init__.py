"""What factor models do once they are trained: fold in, update, explain, tell deviations."""
