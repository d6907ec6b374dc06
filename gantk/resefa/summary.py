"""How large the regions are, how they respond, and how well their quotients are posed."""

from __future__ import annotations

import numpy as np

from gantk.errors import UsageError
from gantk.resefa.gram import RegionGrams
from gantk.resefa.pictures import overlay_name
from gantk.resefa.results import JacobianFacts, RegionResponse
from gantk.resefa.solve import SINGULAR
from gantk.runs.stores import Store
from gantk.runs.structure import Image

SHOWN = 24  # eigenvalues of a spectrum


def responses(grams: RegionGrams, facts: JacobianFacts, store: Store) -> tuple[RegionResponse, ...]:
    """Share of the image, root mean square change, spectra and pictures of every region.

    Raises:
        UsageError: a region was empty in every sample, or covered every one.
    """
    return tuple(_response(grams, place, facts, store) for place in range(len(facts.places)))


def _response(grams: RegionGrams, place: int, facts: JacobianFacts, store: Store) -> RegionResponse:
    name = facts.names[place]
    try:
        inside, outside = grams.pair(place)
    except UsageError:
        share = "is empty in" if grams.rows[1 + place] == 0 else "covers the whole of"
        raise UsageError(f"The region {name!r} {share} every sample: choose another one, or more samples.") from None
    spectrum = np.linalg.eigvalsh(outside)[::-1]
    inner = np.linalg.eigvalsh(inside)[::-1]
    low, high = float(spectrum[-1]), float(spectrum[0])
    return RegionResponse(
        name=name,
        text=facts.places[place].text,
        share=float(grams.rows[1 + place] / grams.rows[0]),
        inside=float(np.sqrt(np.trace(inside) / len(inside))),
        outside=float(np.sqrt(np.trace(outside) / len(outside))),
        rank=int((inner > 1e-10 * max(inner[0], 1e-300)).sum()),
        condition=high / low if low > SINGULAR * high else None,
        spectrum_inside=np.sqrt(np.maximum(inner[:SHOWN], 0)),
        spectrum_outside=np.sqrt(np.maximum(spectrum[:SHOWN], 0)),
        pictures=overlays(name, facts, store),
    )


def overlays(name: str, facts: JacobianFacts, store: Store) -> tuple[Image, ...]:
    """The pictures of a region in the first samples."""
    names = [overlay_name(sample, name) for sample in range(min(facts.preview, facts.samples))]
    return tuple(store.picture(each) for each in names if store.has_picture(each))
