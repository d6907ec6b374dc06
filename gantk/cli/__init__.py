"""The command line: built from the table of tasks; a module for each command that is none."""
