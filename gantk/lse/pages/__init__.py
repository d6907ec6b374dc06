"""Pages of LSE's tasks."""
