"""Inversion of real images as a run: by an encoder, by optimisation, or by both, for any family.

Legend: N images, K frames of a slider, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantk.generators.base import Generator
from gantk.generators.probe import probe_of
from gantk.ghfeat.bridge import styles_to_wp
from gantk.ghfeat.calibration import style_layout
from gantk.ghfeat.codes import Codes, save_codes
from gantk.ghfeat.files import EncoderFile
from gantk.ghfeat.inputs import Images
from gantk.ghfeat.losses import Perception, psnr, structural_similarity
from gantk.ghfeat.metrics import at_size
from gantk.ghfeat.projection import Projection, ProjectionPlan, project
from gantk.pictures.images import to_uint8
from gantk.predictors.resampling import resize
from gantk.runs.run import Run
from gantk.store.files import save_image
from gantk.store.progress import progress

CODES, LOSSES, FRAMES = "codes", "losses", "frames"
SHOWN = 16


def default_space(generator: Generator, encoded: bool) -> str:
    """Where codes are free: the styles an encoder writes; else one code per row, or z where there is no w."""
    spaces = generator.spec.spaces
    if encoded:
        return "s"
    return "wp" if "wp" in spaces and "w" in spaces else "z"


def invert(
    run: Run,
    images: Images,
    generator: Generator,
    plan: ProjectionPlan,
    encoder: EncoderFile | None,
    perception: Perception | None,
    batch: int,
    label: Tensor | None,
    seed: int,
) -> None:
    """Invert all images of a run (or its shard), chunk by chunk: a chunk is a batch."""
    ledger = run.ledger((CODES, LOSSES, FRAMES), len(images), batch)
    missing = [(index, *ledger.grid.bounds(index)) for index in ledger.missing()]
    with run.timed("inversion"), progress(sum(b - a for _, a, b in missing), "invert", unit="img") as bar:
        reads = images.batches([(a, b) for _, a, b in missing])
        for (index, start, stop), read in zip(missing, reads, strict=True):
            target = read.floats().to(generator.device)
            found = project(
                generator, target, plan, perception, _start(generator, encoder, target, plan.space),
                None if label is None else label.expand(len(target), *label.shape[1:]), seed,
            )  # fmt: skip
            codes = found.codes if isinstance(found.codes, tuple) else (found.codes,)
            packed = torch.cat([code.flatten(1) for code in codes], 1).float().cpu().numpy()
            packed[~np.asarray(read.good)] = np.nan
            ledger.write(
                index,
                {
                    CODES: packed,
                    LOSSES: np.concatenate([_figures(target, found), found.losses.t().float().cpu().numpy()], 1),
                    FRAMES: _frames(found),
                },
            )
            bar.update(stop - start)
    run.record("names", list(images.names))
    run.record("kept_steps", _kept(plan))
    for number in range(min(SHOWN, len(images))):
        if run.shard.is_whole or number in range(*_span(missing)):
            save_image(run.path(f"images/original_{number:03d}.png"), images.one_or_grey(number))
    run.output("images", "images and what became of them")
    run.assemble(ledger, {CODES: "codes side by side", LOSSES: "MSE, SSIM, then the loss at every step"})


def _span(missing: Sequence[tuple[int, int, int]]) -> tuple[int, int]:
    return (missing[0][1], missing[-1][2]) if missing else (0, 0)


def _kept(plan: ProjectionPlan) -> list[int]:
    return sorted({round(k * plan.steps / max(1, plan.frames - 1)) for k in range(plan.frames)})


def _start(generator: Generator, encoder: EncoderFile | None, target: Tensor, space: str) -> Any:
    """What the encoder says, in the space of the optimisation; None without an encoder."""
    if encoder is None:
        return None
    with torch.no_grad():
        size = encoder.encoder.config.resolution
        styles = encoder.encoder(at_size(target, size).contiguous(memory_format=torch.channels_last))
        if space == "s":
            return list(styles)
        wp_NLD, _ = styles_to_wp(generator, styles)
        return wp_NLD if space == "wp" else wp_NLD.mean(1)


def _figures(target: Tensor, found: Projection) -> Any:
    """MSE and SSIM of each image, [N, 2]."""
    made = resize(found.image_NCHW, *target.shape[-2:])
    return (
        torch.stack([(made - target).square().mean((1, 2, 3)), structural_similarity(made, target)], 1)
        .float().cpu().numpy()
    )  # fmt: skip


def _frames(found: Projection) -> Any:
    """uint8 [N, K, H, W, C]."""
    frames = [to_uint8(frame) for frame in found.frames] or [to_uint8(found.image_NCHW)]
    return np.stack(frames, 1)


def finish(run: Run, generator: Generator | None = None) -> None:
    """Codes in the layouts other commands take, and the page's pictures."""
    from gantk.checkpoints.load import load_generator
    from gantk.store.files import load_npy, save_npy

    arguments = run.manifest["arguments"]
    generator = generator if generator is not None else load_generator(arguments["model"])
    spec, space = generator.spec, arguments["space"]
    packed = load_npy(run.path(f"{CODES}.npy"))
    table = load_npy(run.path(f"{LOSSES}.npy"))
    frames = load_npy(run.path(f"{FRAMES}.npy"), mmap=True)
    names = run.results["names"]
    kept = np.flatnonzero(np.isfinite(packed).all(1))
    run.record("kept", kept.tolist())
    run.record("skipped", [names[i] for i in sorted(set(range(len(names))) - set(kept.tolist()))])
    chosen = packed[kept]
    meta = {"command": "invert", **{key: arguments.get(key) for key in ("encoder", "steps", "space")}}
    if space == "s":
        widths, rows = style_layout(generator)
        styles = tuple(np.split(chosen, np.cumsum(widths)[:-1], 1))
        save_codes(run.path("codes.safetensors"), Codes(styles, rows, tuple(names[i] for i in kept),
                                                       probe_of(generator), meta))  # fmt: skip
        run.output("codes.safetensors", "styles of every image, one array per layer")
    else:
        shape = (spec.num_layers, spec.wp_dim) if space == "wp" else (-1,)
        save_npy(run.path(f"{space}.npy"), chosen.reshape(len(chosen), *shape))
        run.output(f"{space}.npy", f"codes {space}, for `gantk manipulate -i` and the like")
    run.record("figures", table[kept, :2].tolist())
    run.record("losses", table[kept, 2:].mean(0).tolist())
    mse = float(table[kept, 0].mean())
    run.record("means", {"mse": mse, "ssim": float(table[kept, 1].mean()), "psnr": psnr(mse)})
    sequences = []
    for number in [int(i) for i in kept[:SHOWN]]:
        paths = []
        for step, frame in zip(run.results["kept_steps"] or [0], frames[number], strict=False):
            path = f"images/{number:03d}_{step:05d}.png"
            save_image(run.path(path), np.asarray(frame))
            paths.append(path)
        sequences.append({"name": names[number], "original": f"images/original_{number:03d}.png", "frames": paths})
    run.record("sequences", sequences)
