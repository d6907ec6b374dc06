"""Images on disk and in strips, and animations."""
