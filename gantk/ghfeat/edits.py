"""The editing commands as runs: pictures and numbers in a run directory, for their pages.

Shape legend: N images, K steps of a slider, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator
from gantk.ghfeat.bridge import move
from gantk.ghfeat.codes import Codes, save_codes
from gantk.ghfeat.files import EncoderFile
from gantk.ghfeat.local import edit_locally
from gantk.ghfeat.metrics import at_size, decode, encode
from gantk.ghfeat.mixing import harmonize, mix, pairs_of_rows
from gantk.pictures.images import to_uint8
from gantk.runs.run import Run
from gantk.store.files import save_image

MOST = 64  # images of one command; these commands make pictures to look at, not data sets


@dataclass(frozen=True)
class Subject:
    """Real images with their styles and reconstructions, [N, 3, H, W] each."""

    names: tuple[str, ...]
    image_NCHW: Tensor
    styles: tuple[Tensor, ...]
    made_NCHW: Tensor

    @classmethod
    def of(cls, names: Sequence[str], image_NCHW: Tensor, loaded: EncoderFile, generator: Generator) -> Subject:
        """Encode and decode images [N, 3, H, W]."""
        if len(image_NCHW) > MOST:
            raise UsageError(
                f"{len(image_NCHW)} images are more than this command shows: give at most {MOST}, or use "
                "`gantk ghfeat extract`, which takes any number."
            )
        image_NCHW = image_NCHW.to(generator.device)
        styles = encode(loaded.encoder, image_NCHW)
        return cls(tuple(names), image_NCHW, styles, decode(generator, styles))

    @property
    def rows(self) -> int:
        return len(self.names)


def save_pictures(run: Run, images_NCHW: Tensor, stem: str) -> list[str]:
    """Write images as `images/STEM_000.png`, ...; their names."""
    names = [f"images/{stem}_{index:03d}.png" for index in range(len(images_NCHW))]
    for name, picture in zip(names, to_uint8(images_NCHW), strict=True):
        save_image(run.path(name), picture)
    run.output("images", "pictures of the page")
    return names


def mixtures(
    run: Run,
    generator: Generator,
    content: Subject,
    style: Subject,
    row_sets: Sequence[tuple[str, Sequence[int]]],
    row_of: Sequence[int],
) -> None:
    """A grid of contents by styles for each set of rows that is taken from the styles."""
    grids = []
    for number, (title, rows) in enumerate(row_sets):
        cells = []
        for s in range(style.rows):
            one = [layer[s : s + 1].expand(content.rows, -1) for layer in style.styles]
            made = decode(generator, mix(content.styles, one, rows, row_of))
            cells.append(save_pictures(run, made, f"mix_{number}_{s}"))
        grids.append({"title": title, "rows": list(rows), "cells": cells})
    run.record("grids", grids)
    for name, subject in (("content", content), ("style", style)):
        run.record(name, {
            "names": list(subject.names),
            "original": save_pictures(run, subject.image_NCHW, f"{name}_original"),
            "reconstruction": save_pictures(run, subject.made_NCHW, f"{name}_reconstruction"),
        })  # fmt: skip


def default_rows(num_rows: int) -> list[tuple[str, list[int]]]:
    """The paper's sets: levels two by two."""
    return [
        (f"levels {num_rows - 1 - rows[-1]}-{num_rows - 1 - rows[0]}, layers {rows[0]}-{rows[-1]}", rows)
        for rows in pairs_of_rows(num_rows)
    ]


def global_edit(
    run: Run,
    generator: Generator,
    subject: Subject,
    step: Sequence[Tensor],
    distances: Sequence[float],
    about: dict[str, Any],
    predictor: Any = None,
) -> None:
    """Slider frames of every image along one change of its styles, and how what a predictor reads changes."""
    frames: list[list[str]] = [[] for _ in range(subject.rows)]
    read = []
    for k, distance in enumerate(distances):
        made = decode(generator, move(subject.styles, step, distance))
        for n, name in enumerate(save_pictures(run, made, f"edit_{k:03d}")):
            frames[n].append(name)
        if predictor is not None:
            with torch.inference_mode():
                read.append(predictor.attributes(made).cpu())
    start = int(np.argmin(np.abs(np.asarray(distances))))
    run.record("directions", [{
        **about, "space": "styles (dy = A dw)", "quantity": "distance", "distances": list(map(float, distances)),
        "frames": frames, "samples": list(subject.names), "start": start,
    }])  # fmt: skip
    if read:
        scores = torch.stack(read)  # [K, N, A]
        run.record("attributes", list(predictor.attribute_names))
        run.record("curves", scores.mean(1).t().tolist())
    run.record("distances", list(map(float, distances)))
    record_subject(run, subject)


def record_subject(run: Run, subject: Subject) -> None:
    """Originals and reconstructions, side by side on the page."""
    originals = save_pictures(run, subject.image_NCHW, "original")
    made = save_pictures(run, subject.made_NCHW, "reconstruction")
    run.record("pairs", [[n, a, b] for n, a, b in zip(subject.names, originals, made, strict=True)])
    small = at_size(subject.made_NCHW, subject.image_NCHW.shape[-1])
    run.record("mse", (small - subject.image_NCHW).square().mean().item())


def local_edit(
    run: Run,
    generator: Generator,
    base: Subject,
    reference: Subject,
    mask_HW: Tensor,
    rows: Sequence[int],
    way: str,
) -> dict[str, float]:
    """Every base with the region of the reference (one for all, or one each); returns the changes, see LocalEdit."""
    if reference.rows not in (1, base.rows):
        raise UsageError(f"{reference.rows} references do not fit {base.rows} images: give one, or one for each.")
    other = [layer.expand(base.rows, -1) if reference.rows == 1 else layer for layer in reference.styles]
    result = edit_locally(generator, base.styles, other, mask_HW, rows, way)
    changes = result.changes()
    difference = (result.edited_NCHW - result.base_NCHW).abs().mean(1, keepdim=True)
    heat = (difference / difference.amax().clamp(min=1e-6)).expand(-1, 3, -1, -1) * 2 - 1
    reach = torch.where(result.mask_N1HW > 0, 1.0, torch.where(result.reach_N1HW, 0.0, -1.0)).expand(-1, 3, -1, -1)
    references = reference.made_NCHW.expand(base.rows, -1, -1, -1)
    run.record("cells", {
        "names": list(base.names),
        "original": save_pictures(run, base.image_NCHW, "original"),
        "reconstruction": save_pictures(run, result.base_NCHW, "reconstruction"),
        "reference": save_pictures(run, references, "reference"),
        "edited": save_pictures(run, result.edited_NCHW, "edited"),
        "change": save_pictures(run, heat, "change"),
        "reach": save_pictures(run, reach, "reach"),
    })  # fmt: skip
    run.record("changes", changes)
    return changes


def harmonized(
    run: Run,
    generator: Generator,
    loaded: EncoderFile,
    base: Subject,
    patch_NCHW: Tensor,
    mask_HW: Tensor,
    keep_rows: Sequence[int],
    blend_back: bool,
) -> None:
    """Every base with a patch of another image pasted in, and what its code makes of that."""
    if len(patch_NCHW) not in (1, base.rows):
        raise UsageError(f"{len(patch_NCHW)} patches do not fit {base.rows} images: give one, or one for each.")
    if generator.spec.resolution != base.image_NCHW.shape[-1] and blend_back:
        raise GantkError(
            f"--blend-back needs images as large as the generator's {generator.spec.resolution} pixels, and the "
            f"encoder reads {base.image_NCHW.shape[-1]}: leave it out"
        )
    size = base.image_NCHW.shape[-1]
    pasted, made = harmonize(
        base.image_NCHW, patch_NCHW.to(base.image_NCHW), mask_HW, lambda image: encode(loaded.encoder, image),
        lambda styles: at_size(decode(generator, styles), size), loaded.encoder.config.rows, keep_rows, blend_back,
    )  # fmt: skip
    outside = (1 - mask_HW).to(made)
    change = ((made - base.image_NCHW).abs().mean(1) * outside).sum() / outside.sum().clamp(min=1) / len(made)
    run.record("cells", {
        "names": list(base.names),
        "original": save_pictures(run, base.image_NCHW, "original"),
        "pasted": save_pictures(run, pasted, "pasted"),
        "harmonized": save_pictures(run, made, "harmonized"),
    })  # fmt: skip
    run.record("outside", change.item())
    run.record("against_paste", (made - pasted).square().mean().item())


def save_edited(
    run: Run, subject: Subject, styles: Sequence[Tensor], rows: Sequence[int], meta: dict[str, Any]
) -> None:
    """The codes of the subject, so that other commands can go on from them."""
    codes = Codes(tuple(s.cpu().numpy() for s in styles), tuple(rows), subject.names, None, meta)
    save_codes(run.path("codes.safetensors"), codes)
    run.output("codes.safetensors", "styles of the images")
