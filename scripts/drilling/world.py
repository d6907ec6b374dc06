"""What the drill works on: a generator of 16 x 16 with random weights, a predictor in a file, directions of it."""

from __future__ import annotations

from pathlib import Path

CONFIG = {
    "resolution": 16,
    "channels": [8, 8, 6],
    "z_dim": 6,
    "w_dim": 8,
    "mapping_layers": 2,
    "mapping_width": 8,
    "truncation_psi": 0.7,
    "truncation_layers": 4,
}
PREDICTOR = """
def score(image):
    mean = image.mean((2, 3))
    return {"red": mean[:, 0], "green": mean[:, 1], "blue": mean[:, 2], "contrast": image.std((1, 2, 3))}
"""
LABELS = "image,first\n000000.png,1\n000001.png,yes\n000002.png,0\n000003.png,no\n"  # of four samples
SEGMENTER = """
import torch

def segment(image):
    mean = image.mean(1)
    return torch.stack([mean, -mean, image[:, 0] - image[:, 1]], 1)
"""


def write_world(folder: Path) -> Path:
    """Write the generator, a predictor, a segmenter, three boundaries and a list of them into the folder; return it."""
    import numpy as np
    import torch

    from gantk.checkpoints.checkpoint import Checkpoint
    from gantk.checkpoints.native import write_checkpoint
    from gantk.codes.directions import Direction
    from gantk.codes.kept_directions import save_direction
    from gantk.generators.registry import build

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    generator = build("stylegan2", CONFIG)
    assert generator.w_avg is not None
    generator.w_avg.normal_(std=0.3)
    found = Checkpoint("stylegan2", generator.config.to_dict(), generator.state_dict(), "made for the drill")
    write_checkpoint(folder / "tiny.safetensors", found)
    (folder / "pred.py").write_text(PREDICTOR)
    (folder / "seg.py").write_text(SEGMENTER)
    draw = np.random.default_rng(0)
    lines = []
    for name, space, shape in (("red", "w", (1, 8)), ("green", "wp", (1, 6, 8)), ("blue", "z", (1, 6))):
        vectors = draw.standard_normal(shape)
        vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
        save_direction(folder / f"{name}.safetensors", Direction(name, "boundary", space, vectors.astype(np.float32)))
        lines.append(f"({name}, {space}): {name}.safetensors\n")
    (folder / "labels.csv").write_text(LABELS)
    (folder / "list.txt").write_text("".join(lines))
    return folder
