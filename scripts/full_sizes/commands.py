"""What is measured at full size: commands on each network, small enough that their peak is that of a long run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PREDICTOR = '''"""Mean colours: a predictor that needs no memory of its own."""


def score(image):
    mean = image.mean((2, 3))
    return {"red": mean[:, 0], "green": mean[:, 1], "blue": mean[:, 2]}
'''
SEGMENTER = '''"""Three classes by colour: a teacher that needs no memory of its own."""

import torch


def segment(image):
    mean = image.mean(1)
    return torch.stack([mean, -mean, image[:, 0] - image[:, 1]], 1)
'''


@dataclass(frozen=True)
class Measured:
    """One line of the table.

    Attributes:
        name: of the line.
        network: of `networks.configs`.
        words: after `gantk`; MODEL, WORLD and OUT stand for paths.
        most: bytes in GB that the peak may be.
        what: it needs more of, and the option that lowers it first.
    """

    name: str
    network: str
    words: tuple[str, ...]
    most: float
    lower: str


def _line(name: str, network: str, text: str, most: float, lower: str) -> Measured:
    return Measured(name, network, tuple(text.split()), most, lower)


_BATCH = "--batch-size"
LINES: tuple[Measured, ...] = (
    _line("synthesize, 8 images", "stylegan2", "synthesize MODEL -N 8 --images", 2.5, _BATCH),
    _line("manipulate, two directions", "stylegan2",
          "manipulate MODEL WORLD/red.safetensors WORLD/green.safetensors -N 1 --step 4", 2.5, _BATCH),
    _line("manipulate, one late row", "stylegan2",
          "manipulate MODEL WORLD/late.safetensors -N 1 --step 4", 2.5, _BATCH),
    _line("rescore", "stylegan2",
          "rescore MODEL WORLD/red.safetensors -N 2 --random 1 --predictor WORLD/pred.py:score", 2.5, _BATCH),
    _line("sefa", "stylegan2", "sefa MODEL -K 4 --shown 1 --samples 2 --step 3", 2.5, _BATCH),
    _line("ganspace", "stylegan2", "ganspace MODEL -K 4 --shown 1 --samples 2 --step 3 -N 2000", 2.5, _BATCH),
    _line("ganspace --layer, 1024 pixels", "stylegan2",
          "ganspace MODEL --layer 1024x1024/conv1 -K 2 --shown 0 -N 10", 4.0, "-K"),
    _line("mix", "stylegan2", "mix MODEL --left 0-1 --top 2 --rows 0-3", 2.5, _BATCH),
    _line("walk", "stylegan2", "walk MODEL --seeds 0-1 --frames 3", 2.5, _BATCH),
    _line("navigan hessian", "stylegan2",
          "navigan hessian MODEL --conv 64x64/conv1 -k 1 -N 2 --block 1 --max-products 2 --shown 0 --metric pixels",
          4.0, "--metric-size"),
    _line("navigan train, one step", "stylegan2",
          "navigan train MODEL svd --conv 64x64/conv1 -K 4 --steps 1 --shown 0 --metric none --batch-size 4", 4.0,
          "--reconstructor-size"),
    _line("navigan svd", "stylegan2",
          "navigan svd MODEL --conv 64x64/conv1 -N 2 --shown 1 --metric none", 4.0, _BATCH),
    _line("lse train", "stylegan2",
          "lse train MODEL --teacher WORLD/seg.py:segment -N 4 --held-out 1 --steps 2", 4.0, "--size"),
    _line("lse fewshot, 8 shots", "stylegan2",
          "lse fewshot MODEL --teacher WORLD/seg.py:segment --shots 8 --held-out 2", 4.0, "--size"),
    _line("stylespace", "stylegan2", "stylespace MODEL -N 8 --looked 2 -K 1 --samples 1 --step 3 "
          "--predictor WORLD/pred.py:score", 4.0, _BATCH),
    _line("resefa jacobian, two directions", "stylegan2",
          "resefa jacobian MODEL --box eyes=0.4,0.3,0.5,0.7 -N 1 --leading 2 --preview 1", 4.0, "--size"),
    _line("invert, two photos", "stylegan2", "invert MODEL WORLD/photos --steps 2", 4.0, "--at-once"),
    _line("invert --tune", "stylegan2", "invert MODEL WORLD/photos --steps 1 --tune --tune-steps 1", 4.0, "--at-once"),
    _line("synthesize, 2 images", "stylegan3-t", "synthesize MODEL -N 2 --images", 4.0, _BATCH),
    _line("synthesize, 4 images", "biggan-deep", "synthesize MODEL -N 4 --images --label 7", 4.0, _BATCH),
    _line("synthesize, 4 images", "pggan", "synthesize MODEL -N 4 --images", 4.0, _BATCH),
    _line("synthesize, 16 images", "stylegan2-256", "synthesize MODEL -N 16 --images", 2.5, _BATCH),
)  # fmt: skip


def write_world(folder: Path, width: int, last: int, side: int) -> None:
    """Directions of w, one of them of the last rows of wp, two photos, and own code that looks at pictures.

    Args:
        width: of w.
        last: number of the last row of wp.
        side: of the photos, in pixels.
    """
    import numpy as np
    from PIL import Image

    from gantk.codes.directions import Direction
    from gantk.codes.kept_directions import save_direction

    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    for name, rows in (("red", None), ("green", None), ("late", (last - 1, last))):
        vector = draw.standard_normal((1, width))
        vector /= np.linalg.norm(vector)
        found = Direction(name, "boundary", "w", vector.astype(np.float32), layers=rows)
        save_direction(folder / f"{name}.safetensors", found)
    (folder / "photos").mkdir(exist_ok=True)
    for number in range(2):
        pixels = draw.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC).save(folder / f"photos/{number}.png")
    (folder / "pred.py").write_text(PREDICTOR)
    (folder / "seg.py").write_text(SEGMENTER)
