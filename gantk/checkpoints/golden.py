"""A network's golden image: a small contact sheet of seeded samples and statistics, kept in the header of a gantk file.

It is rendered when a checkpoint is converted, by the network as it was read from the original file, so that `gantk
models verify` can say later, elsewhere or on other hardware, whether the file still makes the same pictures.

Shape legend: N samples, H x W pixels.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from gantk.errors import GantkError
from gantk.generators.base import Generator
from gantk.pictures.opening import open_picture
from gantk.store.json_values import Json, JsonView, number, table, text, whole

SAMPLES = 4
LARGEST_SIDE = 64
BYTE_TOLERANCE = 2  # of 255, for one pixel; other hardware rounds differently by at most one
STATISTIC_TOLERANCE = 1e-3  # relative to the larger of the value and 1


@dataclass(frozen=True)
class Golden:
    """`sheet` is uint8 [H, N * W, 3], statistics are of w and of the images before conversion to bytes."""

    sheet: np.ndarray
    statistics: dict[str, float]
    seed: int = 0

    def to_dict(self) -> Mapping[str, JsonView]:
        """For a JSON header; the sheet as a PNG in base64."""
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(self.sheet).save(file, format="png", optimize=True)
        png = base64.b64encode(file.getvalue()).decode("ascii")
        return {"seed": self.seed, "statistics": self.statistics, "png": png}

    @classmethod
    def from_dict(cls, values: Json) -> Golden:
        """From a JSON header; GantkError when it makes no sense."""
        what = "the golden image"
        try:
            said = table(values, what)
            data = base64.b64decode(text(said["png"], what), validate=True)
            sheet = np.asarray(open_picture(data, name="of the header", max_pixels=1 << 20, formats=("PNG",)))
            statistics = {name: number(value, what) for name, value in table(said["statistics"], what).items()}
            return cls(sheet, statistics, whole(said["seed"], what))
        except (KeyError, TypeError, ValueError, AttributeError, GantkError) as error:
            raise GantkError(
                "the golden image in the file's header cannot be read; convert the checkpoint again"
            ) from error

    def difference(self, other: Golden) -> str | None:
        """What differs beyond rounding, as a phrase; None when the two are the same network's."""
        if self.sheet.shape != other.sheet.shape:
            return f"sheets of {self.sheet.shape[:2]} and {other.sheet.shape[:2]} pixels"
        steps = int(np.abs(self.sheet.astype(int) - other.sheet.astype(int)).max(initial=0))
        if steps > BYTE_TOLERANCE:
            return f"pixels by up to {steps} of 255"
        for name, value in self.statistics.items():
            found = other.statistics.get(name, float("nan"))
            if not abs(found - value) <= STATISTIC_TOLERANCE * max(1.0, abs(value)):
                return f"{name} ({found:.4g} instead of {value:.4g})"
        return None


def render_golden(generator: Generator, seed: int = 0) -> Golden:
    """Render the golden image of a network: samples 0 to 3 of `seed`, the file's own truncation, constant noise."""
    spec = generator.spec
    with torch.no_grad():
        z_ND = generator.sample_z(SAMPLES, seed=seed)
        w_ND = generator.map(z_ND, generator.sample_label(SAMPLES, seed=seed))
        image_NCHW = generator.synthesize(generator.expand(w_ND, spec.truncation)).float().cpu()
    w_ND = w_ND.float().cpu()
    statistics = {
        "w_mean": float(w_ND.mean()),
        "w_std": float(w_ND.std()),
        "image_mean": float(image_NCHW.mean()),
        "image_std": float(image_NCHW.std()),
    }
    step = max(1, image_NCHW.shape[-1] // LARGEST_SIDE)
    small_NCHW = torch.nn.functional.avg_pool2d(image_NCHW, step)
    small_NCHW = small_NCHW[:, :3] if small_NCHW.shape[1] >= 3 else small_NCHW[:, :1].expand(-1, 3, -1, -1)
    bytes_NCHW = small_NCHW.nan_to_num().mul(127.5).add(127.5).round().clamp(0, 255).to(torch.uint8)
    sheet = bytes_NCHW.permute(2, 0, 3, 1).flatten(1, 2).contiguous().numpy()
    return Golden(sheet, statistics, seed)
