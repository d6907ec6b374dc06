"""Figures and tables of a page as files for a paper: SVG, PDF and PNG; LaTeX, CSV and Markdown."""
