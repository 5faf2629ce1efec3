"""Runnable modules that make or prepare data sets from a checkout of the project."""
