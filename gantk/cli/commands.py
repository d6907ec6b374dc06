"""The table of commands: data that the command line, settings files and merging look names up in."""

from __future__ import annotations

# Commands that are no task: name -> (module in gantk.cli, what it does).
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "The whole tour on the bundled generator, with a page for each step."),
    "models": ("models", "List, inspect, convert, verify and fetch generators."),
    "web": ("web", "The editor in a browser."),
    "report": ("report", "Rebuild the page of a run from its directory."),
    "merge": ("merge", "Join the shards of a run."),
    "slurm": ("slurm", "Write batch files for a cluster."),
}

# All commands as people go through them: a model, samples and scores, directions, pictures, photos, runs.
ORDER = (
    "demo", "models", "synthesize", "quality", "train-predictor", "train-boundary", "rescore", "manipulate", "walk",
    "mix", "lse", "resefa", "navigan", "stylespace", "sefa", "ganspace", "atlas", "invert", "ghfeat", "web", "compare",
    "report", "merge", "slurm",
)  # fmt: skip

# Names of the original programs that have no command of their own.
ALIASES = {"simple-manipulate": "manipulate"}

# Commands of a group that are no tasks, because they turn one file into another: group -> word -> module in gantk.cli.
BESIDE_TASKS: dict[str, dict[str, str]] = {"navigan": {"export": "navigan_export"}}
