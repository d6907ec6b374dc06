"""Pages of GH-Feat's tasks."""
