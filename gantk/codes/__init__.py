"""Codes of a generator: sampling, truncation, the spaces z, w, wp and s, rows, directions and their files."""
