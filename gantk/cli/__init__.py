"""One thin module per command, named like the command."""
