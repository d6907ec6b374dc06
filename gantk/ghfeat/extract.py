"""Codes of many images: encoded in chunks that survive a kill, refined on request, with reconstructions and figures.

Shape legend: N images, S the summed width of all styles, L rows of wp, H x W pixels.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantk.errors import GantkError
from gantk.generators.base import Generator
from gantk.generators.probe import probe_of
from gantk.ghfeat.bridge import styles_to_wp
from gantk.ghfeat.calibration import style_layout
from gantk.ghfeat.codes import Codes, save_codes, tile
from gantk.ghfeat.files import EncoderFile
from gantk.ghfeat.inputs import Images
from gantk.ghfeat.losses import Perception, psnr, structural_similarity
from gantk.ghfeat.metrics import decode
from gantk.ghfeat.pictures import sides_of
from gantk.ghfeat.projection import ProjectionPlan, project
from gantk.pictures.images import ImageWriter, to_uint8
from gantk.predictors.resampling import resize
from gantk.runs.run import Run
from gantk.store.files import load_npy, save_npy
from gantk.store.progress import progress

STYLES, FIGURES = "styles", "figures"
MEASURES = ("mse", "ssim", "perceptual")
CODES = "codes.safetensors"
IMAGES = "images"
SHOWN = 24


@dataclass(frozen=True)
class ExtractPlan:
    """What `extract` does.

    Attributes:
        batch, chunk: images encoded at once, and per chunk of the ledger.
        images: reconstructions written: 0 is none, None all.
        reconstruct: whether to render at all; without it there are no figures either.
        refine: steps of optimisation from the encoder's code, in the space of styles.
        tiled: write the original's ghfeat.npy [N, E, M] too.
        wp: write the nearest codes of the generator's own mapping, wp.npy [N, L, D], too.
    """

    batch: int = 16
    chunk: int = 256
    images: int | None = SHOWN
    reconstruct: bool = True
    refine: int = 0
    tiled: bool = False
    wp: bool = False


def extract(
    run: Run,
    images: Images,
    loaded: EncoderFile,
    generator: Generator,
    plan: ExtractPlan,
    perception: Perception | None = None,
) -> None:
    """Encode all images of a run (or its shard) into chunks, then into `codes.safetensors`."""
    widths, _ = style_layout(generator)
    reconstructs = plan.reconstruct or plan.refine > 0
    arrays = [STYLES, *([FIGURES] if reconstructs else [])]
    ledger = run.ledger(arrays, len(images), plan.chunk)
    encoder = loaded.encoder.folded()
    stems = images.stems()
    missing = ledger.missing()
    steps = [
        (index, start, min(start + plan.batch, stop))
        for index in missing
        for begin, stop in [ledger.grid.bounds(index)]
        for start in range(begin, stop, plan.batch)
    ]
    if plan.images != 0 and reconstructs:
        run.output(IMAGES, "images as the encoder sees them, and their reconstructions")
    rows: dict[str, list[Any]] = {name: [] for name in arrays}
    skipped: list[str] = []
    with (
        run.timed("extraction"),
        ImageWriter("png") as writer,
        progress(sum(b - a for _, a, b in steps), "extract", unit="img") as bar,
    ):
        futures: list[Any] = []
        for (index, start, stop), read in zip(steps, images.batches([(a, b) for _, a, b in steps]), strict=True):
            image = read.floats().to(generator.device)
            with torch.inference_mode():
                styles = encoder(image.contiguous(memory_format=torch.channels_last))
            made = None
            if plan.refine:
                styles, made = _refine(generator, image, styles, plan.refine, perception)
            elif reconstructs:
                made = decode(generator, styles, plan.batch)
            good = np.asarray(read.good)
            packed = torch.cat(list(styles), 1).float().cpu().numpy()
            packed[~good] = np.nan
            rows[STYLES].append(packed)
            if made is not None:
                small = resize(made, *sides_of(images.size))
                figures = _figures(image, small, perception)
                figures[~good] = np.nan
                rows[FIGURES].append(figures)
                shown = range(start, stop) if plan.images is None else range(start, min(stop, plan.images))
                for name, pictures in (("ori", image), ("enc", made)):
                    paths = [run.path(f"{IMAGES}/{stems[i]}_{name}.png") for i in shown]
                    if paths:
                        futures += writer.write(paths, to_uint8(pictures[: len(paths)]))
            skipped += list(read.errors)
            bar.update(stop - start)
            if stop == ledger.grid.bounds(index)[1]:
                for future in futures:
                    future.result()
                ledger.write(index, {name: np.concatenate(parts) for name, parts in rows.items()})
                rows, futures = {name: [] for name in arrays}, []
    for error in skipped:
        warnings.warn(f"Skipped: {error}", stacklevel=2)
    run.record("names", list(images.names))
    run.record("stems", stems)
    run.record("widths", list(widths))
    run.assemble(ledger, {STYLES: "styles side by side [N, S]", FIGURES: "MSE, SSIM and feature distance [N, 3]"})


def _refine(
    generator: Generator, image: Tensor, styles: Sequence[Tensor], steps: int, perception: Perception | None
) -> tuple[tuple[Tensor, ...], Tensor]:
    plan = ProjectionPlan("s", steps, rate=0.02, prior=1e-4, frames=0)
    found = project(generator, image, plan, perception, [style.clone() for style in styles])
    assert isinstance(found.codes, tuple)
    return found.codes, found.image_NCHW


def _figures(image: Tensor, made: Tensor, perception: Perception | None) -> Any:
    """[N, 3]: MSE, SSIM, and the perception's distance where there is one."""
    with torch.inference_mode():
        distance = torch.full((len(image),), torch.nan) if perception is None else perception(made, image).cpu()
        columns = [(image - made).square().mean((1, 2, 3)).cpu(), structural_similarity(image, made).cpu(), distance]
    return torch.stack([column.float() for column in columns], 1).numpy()


def finish(run: Run, generator: Generator | None = None) -> None:
    """What follows once the arrays are whole: codes in gantk's layout, and what was asked for beside."""
    from gantk.checkpoints.load import load_generator

    arguments = run.manifest["arguments"]
    generator = generator if generator is not None else load_generator(arguments["model"])
    packed = load_npy(run.path(f"{STYLES}.npy"))
    widths, rows = style_layout(generator)
    names, stems = run.results["names"], run.results["stems"]
    kept = np.flatnonzero(np.isfinite(packed).all(1))
    if not len(kept):
        raise GantkError("none of the images could be read")
    styles = tuple(np.split(packed[kept], np.cumsum(widths)[:-1], 1))
    meta = {"command": "ghfeat extract", **{key: arguments.get(key) for key in ("encoder", "encoder_sha256", "refine")}}
    codes = Codes(styles, rows, tuple(names[i] for i in kept), probe_of(generator), meta)
    save_codes(run.path(CODES), codes)
    run.output(CODES, "styles of every image, one array per layer")
    if arguments.get("tiled"):
        save_npy(run.path("ghfeat.npy"), tile(styles))
        run.output("ghfeat.npy", "the original's array [N, layers, width]")
    if arguments.get("wp"):
        wp, off = styles_to_wp(generator, codes.tensors(generator.device))
        save_npy(run.path("wp.npy"), wp.cpu().numpy())
        run.output("wp.npy", "the nearest codes wp [N, L, D]")
        run.record("off_manifold", off.mean(0).tolist())
    run.path("image_list.txt").write_text("".join(f"{names[i]}\n" for i in kept), encoding="utf-8")
    run.output("image_list.txt", "the images, in the order of the codes")
    run.record("kept", kept.tolist())
    run.record("skipped", [names[i] for i in range(len(names)) if i not in set(kept.tolist())])
    figures = run.path(f"{FIGURES}.npy")
    if figures.exists():
        table = load_npy(figures)[kept]
        run.record("figures", table[: SHOWN * 8].tolist())
        means = np.nanmean(table, 0) if np.isfinite(table[:, 2]).any() else [*table[:, :2].mean(0), np.nan]
        run.record("means", {name: float(v) for name, v in zip(MEASURES, means, strict=True) if np.isfinite(v)})
        run.record("psnr", psnr(float(means[0])))
    pairs = [(i, f"{IMAGES}/{stems[i]}_ori.png", f"{IMAGES}/{stems[i]}_enc.png") for i in kept]
    run.record("pairs", [[i, a, b] for i, a, b in pairs if run.path(a).exists() and run.path(b).exists()][:SHOWN])
