"""What the probe of a network says; made and compared in `gantk.generators.probe`, kept in results without torch."""

from __future__ import annotations

from typing import TypedDict

from gantk.errors import GantkError
from gantk.store.json_values import Json, items, number, table, text, whole


class Probe(TypedDict):
    """Statistics of w and thumbnails of a few seeded samples, as JSON has them; see `gantk.generators.probe.probe`."""

    family: str
    resolution: int
    z_dim: int
    w_dim: int
    num_layers: int
    w_mean: list[float]
    w_std: list[float]
    thumbnails: str
    thumbnail_shape: list[int]


def read_probe(value: Json, what: str) -> Probe:
    """A probe from a file.

    Args:
        what: names the file in the message.

    Raises:
        GantkError: it is no probe; the sentence names the file.
    """
    told = table(value, f"the probe in {what}")
    try:
        return {
            "family": text(told["family"], "family"),
            "resolution": whole(told["resolution"], "resolution"),
            "z_dim": whole(told["z_dim"], "z_dim"),
            "w_dim": whole(told["w_dim"], "w_dim"),
            "num_layers": whole(told["num_layers"], "num_layers"),
            "w_mean": [number(each, "w_mean") for each in items(told["w_mean"], "w_mean")],
            "w_std": [number(each, "w_std") for each in items(told["w_std"], "w_std")],
            "thumbnails": text(told["thumbnails"], "thumbnails"),
            "thumbnail_shape": [whole(each, "thumbnail_shape") for each in items(told["thumbnail_shape"], "its shape")],
        }
    except (KeyError, GantkError) as error:
        raise GantkError(f"The probe of a generator in {what} is damaged ({error}): make the file again.") from error
