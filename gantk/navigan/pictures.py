"""Where in the image weight directions act, as colours.

Shape legend: H x W pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Map = npt.NDArray[np.float64]


def heat(values_HW: Map, limit: float) -> npt.NDArray[np.uint8]:
    """A map [H, W] from 0 to `limit` as colours from black over orange to white."""
    share = np.clip(values_HW / limit, 0, 1)
    stops = np.array([[12, 12, 20], [120, 30, 90], [230, 100, 40], [255, 200, 80], [255, 255, 240]], dtype=np.float64)
    place = np.linspace(0, 1, len(stops))
    channels = [np.interp(share, place, stops[:, channel]) for channel in range(3)]
    return np.stack(channels, -1).round().astype(np.uint8)
