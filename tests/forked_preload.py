"""What forked.py has imported before its first process begins: what nearly every command imports, and takes seconds."""

import torch  # noqa: F401

import gantk.checkpoints.load
import gantk.cli.main
import gantk.runs.runner
import gantk.web.serving  # noqa: F401
