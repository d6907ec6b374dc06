"""Train a bundled generator on the bundled world, from scratch or from where it stopped.

    python scripts/train_generator.py RUN_DIR                       # start, or continue after a kill
    python scripts/train_generator.py RUN_DIR --family stylegan3    # one of the small ones of 32 x 32 pixels
    python scripts/train_generator.py RUN_DIR --begin-from G.safetensors D.safetensors --stages 64:900000
    torchrun --nproc-per-node 2 scripts/train_generator.py RUN_DIR  # the batch split over processes (or GPUs)
    python scripts/train_generator.py RUN_DIR --export OUT.safetensors --discriminator D.safetensors

Non-saturating logistic loss, lazy R1, style mixing, an exponential moving average of the weights; every real image is
a fresh render that is never seen again. The resolution of demo-stylegan2 grows 16 -> 32 -> 64: a skip generator and a
skip discriminator both have an image path at every size, and a new block enters with zero output, so that nothing that
was learned is disturbed. The small ones begin as pupils of the oracle, see training/settings.py. Everything random is
a function of (seed, images seen): a killed run continues as if it had not been, up to the last checkpoint.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from dataclasses import replace
from pathlib import Path

import torch.distributed as dist
from training.files import begin_from, export, load, load_discriminator, save, sheet
from training.networks import painter
from training.settings import FAMILIES, PUPIL
from training.step import Training

from gantk.checkpoints.names import weights_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--family", choices=FAMILIES, default="stylegan2")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true", help="torch.compile the generator (needs a C++ compiler)")
    parser.add_argument("--stages", help="such as 16:50000,32:120000,64:420000, also to lengthen a stopped run")
    parser.add_argument("--guide-only", type=int, help="images drawn after the oracle alone; 0: no oracle at all")
    parser.add_argument("--batch", type=int, help="images per step; default: the family's")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop, with a checkpoint, after this long")
    parser.add_argument("--save-every", type=float, default=240.0, help="seconds between checkpoints")
    networks = ("GENERATOR", "DISCRIMINATOR")
    parser.add_argument("--begin-from", type=Path, nargs=2, metavar=networks, help="exported files to start from")
    parser.add_argument("--export", type=Path)
    parser.add_argument("--discriminator", type=Path)
    arguments = parser.parse_args()
    settings = replace(FAMILIES[arguments.family](), seed=arguments.seed)
    if arguments.batch:
        settings = replace(settings, batch=arguments.batch)
    if arguments.stages:
        parts = (part.split(":") for part in arguments.stages.split(","))
        settings = replace(settings, stages=tuple((int(resolution), int(end)) for resolution, end in parts))
    if arguments.guide_only is not None:
        weight = settings.guide_weight if arguments.guide_only else 0.0
        settings = replace(settings, guide_only=arguments.guide_only, guide_weight=weight)
    if "RANK" in os.environ:
        if arguments.minutes < math.inf:
            parser.error("--minutes is for one process: several would not stop at the same step")
        dist.init_process_group("nccl" if arguments.device.startswith("cuda") else "gloo")
    training = Training(settings, arguments.device)
    arguments.run_dir.mkdir(parents=True, exist_ok=True)
    checkpoint = arguments.run_dir / "training.pt"
    if checkpoint.exists():
        load(training, checkpoint)
    elif arguments.begin_from:
        begin_from(training, *arguments.begin_from)
    elif settings.family != "stylegan2":
        load_discriminator(training, weights_folder() / PUPIL)
    if arguments.export:
        export(training, arguments.export, arguments.discriminator)
        return
    train(training, arguments.run_dir, arguments.compile, arguments.minutes * 60, arguments.save_every)


def train(training: Training, run_dir: Path, compiled: bool, seconds: float, save_every: float) -> None:
    """Steps until the last stage or the time ends; a checkpoint and a sheet now and then, and at the end."""
    began = saved = logged = time.monotonic()
    resolution, paint = 0, None
    total = training.settings.stages[-1][1]
    last_images = training.images
    while training.images < total and time.monotonic() - began < seconds:
        if training.resolution() != resolution:
            resolution = training.resolution()
            paint = painter(training.generator, training.readouts, resolution, compiled, training.autocast)
        assert paint is not None
        numbers = training.step(paint, resolution)
        now = time.monotonic()
        if training.rank == 0 and now - logged > 30:
            speed = (training.images - last_images) / (now - logged)
            training.log.append({"images": training.images, "resolution": resolution, **numbers})
            shown = ", ".join(f"{name} {value:.3f}" for name, value in numbers.items())
            print(f"{training.images} images at {resolution}, {speed:.1f}/s: {shown}", flush=True)
            logged, last_images = now, training.images
        if training.rank == 0 and now - saved > save_every:
            keep(training, run_dir)
            saved = now
    if training.rank == 0:
        keep(training, run_dir)


def keep(training: Training, run_dir: Path) -> None:
    save(training, run_dir / "training.pt")
    sheet(training, run_dir / f"sheet_{training.images:08d}.png")


if __name__ == "__main__":
    main()
