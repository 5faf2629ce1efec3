"""Benchmarks of fastmf against named peers; see docs/BENCHMARKS.md."""
