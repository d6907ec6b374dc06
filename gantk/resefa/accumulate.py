"""The run of `gantk resefa jacobian`: region Grams of many samples, chunk by chunk, in shards.

Arrays of a run, all float64; those without [N] are sums over samples:

    gram_total [d, d]       gram_inside [R, d, d]       gram_margin [R, d, d] (only where there are margins)
    gram_rows [1 + 2R]      gram_brightness [R, d]      gram_codes [N, L, D] (wp after truncation, float32)

With `per_sample` the Grams keep their samples: [N, d, d], [N, R, d, d] and so on.

Legend: N samples, L rows of wp, D their width, d free coordinates, R regions, S x S pixels of the working size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator, Truncation
from gantk.resefa.gram import RegionGrams, region_grams
from gantk.resefa.jacobian import LocalJacobian, Output
from gantk.resefa.pictures import write_overlays
from gantk.resefa.regions import Regions
from gantk.resefa.variables import CodeMap, Variable
from gantk.runs.run import Run, progress
from gantk.store.chunks import CONCATENATE, SUM
from gantk.store.files import load_npy

CHECKED = 16  # samples whose regions are looked at together before the work begins
TOTAL, INSIDE, MARGIN, ROWS, BRIGHTNESS, CODES = (
    "gram_total", "gram_inside", "gram_margin", "gram_rows", "gram_brightness", "gram_codes"
)  # fmt: skip

Array = npt.NDArray[Any]


class Source(Protocol):
    """Where codes come from: `gantk.codes.source.CodeSource`."""

    generator: Generator
    total: int
    truncation: Truncation | None

    def batch(self, start: int, stop: int) -> Any:
        """Codes of samples start .. stop - 1, with z, w and wp."""

    def labels(self, start: int, stop: int) -> Tensor | None:
        """Their classes."""


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


def check_regions(source: Source, regions: Regions) -> None:
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


def accumulate(run: Run, source: Source, regions: Regions, plan: JacobianPlan) -> dict[str, Any]:
    """Add up the Grams of every sample into the run directory; continue where an earlier run stopped.

    Returns:
        The final arrays by name; nothing for a shard.
    """
    join = CONCATENATE if plan.per_sample else SUM
    names = [TOTAL, INSIDE, *([MARGIN] if regions.margin else []), ROWS, BRIGHTNESS]
    ledger = run.ledger({**dict.fromkeys(names, join), CODES: CONCATENATE}, source.total, plan.chunk)
    missing = ledger.missing()
    total = sum(stop - start for start, stop in map(ledger.grid.bounds, missing))
    run.output("regions", "the samples and their regions")
    with run.timed("jacobian"), progress(total, "jacobian", unit="sample") as bar:
        for index in missing:
            start, stop = ledger.grid.bounds(index)
            parts, codes = [], []
            for sample in range(start, stop):
                grams, wp_1LD, mask_RSS = sample_grams(source, sample, regions, plan)
                parts.append(grams)
                codes.append(wp_1LD.cpu().float().numpy())
                if sample < plan.preview:
                    write_overlays(run, source.generator, wp_1LD, mask_RSS, regions.names, sample)
                bar.update(1)
            ledger.write(index, {**_arrays(parts, names, plan.per_sample), CODES: np.concatenate(codes)})
    return run.assemble(ledger, {TOTAL: "squared change of the image", INSIDE: "of each region"})


def sample_jacobian(source: Source, sample: int, plan: JacobianPlan) -> tuple[LocalJacobian, Tensor]:
    """The Jacobian at one sample, and its wp [1, L, D]."""
    generator = source.generator
    codes = source.batch(sample, sample + 1)
    with torch.no_grad():
        wp_1LD = codes.wp.contiguous()
    label = source.labels(sample, sample + 1)
    code_map = CodeMap(generator, plan.variable, source.truncation, codes.z, label)
    return LocalJacobian(generator, wp_1LD, code_map, plan.output, plan.noise, plan.tangents), wp_1LD


def sample_grams(
    source: Source, sample: int, regions: Regions, plan: JacobianPlan
) -> tuple[RegionGrams, Tensor, Array]:
    """The Grams of one sample, its wp [1, L, D] and its regions [R, S, S]."""
    jacobian, wp_1LD = sample_jacobian(source, sample, plan)
    mask_1RSS, ring_1RSS = regions.sides(regions.masks(source.generator, wp_1LD, sample))
    return region_grams(jacobian, _flat(mask_1RSS), _flat(ring_1RSS)), wp_1LD, mask_1RSS[0]


def _flat(mask_1RSS: Array) -> Array:
    return mask_1RSS[0].reshape(mask_1RSS.shape[1], -1)


def _arrays(parts: list[RegionGrams], names: list[str], per_sample: bool) -> dict[str, Array]:
    fields = {TOTAL: "total", INSIDE: "inside", MARGIN: "margin", ROWS: "rows", BRIGHTNESS: "brightness"}
    found = {}
    for name in names:
        like = np.zeros_like(parts[0].inside)
        values = [getattr(part, fields[name]) for part in parts]
        values = [like if value is None else value for value in values]  # no pixel of this sample is in a margin
        found[name] = np.stack(values) if per_sample else np.sum(values, axis=0)
    return found


@dataclass(frozen=True)
class Accumulated:
    """What a finished run of `gantk resefa jacobian` holds.

    Attributes:
        grams: summed over samples.
        samples: each sample's, where the run kept them.
        results, arguments, command_line: of the run.
        code: argument -> name and sha256 of the code that it named.
    """

    grams: RegionGrams
    samples: tuple[RegionGrams, ...]
    results: dict[str, Any]
    arguments: dict[str, Any]
    command_line: str = ""
    code: dict[str, Any] = field(default_factory=dict)


def read_accumulated(directory: Any) -> Accumulated:
    """Read the arrays of a run directory.

    Raises:
        GantkError: there is no finished run of `gantk resefa jacobian` there.
    """
    from pathlib import Path

    from gantk.store.files import load_json

    folder = Path(directory)
    path = folder / "resefa-jacobian.run.json"
    if not path.is_file():
        raise GantkError(f"The folder {folder} holds no run of `gantk resefa jacobian`: give its --output-dir.")
    manifest = load_json(path)
    if manifest.get("arguments", {}).get("leading") is not None:
        raise GantkError(f"{folder} was made with --leading and has its directions already: it keeps no Gram matrices.")
    if manifest.get("state") != "complete" or not (folder / f"{INSIDE}.npy").is_file():
        raise GantkError(
            f"The run of `gantk resefa jacobian` in {folder} is {manifest.get('state')}: run the same command again, "
            "or merge its shards."
        )
    arrays = {name: load_npy(folder / f"{name}.npy") for name in (TOTAL, INSIDE, ROWS, BRIGHTNESS)}
    # a file may be there that an earlier run left, which --overwrite has forgotten
    margin = load_npy(folder / f"{MARGIN}.npy") if f"{MARGIN}.npy" in manifest["outputs"] else None
    kept: tuple[RegionGrams, ...] = ()
    if manifest["arguments"].get("per_sample"):
        kept = tuple(
            RegionGrams(
                arrays[TOTAL][n],
                arrays[INSIDE][n],
                None if margin is None else margin[n],
                arrays[ROWS][n],
                arrays[BRIGHTNESS][n],
            )
            for n in range(len(arrays[TOTAL]))
        )
        summed = kept[0]
        for part in kept[1:]:
            summed = summed + part
    else:
        summed = RegionGrams(arrays[TOTAL], arrays[INSIDE], margin, arrays[ROWS], arrays[BRIGHTNESS])
    if not np.isfinite(summed.total).all():
        raise UsageError(f"The Grams in {folder} are not finite: the generator overflows there; check its codes.")
    return Accumulated(
        summed,
        kept,
        manifest["results"],
        manifest["arguments"],
        str(manifest.get("argv") or ""),
        manifest.get("code") or {},
    )
