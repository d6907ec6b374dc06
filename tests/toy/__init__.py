"""A sixth analysis: the brightness of samples. One folder and one row of the table."""
