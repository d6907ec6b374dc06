"""`python -m gantk` is the `gantk` command."""

from gantk.cli.main import main

if __name__ == "__main__":
    main()
