"""The pictures of docs/images: samples beside renders, every family's samples, and what the shipped boundaries do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SHOWN = ("time_of_day", "season", "material", "window_light", "horizon", "house_size", "trees", "clouds")
STEPS_SHOWN, TILE, GAP = 7, 96, 3
SHEET_COLUMNS, SHEET_ROWS = 8, 12
FAMILY_COLUMNS = 12


def sheet(model: str, seed: int) -> Image.Image:
    """The first samples of the generator, none left out, beside the first renders."""
    import torch

    from gantk import load_generator
    from gantk.pictures.images import to_uint8
    from gantk.world.renderer import render, sample_scene

    generator, count = load_generator(model), SHEET_COLUMNS * SHEET_ROWS
    with torch.inference_mode():
        w_ND = generator.map(generator.sample_z(count, seed=seed))
        drawn = to_uint8(generator.synthesize(generator.expand(w_ND)))
        rendered = to_uint8(render(*sample_scene(count, seed)).image_NCHW)
    size, head, margin = 64, 40, 28
    width = SHEET_COLUMNS * (size + GAP) - GAP
    height = SHEET_ROWS * (size + GAP) - GAP
    canvas, draw, font = paper(2 * width + margin, head + height, 24)
    for side, (title, pictures) in enumerate((("samples", drawn), ("renders", rendered))):
        left = side * (width + margin)
        draw.text((left + width / 2, head / 2 - 3), title, fill=(60, 66, 70), font=font, anchor="mm")
        for place, picture in enumerate(pictures):
            row, column = divmod(place, SHEET_COLUMNS)
            canvas.paste(pillow(picture), (left + column * (size + GAP), head + row * (size + GAP)))
    return canvas


def families(seed: int) -> Image.Image:
    """The first samples of every bundled generator that was trained, none left out: a row each."""
    import torch
    from PIL import Image

    from gantk import load_generator
    from gantk.checkpoints.names import bundled
    from gantk.pictures.images import to_uint8

    names = [name for name, path in bundled().items() if path is not None]
    margin, tile = 168, 64
    width, height = margin + FAMILY_COLUMNS * (tile + GAP) - GAP, len(names) * (tile + GAP) - GAP
    canvas, draw, font = paper(width, height, 17)
    for row, name in enumerate(names):
        generator, top = load_generator(name), row * (tile + GAP)
        draw.text((margin - 14, top + tile / 2), name, fill=(60, 66, 70), font=font, anchor="rm")
        with torch.inference_mode():
            label = generator.sample_label(FAMILY_COLUMNS, seed=seed)
            w_ND = generator.map(generator.sample_z(FAMILY_COLUMNS, seed=seed), label)
            pictures = to_uint8(generator.synthesize(generator.expand(w_ND)))
        for column, picture in enumerate(pictures):
            shown = pillow(picture).resize((tile, tile), Image.Resampling.LANCZOS)
            canvas.paste(shown, (margin + column * (tile + GAP), top))
    return canvas


def edits(model: str, seed: int) -> Image.Image:
    """What the shipped boundaries do: one row of pictures each, from one end of the scale to the other.

    Each starts from that one of 200 samples whose factor lies nearest to the middle, so that both ends are a change.
    """
    import numpy as np
    import torch
    from PIL import Image

    from gantk import load_direction, load_generator
    from gantk.pictures.images import to_uint8
    from gantk.predictors.load import load_predictor

    generator, predictor = load_generator(model), load_predictor("demo")
    margin, head = 148, 34
    width = margin + STEPS_SHOWN * (TILE + GAP) - GAP
    canvas, draw, font = paper(width, head + len(SHOWN) * (TILE + GAP) - GAP, 19)
    right = margin + STEPS_SHOWN * (TILE + GAP) - GAP
    for x, anchor, text in ((margin, "lm", "less"), ((margin + right) / 2, "mm", "a sample"), (right, "rm", "more")):
        draw.text((x, head / 2 - 2), text, fill=(110, 118, 122), font=font, anchor=anchor)
    with torch.inference_mode():
        w_ND = generator.map(generator.sample_z(200, seed=seed + 7))
        score_NA = torch.cat([predictor.attributes(generator.synthesize(generator.expand(w))) for w in w_ND.split(50)])
        for row, name in enumerate(SHOWN):
            direction = load_direction(name, generator)
            score_N = score_NA[:, predictor.attribute_names.index(name)]
            middle = (score_N.quantile(0.02) + score_N.quantile(0.98)) / 2
            wp_NLD = generator.expand(w_ND[(score_N - middle).abs().argmin()][None])
            distances = np.linspace(-direction.scale, direction.scale, STEPS_SHOWN)
            moved = torch.cat([direction.apply(wp_NLD, float(distance)) for distance in distances])
            top = head + row * (TILE + GAP)
            draw.text((margin - 14, top + TILE / 2), name, fill=(60, 66, 70), font=font, anchor="rm")
            for column, picture in enumerate(to_uint8(generator.synthesize(moved))):
                tile = pillow(picture).resize((TILE, TILE), Image.Resampling.LANCZOS)
                canvas.paste(tile, (margin + column * (TILE + GAP), top))
    return canvas


def paper(width: int, height: int, size: int) -> tuple[Image.Image, ImageDraw.ImageDraw, Font]:
    """A white canvas, its pen and a font."""
    from PIL import Image, ImageDraw, ImageFont

    canvas = Image.new("RGB", (width, height), (255, 255, 255))
    return canvas, ImageDraw.Draw(canvas), ImageFont.load_default(size)


def pillow(picture_HWC: np.ndarray) -> Image.Image:
    from PIL import Image

    return Image.fromarray(picture_HWC)
