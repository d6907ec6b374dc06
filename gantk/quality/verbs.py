"""The verb of quality: two sets of images compared by their features.

Shape legend: N samples, M real images, F features.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from gantk.codes.given import GivenCodes
from gantk.codes.latents import parse_truncation
from gantk.codes.source import CodeSource, show_truncation
from gantk.errors import GantkError, UsageError
from gantk.generators.arguments import described
from gantk.generators.base import Generator
from gantk.predictors.base import Predictor
from gantk.quality.comparison import compare
from gantk.quality.options import DRAWN, MOST, CompareOptions
from gantk.quality.results import Matched, Quality, QualityResult, Shown
from gantk.quality.sources import (
    AtHand,
    Drawn,
    OfFolder,
    Pictures,
    Side,
    Titled,
    features_of,
    images_of,
    pixels_of,
    read_folder,
    reader_for,
)
from gantk.runs.claims import counted
from gantk.runs.inputs import numbered
from gantk.runs.options import LARGEST_SEED
from gantk.runs.stores import Store
from gantk.runs.task import verb
from gantk.store.memory import require

PIXELS = 128  # of a picture's longer side on the page

Given = Generator | Titled | Pictures | str | Path | Tensor | npt.NDArray[Any]


@verb(CompareOptions)
def measure(
    samples: Given, reals: Given, reader: Predictor | None = None, *, options: CompareOptions, store: Store
) -> QualityResult:
    """Say how near samples are to real images: Frechet and kernel distance, precision, recall, density, coverage.

    Args:
        samples: a generator, a folder of images, or images of torch or numpy: floats [N, C, H, W] in [-1, 1], or uint8
            [N, H, W, C].
        reals: the same; where it is a generator, it is not truncated, and drawn from the next seed.
        reader: whose features images are compared by; by default the bundled predictor for bundled generators, else
            `imagenet`. Only with `inception` are the distances FID and KID.

    Raises:
        UsageError: a folder without images, truncation or a label for images, or more neighbours than there are images.
        GantkError: no features are installed, or there are fewer than four images.
    """
    samples, reals = (read_folder(side) if isinstance(side, (str, Path)) else side for side in (samples, reals))
    samples, reals = (images_of(side) if isinstance(side, (Tensor, np.ndarray)) else side for side in (samples, reals))
    titles = [side.name if isinstance(side, Titled) else None for side in (samples, reals)]
    samples, reals = (side.generator if isinstance(side, Titled) else side for side in (samples, reals))
    for name in ("truncation", "seeds"):
        if not isinstance(samples, Generator) and getattr(options, name) is not None:
            raise UsageError(f"--{name} {getattr(options, name)} is for a generator, and MODEL is a set of images.")
    if options.label is not None and not any(isinstance(side, Generator) for side in (samples, reals)):
        shown = options.label if isinstance(options.label, str) else "of each sample"
        raise UsageError(f"--label {shown} is for a generator, and both sides are sets of images.")
    reader = reader_for(samples, reals, None) if reader is None else reader
    can = isinstance(samples, Generator) and samples.spec.can_truncate
    truncation = parse_truncation(options.truncation, samples.spec) if isinstance(samples, Generator) else None
    total = _total(samples, reals, options.num)
    listed = numbered(options, samples, "num") if isinstance(samples, Generator) else None
    pulled = None if truncation is None else options.truncation
    first = _side(samples, total if listed is None else len(listed), options.seed, options, pulled, titles[0], listed)
    second = _side(reals, total, (options.seed + 1) % LARGEST_SEED, options, "none", titles[1])
    _check_sizes(first, second, options.neighbours)
    sample_NF = _features(store, "sample_features", first, reader, options.batch_size)
    real_MF = _features(store, "real_features", second, reader, options.batch_size)
    with store.timed("comparison"):
        found = compare(
            sample_NF, real_MF, reader.name, neighbours=options.neighbours, subsets=options.subsets,
            shown=options.nearest, seed=options.seed,
        )  # fmt: skip
    order = np.argsort(found.nearest_distance_NK[:, 0], kind="stable")
    count = min(options.shown, len(order) // 2)
    unreached = found.unreached[: options.unreached]
    return QualityResult(
        samples=first.name,
        reals=second.name,
        truncation=show_truncation(truncation) if can else None,
        found=found,
        closest=_matched(store, "closest", first, second, found, order[:count]),
        furthest=_matched(store, "furthest", first, second, found, order[::-1][:count]),
        missed=_shown(store, "missed", second, unreached),
    )


def _total(samples: object, reals: object, num: int | None) -> int:
    """How many images a side has at most."""
    if num is not None:
        return num
    sizes = [len(side.files) if isinstance(side, Pictures) else len(side)
             for side in (samples, reals) if isinstance(side, (Pictures, Tensor))]  # fmt: skip
    return min(MOST, max(sizes)) if sizes else DRAWN


def _check_sizes(samples: Side, reals: Side, neighbours: int) -> None:
    """Refuse sets whose halves are too small before any work.

    Raises:
        GantkError: fewer than four images. UsageError: more neighbours than half a set has.
    """
    small = min((samples, reals), key=lambda side: side.total)
    if small.total < 4:
        raise GantkError(f"{small.name} has {counted(small.total)}: at least 4 are needed, better 1000.")
    n, m = samples.total, reals.total
    require(4 * (n**2 + m**2 + n * m), f"The distances between {n} and {m} images", "give a smaller --num")
    most = small.total // 2 - 1
    if neighbours > most:
        raise UsageError(
            f"--neighbours {neighbours} does not fit half of {small.total} images, which intervals are of: give "
            f"at most {most}, or more images."
        )


def _side(
    given: object, total: int, seed: int, options: CompareOptions, truncation: str | None, title: str | None,
    listed: GivenCodes | None = None,
) -> Side:  # fmt: skip
    if isinstance(given, Generator):
        # a network that takes no label has none, whatever the other side asks for
        label = options.label if given.spec.label_dim else None
        pulled = parse_truncation(truncation, given.spec)
        return Drawn(given, CodeSource(given, total, seed, pulled, label=label, codes=listed), title)
    if isinstance(given, Pictures):
        return OfFolder(given, total)
    if isinstance(given, Tensor):
        return AtHand(given, total)
    raise UsageError(
        f"The images are {described(given)}: give a generator, a folder, or images [N, C, H, W] in [-1, 1]."
    )


def _features(store: Store, name: str, side: Side, reader: Predictor, batch: int) -> npt.NDArray[np.float32]:
    kept = store.kept(name)
    if kept is not None:
        return kept
    with store.timed("features"):
        read = features_of(side, reader, batch, name.replace("_", " "))
    return store.keep(name, read, f"features of {side.name}, [N, F]")


def _matched(
    store: Store, name: str, samples: Side, reals: Side, found: Quality, indices: npt.NDArray[np.int64]
) -> tuple[Matched, ...]:
    rows = []
    for place, (index, sample) in enumerate(zip(indices, _shown(store, name, samples, indices), strict=True)):
        near = _shown(store, f"{name}-{place:02d}", reals, found.nearest_NK[index])
        distances = tuple(float(value) for value in found.nearest_distance_NK[index])
        rows.append(Matched(sample=sample, nearest=near, distances=distances))
    return tuple(rows)


def _shown(store: Store, name: str, side: Side, indices: npt.NDArray[np.int64]) -> tuple[Shown, ...]:
    from PIL import Image

    named = {}
    for place, pixels in enumerate(pixels_of(side, indices.tolist())):
        picture = Image.fromarray(pixels)
        picture.thumbnail((PIXELS, PIXELS))
        named[f"images/{name}-{place:03d}.png"] = np.array(picture)
    kept = zip(indices, store.keep_pictures(named), strict=True)
    return tuple(Shown(name=side.called(int(index)), image=image) for index, image in kept)
