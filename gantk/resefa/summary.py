"""What the page of `gantk resefa jacobian` shows: how large the regions are and how well their quotients are posed."""

from __future__ import annotations

from typing import Any

import numpy as np

from gantk.errors import UsageError
from gantk.resefa.accumulate import read_accumulated
from gantk.resefa.pictures import overlay_name
from gantk.resefa.solve import SINGULAR
from gantk.runs.run import Run

SHOWN = 24  # eigenvalues of a spectrum


def summarize_jacobian(run: Run) -> None:
    """Record `regions`: share of the image, root mean square change, spectra, pictures.

    Raises:
        UsageError: a region was empty in every sample, or covered every one.
    """
    run.manifest["state"] = "complete"
    run.save()
    found = read_accumulated(run.directory)
    names = list(run.manifest["arguments"]["names"])
    regions = [_of_region(found.grams, place, name, run) for place, name in enumerate(names)]
    run.record("regions", regions)


def _of_region(grams: Any, place: int, name: str, run: Run) -> dict[str, Any]:
    try:
        inside, outside = grams.pair(place)
    except UsageError:
        share = "is empty in" if grams.rows[1 + place] == 0 else "covers the whole of"
        raise UsageError(f"The region {name!r} {share} every sample: choose another one, or more samples.") from None
    spectrum = np.linalg.eigvalsh(outside)[::-1]
    inner = np.linalg.eigvalsh(inside)[::-1]
    low, high = float(spectrum[-1]), float(spectrum[0])
    samples = int(run.manifest["arguments"]["num"])
    pictures = [overlay_name(sample, name) for sample in range(samples)]
    return {
        "name": name,
        "text": run.manifest["arguments"]["regions"][place],
        "share": float(grams.rows[1 + place] / grams.rows[0]),
        "inside": float(np.sqrt(np.trace(inside) / len(inside))),
        "outside": float(np.sqrt(np.trace(outside) / len(outside))),
        "rank": int((inner > 1e-10 * max(inner[0], 1e-300)).sum()),
        "condition": high / low if low > SINGULAR * high else None,
        "spectrum": {
            "inside": np.sqrt(np.maximum(inner[:SHOWN], 0)),
            "outside": np.sqrt(np.maximum(spectrum[:SHOWN], 0)),
        },
        "pictures": [picture for picture in pictures if run.path(picture).is_file()],
    }
