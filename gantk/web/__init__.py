"""`gantk web`: look, paint, train in a browser; one process, one page, nothing from elsewhere."""
