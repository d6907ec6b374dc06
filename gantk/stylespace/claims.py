"""What the page of `gantk stylespace` says, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.runs.claims import Claims, advise, counted, doubt, found

if TYPE_CHECKING:
    from gantk.stylespace.found import ForRegion, StylespaceResult


LEAST = 8
"""Samples below which a page doubts what was chosen by them."""


def _counts(result: StylespaceResult) -> str:
    local = sum(result.belonging)
    found = len({part.attribute for part in result.by_attribute})
    names = f", and {counted(found, 'attribute')} {'has' if found == 1 else 'have'} a best channel" if found else ""
    return (
        f"{local} of {counted(result.channels, 'channel')} of the styles (space s) "
        f"{'changes' if local == 1 else 'change'} one of {counted(len(result.regions), 'region')} more than the "
        f"others{names}."
    )


def _clearest(result: StylespaceResult) -> ForRegion:
    return max(result.by_region, key=lambda part: part.locality)


STYLESPACE: Claims[StylespaceResult] = (
    found(_counts),
    found(
        lambda r: (
            f"The most local one listed is `{_clearest(r).channel}`: per pixel it changes the region "
            f"{_clearest(r).region} {_clearest(r).locality:.1f} times as much as the rest of the image."
        ),
        lambda r: bool(r.by_region) and _clearest(r).locality > 1,
    ),
    doubt(
        lambda r: (
            f"Regions were looked at in {counted(r.looked, 'sample')} only, so that a channel may belong to another "
            "region in other samples: raise `--looked`."
        ),
        lambda r: r.looked < LEAST,
    ),
    doubt(
        lambda r: (
            f"The channels of attributes were chosen by the {counted(r.chosen, 'highest scored sample')} only, so that "
            "other samples may give other channels: raise `--num` or `--chosen`."
        ),
        lambda r: bool(r.by_attribute) and r.chosen < LEAST,
    ),
    advise(
        lambda r: (
            f"`gantk manipulate MODEL RUN/directions/{r.directions[0].name}.safetensors --pick 0` moves samples "
            f"along the best channel of {r.directions[0].name}."
        ),
        lambda r: bool(r.directions),
    ),
)
