"""The tour: every system on one bundled generator, with a page for each step."""
