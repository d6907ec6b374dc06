"""How good the bundled generator and predictors are.

The generator is compared with the renderer by what the predictors see in 10 000 images of each: the marginal of every
factor (Wasserstein-1 distance over the factor's range), the Frechet distance of features, the share of each class.
Beside each figure stands that of renders against renders of another seed, which is what perfection would score.
The predictors are compared with the known factors and class maps of held-out renders.

From Python, on any generator, during a training too: `measure(generator, predictor, n, seed)`; the renders' side is
computed once per process.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from truths._tables import table

from gantk.generators.base import Generator
from gantk.predictors.demo import DemoPredictor
from gantk.predictors.distance import frechet_distance
from gantk.world.renderer import CLASSES, FACTOR_NAMES, FACTORS, render, sample_scene

# No training has seen these seeds.
RENDER_SEED, OTHER_SEED, HELD_OUT_SEED = 31_000, 32_000, 33_000
BATCH = 100
WASSERSTEIN_BAR, R2_BAR, MIOU_BAR = 0.05, 0.97, 0.9
LOW = torch.tensor([factor.low for factor in FACTORS])
SPAN = torch.tensor([factor.high - factor.low for factor in FACTORS])


@dataclass(frozen=True)
class Seen:
    """What the predictors see in a set of images."""

    factors_NA: np.ndarray  # in units of the factor's range
    features_NF: np.ndarray
    class_share_K: np.ndarray


def look(batches: Iterator[Tensor], predictor: DemoPredictor, classes: bool = True) -> Seen:
    """Read batches of image_NCHW."""
    factors, features, shares = [], [], []
    with torch.inference_mode():
        for image in batches:
            image = image.clamp(-1, 1).contiguous(memory_format=torch.channels_last)
            score, feature = predictor.read(image)
            factors.append(((score - LOW) / SPAN).numpy())
            features.append(feature.numpy())
            if classes:
                picked = predictor.segment(image).argmax(1).flatten()
                shares.append(torch.bincount(picked, minlength=len(CLASSES)).numpy() / picked.numel())
    return Seen(np.concatenate(factors), np.concatenate(features), np.mean(shares, 0) if classes else np.zeros(0))


def samples(generator: Generator, n: int, seed: int) -> Iterator[Tensor]:
    """Images of a generator, without truncation, of classes drawn evenly where it has them."""
    for start in range(0, n, BATCH):
        with torch.inference_mode():
            z = generator.sample_z(min(BATCH, n - start), seed=seed, start=start)
            label = generator.sample_label(len(z), seed=seed, start=start)
            yield generator.synthesize(generator.expand(generator.map(z, label))).float().cpu()


def renders(
    n: int, seed: int, spoil: Callable[[Tensor], Tensor] = lambda image: image, resolution: int = 64
) -> Iterator[Tensor]:
    for start in range(0, n, BATCH):
        yield spoil(render(*sample_scene(min(BATCH, n - start), seed, start), resolution).image_NCHW)


def box_blurred(image: Tensor) -> Tensor:
    """The mean of each 3 x 3 pixels; the border repeats."""
    return F.avg_pool2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), 3, 1)


def wasserstein(a_NA: np.ndarray, b_NA: np.ndarray) -> dict[str, float]:
    """Wasserstein-1 distance of each column's marginals, by factor."""
    from scipy.stats import wasserstein_distance

    return {name: round(float(wasserstein_distance(a_NA[:, i], b_NA[:, i])), 4) for i, name in enumerate(FACTOR_NAMES)}


@lru_cache(maxsize=2)
def reference(
    predictor: DemoPredictor, n: int, blurred: bool = True, resolution: int = 64
) -> tuple[Seen, Seen, Seen | None]:
    """Renders, renders of another seed, and the first blurred; once per predictor and process."""
    return (
        look(renders(n, RENDER_SEED, resolution=resolution), predictor),
        look(renders(n, OTHER_SEED, resolution=resolution), predictor, classes=False),
        look(renders(n, RENDER_SEED, box_blurred, resolution), predictor, classes=False) if blurred else None,
    )


def measure(
    generator: Generator, predictor: DemoPredictor | None = None, n: int = 10_000, seed: int = 0
) -> dict[str, Any]:
    """Compare `n` samples of any Generator of scenes with as many renders of its size; every figure is JSON.

    The predictors are for 64 x 64 and enlarge smaller pictures; samples and renders alike.
    """
    if predictor is None:
        from gantk.predictors.load import load_predictor

        found = load_predictor("demo")
        assert isinstance(found, DemoPredictor)
        predictor = found
    true, other, blurred = reference(predictor, n, resolution=generator.spec.resolution)
    assert blurred is not None
    fake = look(samples(generator, n, seed), predictor)
    distance = wasserstein(fake.factors_NA, true.factors_NA)
    floor = wasserstein(other.factors_NA, true.factors_NA)
    frechet = {
        "samples": round(frechet_distance(fake.features_NF, true.features_NF), 4),
        "renders": round(frechet_distance(other.features_NF, true.features_NF), 4),
        "blurred": round(frechet_distance(blurred.features_NF, other.features_NF), 4),
    }
    worst = max(distance, key=lambda name: distance[name])
    return {
        "n": n,
        "wasserstein": distance,
        "wasserstein_renders": floor,
        "worst_factor": worst,
        "worst_wasserstein": distance[worst],
        "wasserstein_pass": distance[worst] <= WASSERSTEIN_BAR,
        "frechet": frechet,
        "frechet_pass": frechet["samples"] < frechet["blurred"],
        "class_share": _shares(fake),
        "class_share_renders": _shares(true),
    }


def _shares(seen: Seen) -> dict[str, float]:
    return {name: round(float(share), 4) for name, share in zip(CLASSES, seen.class_share_K, strict=True)}


def judge(predictor: DemoPredictor, n: int = 4_000, seed: int = HELD_OUT_SEED) -> dict[str, Any]:
    """The predictors against the truth of held-out renders: R2, mean absolute error and bias per factor (over its
    range), counts right when rounded, IoU per class from one confusion matrix of all pixels."""
    truth, guess = [], []
    confusion = torch.zeros(len(CLASSES), len(CLASSES), dtype=torch.int64)
    with torch.inference_mode():
        for start in range(0, n, BATCH):
            factors, nuisance = sample_scene(min(BATCH, n - start), seed, start)
            drawn = render(factors, nuisance)
            image = drawn.image_NCHW.contiguous(memory_format=torch.channels_last)
            truth.append((factors - LOW) / SPAN)
            guess.append((predictor.attributes(image) - LOW) / SPAN)
            pairs = drawn.class_map_NHW * len(CLASSES) + predictor.segment(image).argmax(1)
            confusion += torch.bincount(pairs.flatten(), minlength=len(CLASSES) ** 2).view_as(confusion)
    t_NA, g_NA = torch.cat(truth).double(), torch.cat(guess).double()
    r2, mae, bias, right = {}, {}, {}, {}
    for i, factor in enumerate(FACTORS):
        # The size of trees cannot be seen where there is none.
        rows = t_NA[:, FACTOR_NAMES.index("trees")] > 0 if factor.name == "tree_size" else slice(None)
        t, error = t_NA[rows, i], (g_NA - t_NA)[rows, i]
        r2[factor.name] = round(float(1 - error.square().mean() / t.var(correction=0)), 4)
        mae[factor.name] = round(float(error.abs().mean()), 4)
        bias[factor.name] = round(float(error.mean()), 4)
        if factor.is_count:
            right[factor.name] = round(float((error.abs() * (factor.high - factor.low) < 0.5).double().mean()), 4)
    both = confusion.diag().double()
    iou = both / (confusion.sum(0) + confusion.sum(1) - both)
    return {
        "held_out": n, "r2": r2, "mae": mae, "bias": bias, "count_accuracy": right,
        "r2_pass": min(r2.values()) >= R2_BAR, "worst_r2": min(r2.values()),
        "iou": {name: round(float(value), 4) for name, value in zip(CLASSES, iou, strict=True)},
        "miou": round(float(iou.mean()), 4), "miou_pass": float(iou.mean()) >= MIOU_BAR,
    }  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--generator", default="demo", help="a name or a checkpoint file")
    parser.add_argument("--predictor", default="demo", help="a folder with attributes and segmenter.safetensors")
    parser.add_argument("--num", type=int, default=10_000, help="samples, and renders")
    parser.add_argument("--seed", type=int, default=0, help="of the samples")
    parser.add_argument("--predictors-only", action="store_true", help="leave the generator out")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from gantk.predictors.load import load_predictor

    predictor = load_predictor(arguments.predictor, code=True)
    if not isinstance(predictor, DemoPredictor):
        raise SystemExit(f"{arguments.predictor} does not read the factors of the bundled world")
    result = {"predictor": judge(predictor, n=max(BATCH, int(arguments.num * 0.4)))}
    if not arguments.predictors_only:
        from gantk.checkpoints.load import load_generator

        generator = load_generator(arguments.generator)
        result["generator"] = {
            "name": arguments.generator, **measure(generator, predictor, arguments.num, arguments.seed)
        }  # fmt: skip
    return result


def show(result: dict[str, Any]) -> str:
    """The same figures as Markdown: the bars, then the tables."""
    p, g = result["predictor"], result.get("generator")
    bars = [
        ("R2 of every factor", f">= {R2_BAR}", f"{p['worst_r2']:.4f} at worst", p["r2_pass"]),
        ("mean IoU of the classes", f">= {MIOU_BAR}", f"{p['miou']:.4f}", p["miou_pass"]),
    ]
    if g:
        worst = f"{g['worst_wasserstein']:.4f} at worst ({g['worst_factor']})"
        bars += [
            ("Wasserstein-1 of every factor", f"<= {WASSERSTEIN_BAR}", worst, g["wasserstein_pass"]),
            (
                "Frechet distance",
                f"< {g['frechet']['blurred']:.4f}",
                f"{g['frechet']['samples']:.4f}",
                g["frechet_pass"],
            ),
        ]
    parts = [table(("", "bar", "measured", ""), [(*bar[:3], "pass" if bar[3] else "FAIL") for bar in bars])]
    if g:
        f = g["frechet"]
        parts.append(
            f"Frechet distance to {g['n']} renders: {f['samples']:.4f} for as many samples, {f['blurred']:.4f} for "
            f"blurred renders, {f['renders']:.4f} for other renders."
        )
    columns = [("R2", p["r2"]), ("mean error", p["mae"]), ("bias", p["bias"]), ("count right", p["count_accuracy"])]
    if g:
        columns += [("Wasserstein-1, samples", g["wasserstein"]), ("other renders", g["wasserstein_renders"])]
    parts.append(_columns("factor", FACTOR_NAMES, columns))
    columns = [("IoU", p["iou"])]
    if g:
        columns += [("share, samples", g["class_share"]), ("share, renders", g["class_share_renders"])]
    parts.append(_columns("class", CLASSES, columns))
    return "\n\n".join(parts)


def _columns(what: str, names: Sequence[str], columns: list[tuple[str, dict[str, float]]]) -> str:
    rows = [(name, *(f"{values[name]:.4f}" if name in values else "" for _, values in columns)) for name in names]
    return table((what, *(title for title, _ in columns)), rows)
