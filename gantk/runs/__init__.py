"""Run directories: what a task leaves, how it is continued and joined."""
