"""Synthesis to disk: gantk's chunks against lists that are concatenated at the end, as HiGAN has them.

Both draw N codes, map and render them with a small StyleGAN2 whose codes are as large as a published one's (wp of
10 x 512), score the images and write z, w, wp and the scores. The point is memory: the lists grow with N, the chunks do
not. Peak memory is measured at N = 500 and N = 5000 (--small, --large); the times are those of the larger. The baseline
renders in batches of 4, one image file after another with --images, as the original does.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from benchmarks._turns import figures, take_turns

if TYPE_CHECKING:  # imported by the processes that are measured
    from torch import Tensor

    from gantk.generators.base import Generator

CONFIG = {
    "resolution": 64,
    "channels": [32, 32, 16, 8, 8],
    "mapping_layers": 4,
    "truncation_psi": 0.7,
    "truncation_layers": 8,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--small", type=int, default=500)
    parser.add_argument("--large", type=int, default=5000)
    parser.add_argument("--images", action="store_true", help="also write an image file per sample")
    parser.add_argument("--turns", type=int, default=1, help="of each, by turns")


def network() -> Generator:
    import torch

    from gantk.generators.registry import build

    torch.manual_seed(0)
    return build("stylegan2", CONFIG).eval()


def scores(image_NCHW: Tensor) -> Tensor:
    import torch

    return torch.cat([image_NCHW.mean((2, 3)), image_NCHW.std((1, 2, 3))[:, None]], 1)


def baseline(num: int, images: bool) -> Callable[[], dict[str, Any]]:
    import torch
    from PIL import Image

    from gantk.codes.latents import normalize_sphere
    from gantk.store.seeding import sample_z

    generator = network()
    truncation = generator.spec.truncation

    def measured() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            outputs: dict[str, list[np.ndarray]] = {"z": [], "w": [], "wp": [], "attribute": []}
            z_ND = normalize_sphere(sample_z(num, 512))
            for start in range(0, num, 4):
                z = torch.from_numpy(z_ND[start : start + 4])
                w = generator.map(z)
                wp = generator.expand(w, truncation)
                image = generator.synthesize(wp)
                pixels = (image.add(1).mul(127.5).add(0.5).clamp(0, 255).byte().permute(0, 2, 3, 1)).numpy()
                for index, picture in enumerate(pixels if images else []):
                    Image.fromarray(picture).save(folder / f"{start + index:06d}.png")
                seen = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
                found = {"z": z, "w": w, "wp": wp, "attribute": scores(seen)}
                for key, value in found.items():
                    outputs[key].append(value.detach().numpy())
            for key, parts in outputs.items():
                np.save(folder / f"{key}.npy", np.concatenate(parts))
            return {"w": np.load(folder / "w.npy")[:64], "attribute": np.load(folder / "attribute.npy")[:64]}

    return measured


def ours(num: int, images: bool) -> Callable[[], dict[str, Any]]:
    from gantk.higan import synthesize
    from gantk.predictors.base import Predictor
    from gantk.runs.run import Run
    from gantk.runs.stores import RunStore
    from gantk.store.files import load_npy

    class Means(Predictor):
        name = "means"
        attribute_names = ("red", "green", "blue", "contrast")

        def attributes(self, image_NCHW: Tensor) -> Tensor:
            return scores(image_NCHW)

    generator = network()

    def measured() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as name:
            with Run.begin(name, "synthesize", {}) as run:
                synthesize(
                    generator, None, Means(), num=num, latents="z,w,wp", images=images, skip_image=not images,
                    batch_size=16, chunk=256, store=RunStore(run),
                )  # fmt: skip
            w = np.array(load_npy(Path(name) / "w.npy", mmap=True)[:64])
            table = load_npy(Path(name) / "attribute.npy", mmap=True)[:64]
            return {"w": w, "attribute": np.stack([table[column] for column in Means.attribute_names], 1)}

    return measured


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    peaks: dict[str, float] = {}
    large: dict[str, list[dict[str, Any]]] = {}
    for size, num in (("small", arguments.small), ("large", arguments.large)):
        contestants = {
            "baseline": partial(baseline, num, arguments.images),
            "ours": partial(ours, num, arguments.images),
        }
        measured = take_turns(contestants, arguments.turns, arguments.threads)
        found = figures(measured)
        peaks |= {f"{name}_peak_mb_{size}": found[f"{name}_peak_mb"] for name in contestants}
        large = measured
    theirs, mine = large["baseline"][0]["result"], large["ours"][0]["result"]
    error = max(float(np.abs(theirs[key] - mine[key]).max()) for key in ("w", "attribute"))
    growth = {
        f"{name}_growth_mb": round(peaks[f"{name}_peak_mb_large"] - peaks[f"{name}_peak_mb_small"], 1)
        for name in ("baseline", "ours")
    }
    sizes = {"num_small": arguments.small, "num_large": arguments.large, "images": arguments.images}
    return {"device": "cpu", **figures(large), "error": error, **sizes, **peaks, **growth}


def show(result: dict[str, Any]) -> str:
    lines = [f"{'':10}{'N':>8}{'peak MB':>10}"]
    for name in ("baseline", "ours"):
        for size in ("small", "large"):
            lines.append(f"{name:10}{result[f'num_{size}']:8d}{result[f'{name}_peak_mb_{size}']:10.1f}")
    lines.append(
        f"CPU {result['baseline_cpu_s']:.1f} s and {result['ours_cpu_s']:.1f} s ({result['speedup']:.2f}x), "
        f"largest difference {result['error']:.1e}"
    )
    return "\n".join(lines)
