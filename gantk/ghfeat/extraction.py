"""`gantk ghfeat extract`: codes of many images, encoded in chunks, refined on request, with figures of how close.

Shape legend: N images, S the summed width of all styles, L rows of wp, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError
from gantk.generators.base import Generator
from gantk.generators.probe import probe_of
from gantk.generators.probed import Probe
from gantk.ghfeat.bridge import styles_to_wp
from gantk.ghfeat.calibration import style_layout
from gantk.ghfeat.codes import Codes, tile
from gantk.ghfeat.defaults import encoder_for, perception_for
from gantk.ghfeat.figures import Pair
from gantk.ghfeat.losses import Perception
from gantk.ghfeat.metrics import at_size, closeness, decode
from gantk.ghfeat.options import ExtractOptions
from gantk.ghfeat.photos import Images, marked
from gantk.ghfeat.projection import ProjectionPlan, project_all
from gantk.ghfeat.results import ExtractResult
from gantk.pictures.images import to_uint8
from gantk.runs.results import record
from gantk.runs.stores import Store, remaining
from gantk.runs.task import verb
from gantk.store.progress import progress

STYLES, FIGURES = "styles", "figures"
IMAGES = "images"
SHOWN = 24
Array = npt.NDArray[Any]


@record
class ExtractFacts:
    """What `conclude` needs beside the arrays; see `ExtractResult`."""

    names: tuple[str, ...]
    stems: tuple[str, ...]
    widths: tuple[int, ...]
    rows: tuple[int, ...]
    probe: Probe
    encoder: str
    encoder_sha256: str


@verb(ExtractOptions)
def extract(
    generator: Generator,
    images: object,
    encoder: object = None,
    metric: object = None,
    *,
    options: ExtractOptions,
    store: Store,
) -> ExtractResult:
    """Encode images into a generator's styles (Xu et al. 2021, section 3.2).

    Args:
        generator: any family with styles.
        images: paths, folders, archives or arrays, see `gantk.ghfeat.photos_of`.
        encoder: `gantk.load_encoder`; default: the bundled one of a bundled generator.
        metric: the feature distance of figures and refinement: a predictor with feature maps, `vgg16` or `none`;
            default: `demo` for a bundled generator.
        options: `ExtractOptions`, or its fields as keywords.

    Returns:
        Codes, which `edit` and `mix` take, and how close their pictures are.

    Raises:
        UsageError: no encoder, or widths that have no layout of the original.
        GantkError: an image cannot be read, or the encoder is another generator's.
    """
    loaded = encoder_for(generator, encoder)
    distance = perception_for(generator, metric)
    config = loaded.encoder.config
    if options.tiled:
        tile([np.zeros((1, width), np.float32) for width in config.widths])  # refuses what has no such layout
    given = Images(images, config.resolution, options.fit, options.skip_unreadable, config.image_channels).check()
    widths, rows = style_layout(generator)
    renders = options.reconstruct or options.steps > 0
    chunks = store.chunks([STYLES, *([FIGURES] if renders else [])], len(given), options.chunk)
    steps, count = remaining(chunks, options.batch_size)
    network, stems = loaded.encoder.folded(), given.photos.stems()
    columns: dict[str, list[Array]] = {name: [] for name in chunks.joins}
    futures: list[Future[Any]] = []
    with (
        store.timed("extraction"),
        store.pictures() as pictures,
        progress(count, "extract", unit="img") as bar,
    ):
        reads = given.batches([(a, b) for _, a, b in steps])
        for (index, start, stop), (image, good_N) in zip(steps, reads, strict=True):
            image = image.to(generator.device)
            with torch.inference_mode():
                styles = network(image.contiguous(memory_format=torch.channels_last))
            made = None
            if options.steps:
                styles, made = _refine(generator, image, styles, options.steps, distance)
            elif renders:
                made = decode(generator, styles, options.batch_size)
            columns[STYLES].append(marked(torch.cat(list(styles), 1), good_N))
            if made is not None:
                close_N3 = closeness(image, at_size(made, config.resolution), distance)
                columns[FIGURES].append(marked(close_N3, good_N))
                last = stop if options.save_images else min(stop, SHOWN)
                for name, drawn in (("ori", image), ("enc", made)):
                    names = [f"{IMAGES}/{stems[i]}_{name}.png" for i in range(start, last)]
                    if names:
                        futures += pictures.write(names, to_uint8(drawn[: len(names)]))
            bar.update(stop - start)
            if stop == chunks.grid.bounds(index)[1]:
                for future in futures:
                    future.result()
                chunks.write(index, {name: np.concatenate(column) for name, column in columns.items()})
                columns, futures = {name: [] for name in columns}, []
    facts = ExtractFacts(
        names=given.names,
        stems=tuple(stems),
        widths=widths,
        rows=rows,
        probe=probe_of(generator),
        encoder=loaded.name,
        encoder_sha256=loaded.sha256,
    )
    return conclude(store.assemble(chunks, facts), facts, options, store, generator)


def _refine(
    generator: Generator, image: Tensor, styles: Sequence[Tensor], steps: int, metric: Perception | None
) -> tuple[tuple[Tensor, ...], Tensor]:
    plan = ProjectionPlan("s", steps, rate=0.02, prior=1e-4, frames=0)
    found = project_all(generator, image, plan, metric, [style.clone() for style in styles])
    assert isinstance(found.codes, tuple)
    return found.codes, found.image_NCHW


def conclude(
    arrays: Mapping[str, Array],
    facts: ExtractFacts,
    options: ExtractOptions,
    store: Store,
    generator: Generator | None = None,
) -> ExtractResult:
    """The result of whole arrays.

    Args:
        generator: needed where wp is asked for.

    Raises:
        GantkError: none of the images could be read.
    """
    styles = arrays[STYLES]
    kept = np.flatnonzero(np.isfinite(styles).all(1))
    if not len(kept):
        raise GantkError("none of the images could be read")
    wp = off = None
    if options.wp:
        assert generator is not None
        codes = Codes(tuple(np.split(styles[kept], np.cumsum(facts.widths)[:-1], 1)), facts.rows)
        wp_NLD, off_NL = styles_to_wp(generator, codes.tensors(generator.device))
        wp, off = wp_NLD.cpu().numpy(), off_NL.mean(0).cpu().numpy()
    files = [(facts.names[i], *(f"{IMAGES}/{facts.stems[i]}_{what}.png" for what in ("ori", "enc"))) for i in kept]
    return ExtractResult(
        names=facts.names,
        kept=kept,
        styles=styles,
        widths=facts.widths,
        rows=facts.rows,
        probe=facts.probe,
        encoder=facts.encoder,
        encoder_sha256=facts.encoder_sha256,
        refine=options.steps,
        figures=arrays.get(FIGURES),
        pairs=tuple(
            Pair(name=name, original=store.picture(a), reconstruction=store.picture(b))
            for name, a, b in files
            if store.has_picture(a) and store.has_picture(b)
        )[:SHOWN],
        tiled=options.tiled,
        wp=wp,
        off_manifold=off,
    )
