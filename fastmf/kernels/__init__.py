"""Compiled functions over arrays: pure arithmetic, no files, no classes, no printing."""
