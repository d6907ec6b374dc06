"""`gantk ghfeat mix` and `harmonize`: pictures from the codes of several images.

Shape legend: N images, C channels, H x W pixels.
"""

from __future__ import annotations

import torch

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.ghfeat import mixing
from gantk.ghfeat.calibration import style_layout
from gantk.ghfeat.codes import choose_rows
from gantk.ghfeat.defaults import encoder_for
from gantk.ghfeat.metrics import at_size, decode, encode
from gantk.ghfeat.options import HarmonizeOptions, MixOptions
from gantk.ghfeat.picture_results import Grid, HarmonizeResult, Harmony, MixResult
from gantk.ghfeat.subject import images_for, keep_images, keep_subject, region_of, subject_of
from gantk.runs.stores import Store
from gantk.runs.task import verb


@verb(MixOptions)
def mix(
    generator: Generator,
    content: object,
    style: object,
    encoder: object = None,
    *,
    options: MixOptions,
    store: Store,
) -> MixResult:
    """Mix images by level: some rows of each style in each content (Xu et al. 2021, section 4.1).

    Without rows or levels there is a grid for every two levels, finest first, as in the paper.

    Args:
        generator: any family with styles.
        content: images or codes that give what is not taken, see `edit`.
        style: images or codes whose rows are taken.
        encoder: `gantk.load_encoder`; default: the bundled one of a bundled generator.
        options: `MixOptions`, or its fields as keywords.

    Raises:
        UsageError: rows and levels at once, one that does not exist, or no encoder.
        GantkError: an image cannot be read, or the encoder is another generator's.
    """
    _, row_of = style_layout(generator)
    sets = _sets(generator, options)
    base, other = (subject_of(generator, given, encoder, options) for given in (content, style))
    grids = []
    for number, (title, rows) in enumerate(sets):
        cells = []
        for s in range(len(other)):
            one = [layer[s : s + 1].expand(len(base), -1) for layer in other.styles]
            made = decode(generator, mixing.mix(base.styles, one, rows, row_of))
            cells.append(keep_images(store, made, f"mix_{number}_{s}"))
        grids.append(Grid(title=title, rows=tuple(rows), cells=tuple(cells)))
    return MixResult(
        content=keep_subject(store, base, "content_"), style=keep_subject(store, other, "style_"), grids=tuple(grids)
    )


def _sets(generator: Generator, options: MixOptions) -> list[tuple[str, list[int]]]:
    """The rows that were asked for, or the paper's sets: levels two by two."""
    count = generator.spec.num_layers
    if options.rows is not None or options.levels is not None:
        rows, title = choose_rows(options.rows, options.levels, count)
        return [(title, rows)]
    return [
        (f"levels {count - 1 - rows[-1]}-{count - 1 - rows[0]}, rows {rows[0]}-{rows[-1]}", rows)
        for rows in mixing.pairs_of_rows(count)
    ]


@verb(HarmonizeOptions)
@torch.no_grad()
def harmonize(
    generator: Generator,
    images: object,
    patch: object,
    mask: object = None,
    encoder: object = None,
    *,
    options: HarmonizeOptions,
    store: Store,
) -> HarmonizeResult:
    """Paste a region of another image and let encoder and generator make one picture of it (section 4.3).

    Args:
        generator: any family with styles.
        images: that are pasted on: paths or arrays, see `gantk.ghfeat.photos_of`.
        patch: what is pasted; one image for all, or one for each.
        mask: where, as an image (white) or an array [H, W]; or the box of the options.
        encoder: `gantk.load_encoder`; default: the bundled one of a bundled generator.
        options: `HarmonizeOptions`, or its fields as keywords.

    Raises:
        UsageError: no region or two, more rows kept than there are, patches that do not fit, or no encoder.
        GantkError: an image cannot be read, or the encoder is another generator's.
    """
    loaded = encoder_for(generator, encoder)
    spec, size = generator.spec, loaded.encoder.config.resolution
    if options.keep_fine > spec.num_layers:
        raise UsageError(f"--keep-fine {options.keep_fine} is more than the {spec.num_layers} rows of this generator.")
    if spec.resolution != size and options.blend_back:
        raise UsageError(
            f"--blend-back needs an encoder that reads images of the generator's {spec.resolution} pixels, and this "
            f"one reads {size}: leave it out."
        )
    mask_HW = mixing.feather(region_of(options.box, mask, size), options.feather).to(generator.device)
    names, base = images_for(loaded, images, options)
    _, pieces = images_for(loaded, patch, options)
    if len(pieces) not in (1, len(base)):
        raise UsageError(f"{len(pieces)} patches do not fit {len(base)} images: give one, or one for each.")
    base, pieces = base.to(generator.device), pieces.to(generator.device)
    pasted = mixing.paste(base, pieces, mask_HW)
    styles = encode(loaded.encoder, pasted)
    if options.keep_fine:  # the base's own, to keep its colours
        kept = range(spec.num_layers - options.keep_fine, spec.num_layers)
        styles = mixing.mix(styles, encode(loaded.encoder, base), kept, loaded.encoder.config.rows)
    made = at_size(decode(generator, styles), size)
    if options.blend_back:
        made = mixing.paste(base, made, mask_HW)
    outside = (1 - mask_HW).to(made)
    change = ((made - base).abs().mean(1) * outside).sum() / outside.sum().clamp(min=1) / len(made)
    shown = [keep_images(store, x, stem)
             for x, stem in ((base, "original"), (pasted, "pasted"), (made, "harmonized"))]  # fmt: skip
    found = tuple(
        Harmony(name=name, original=a, pasted=b, harmonized=c) for name, a, b, c in zip(names, *shown, strict=True)
    )
    return HarmonizeResult(images=found, outside=change.item(), against_paste=(made - pasted).square().mean().item())
