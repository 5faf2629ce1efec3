"""Parsing and writing of delimited text and of Netflix Prize files."""
