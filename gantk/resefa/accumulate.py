"""Region Grams of many samples, chunk by chunk.

Arrays that are accumulated, all float64; those without [N] are sums over samples:

    gram_total [d, d]       gram_inside [R, d, d]       gram_margin [R, d, d] (only where there are margins)
    gram_rows [1 + 2R]      gram_brightness [R, d]      gram_codes [N, L, D] (wp after truncation, float32)

With `per_sample` the Grams keep their samples: [N, d, d], [N, R, d, d] and so on.

Legend: N samples, L rows of wp, D their width, d free coordinates, R regions, S x S pixels of the working size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.source import CodeSource
from gantk.errors import GantkError
from gantk.resefa.derivative import LocalJacobian, Output
from gantk.resefa.gram import RegionGrams, passed_columns, region_grams
from gantk.resefa.pictures import keep_overlays
from gantk.resefa.regions import Regions
from gantk.resefa.results import Grams
from gantk.resefa.variables import CodeMap, Variable
from gantk.runs.stores import Chunks, Store, remaining
from gantk.store.chunks import CONCATENATE, SUM
from gantk.store.progress import progress

CHECKED = 16  # samples whose regions are looked at together before the work begins
TOTAL, INSIDE, MARGIN, ROWS, BRIGHTNESS, CODES = (
    "gram_total", "gram_inside", "gram_margin", "gram_rows", "gram_brightness", "gram_codes"
)  # fmt: skip

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class JacobianPlan:
    """What to accumulate.

    Attributes:
        variable: what is differentiated.
        output: of the image.
        noise: as `synthesize` takes it.
        tangents: at once; None chooses.
        chunk: samples per chunk of the ledger.
        per_sample: keep each sample's Grams instead of their sum.
        preview: samples whose regions are drawn for the page.
    """

    variable: Variable
    output: Output
    noise: str = "const"
    tangents: int | None = None
    chunk: int = 1
    per_sample: bool = False
    preview: int = 4


def check_regions(source: CodeSource, regions: Regions) -> None:
    """Refuse regions that are empty, or cover everything, in all samples, before any work.

    Samples without a region only add nothing to it, so they are looked at until every region was seen: mostly a few.
    """
    total = 1 if regions.are_fixed else source.total
    if regions.labels is not None and not regions.are_fixed:
        regions.labels.check(total)
    seen_2R = np.zeros((2, len(regions.items)), dtype=np.bool_)
    for start in range(0, total, CHECKED):
        wp_NLD = source.batch(start, min(start + CHECKED, total)).wp
        seen_2R |= regions.seen(regions.masks(source.generator, wp_NLD, start))
        if seen_2R.all():
            return
    regions.check(seen_2R)


def accumulate(store: Store, source: CodeSource, regions: Regions, plan: JacobianPlan) -> Chunks:
    """Compute the Grams of every sample that this process still has to do; see above for the arrays."""
    join = CONCATENATE if plan.per_sample else SUM
    names = [TOTAL, INSIDE, *([MARGIN] if regions.margin else []), ROWS, BRIGHTNESS]
    each = source.bytes_of(source.spaces[0])
    chunks = store.chunks({**dict.fromkeys(names, join), CODES: CONCATENATE}, source.total, plan.chunk, each)
    todo, samples = remaining(chunks)
    colours = source.generator.spec.image_channels if plan.output.channels == "rgb" else 1
    columns = passed_columns(plan.variable.dim, (colours, plan.output.size, plan.output.size))
    with store.timed("jacobian"), progress(columns * samples, "jacobian", unit="column") as bar:
        for index, start, stop in todo:
            parts, codes = [], []
            for sample in range(start, stop):
                grams, wp_1LD, mask_RSS = sample_grams(source, sample, regions, plan, bar.update)
                parts.append(grams)
                codes.append(wp_1LD.cpu().float().numpy())
                if sample < plan.preview:
                    keep_overlays(store, source.generator, wp_1LD, mask_RSS, regions.names, sample)
            chunks.write(index, {**_arrays(parts, names, plan.per_sample), CODES: np.concatenate(codes)})
    return chunks


def sample_jacobian(source: CodeSource, sample: int, plan: JacobianPlan) -> tuple[LocalJacobian, Tensor]:
    """The Jacobian at one sample, and its wp [1, L, D]."""
    generator = source.generator
    codes = source.batch(sample, sample + 1)
    with torch.no_grad():
        wp_1LD = codes.wp.contiguous()
    label = source.labels(sample, sample + 1)
    code_map = CodeMap(generator, plan.variable, source.truncation, codes.z, label)
    return LocalJacobian(generator, wp_1LD, code_map, plan.output, plan.noise, plan.tangents), wp_1LD


def sample_grams(
    source: CodeSource, sample: int, regions: Regions, plan: JacobianPlan, tick: Callable[[int], object] | None = None
) -> tuple[RegionGrams, Tensor, Array]:
    """The Grams of one sample, its wp [1, L, D] and its regions [R, S, S]."""
    jacobian, wp_1LD = sample_jacobian(source, sample, plan)
    mask_RSS, ring_RSS = (side[0] for side in regions.sides(regions.masks(source.generator, wp_1LD, sample)))
    inside_RP, ring_RP = (side.reshape(len(side), -1) for side in (mask_RSS, ring_RSS))
    return region_grams(jacobian, inside_RP, ring_RP, tick=tick), wp_1LD, mask_RSS


def _arrays(parts: list[RegionGrams], names: list[str], per_sample: bool) -> dict[str, Array]:
    fields = {TOTAL: "total", INSIDE: "inside", MARGIN: "margin", ROWS: "rows", BRIGHTNESS: "brightness"}
    found = {}
    for name in names:
        like = np.zeros_like(parts[0].inside)
        values = [getattr(part, fields[name]) for part in parts]
        values = [like if value is None else value for value in values]  # no pixel of this sample is in a margin
        found[name] = np.stack(values) if per_sample else np.sum(values, axis=0)
    return found


def grams_of(arrays: Mapping[str, Array], per_sample: bool) -> Grams:
    """The accumulated arrays as a record.

    Raises:
        GantkError: they are not finite.
    """
    if not np.isfinite(arrays[TOTAL]).all():
        raise GantkError("The Gram matrices are not finite: the generator overflows at these codes; check them.")
    return Grams(
        per_sample=per_sample,
        total=arrays[TOTAL],
        inside=arrays[INSIDE],
        margin=arrays.get(MARGIN),
        rows=arrays[ROWS],
        brightness=arrays[BRIGHTNESS],
        codes=arrays[CODES],
    )


def samples_of(grams: Grams) -> tuple[RegionGrams, ...]:
    """Each sample's Grams; nothing where only their sum was kept."""
    if not grams.per_sample:
        return ()
    margins = [None] * len(grams.total) if grams.margin is None else list(grams.margin)
    each = zip(grams.total, grams.inside, margins, grams.rows, grams.brightness, strict=True)
    return tuple(RegionGrams(*parts) for parts in each)


def summed(grams: Grams) -> RegionGrams:
    """The Grams summed over samples."""
    samples = samples_of(grams)
    if not samples:
        return RegionGrams(grams.total, grams.inside, grams.margin, grams.rows, grams.brightness)
    return sum(samples[1:], samples[0])
