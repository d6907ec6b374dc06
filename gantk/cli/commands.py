"""The table of commands: data that the command line, settings files and merging look names up in."""

from __future__ import annotations

# name -> (module in gantk.cli, what it does). A command whose module does not exist is not listed.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "The whole tour on the bundled generator, with a page for each step."),
    "models": ("models", "List, inspect, convert, verify and fetch generators."),
    "synthesize": ("synthesize", "Sample latents, images and predictions from a generator."),
    "train-boundary": ("train_boundary", "Find the latent direction of an attribute from scored samples."),
    "rescore": ("rescore", "Measure which attribute a direction moves, and in which layer."),
    "manipulate": ("manipulate", "Render images along one or more directions."),
    "lse": ("lse", "Linear segmentation heads: train, few-shot, evaluate, sample, edit."),
    "ghfeat": ("ghfeat", "Hierarchical features of real images: train, extract, mix, edit, harmonize, evaluate."),
    "navigan": ("navigan", "Directions in weight space: Hessian, SVD, training, apply."),
    "resefa": ("resefa", "Directions that change one region: Jacobian, directions."),
    "sefa": ("sefa", "Closed-form directions from a generator's weights (SeFa)."),
    "ganspace": ("ganspace", "Principal components of sampled codes (GANSpace)."),
    "invert": ("invert", "Find the codes of real images."),
    "web": ("web", "The editor in a browser."),
    "report": ("report", "Rebuild the page of a run from its directory."),
    "merge": ("merge", "Join the shards of a run."),
    "slurm": ("slurm", "Write batch files for a cluster."),
}

# Names of the original programs that have no command of their own.
ALIASES = {"simple-manipulate": "manipulate"}

# Commands of a group that are no tasks, because they turn one file into another: group -> word -> module in gantk.cli.
BESIDE_TASKS: dict[str, dict[str, str]] = {"navigan": {"export": "navigan_export"}}
