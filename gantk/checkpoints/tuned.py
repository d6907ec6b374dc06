"""Changes of a generator's weights that belong to some codes, as `gantk invert --tune` finds them: a small file.

A safetensors file with a JSON header: `format` ("gantk-tuned"), `version`, `probe` of the generator it belongs to,
`shapes` and `scales` of the weights, and `meta`: names of the photos, how it was tuned. Each weight's change is float16
in units of its largest number, so that an error is below 5e-4 of that. Nothing in such a file can be executed.

Legend: P all numbers of the changed weights.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, UsageError
from gantk.generators.probed import Probe, read_probe
from gantk.store.json_values import Json, items, number, table, text, whole
from gantk.store.tensors import header_of

if TYPE_CHECKING:
    from torch import Tensor

    from gantk.generators.base import Generator

FORMAT, VERSION, TITLE = "gantk-tuned", 1, "tuned weights"


@dataclass(frozen=True, eq=False)
class TunedWeights:
    """What is added to the weights of one generator.

    Attributes:
        names: of the weights in the state dict. shapes: of each.
        scales: the largest change of each weight; what the numbers of `values` are multiplied by.
        values: float16, one weight after the other, [P].
        probe: of the generator without it.
        meta: what was tuned to, and how.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    scales: tuple[float, ...]
    values: npt.NDArray[np.float16]
    probe: Probe
    meta: Mapping[str, Json] = field(default_factory=dict)

    @classmethod
    def of(cls, deltas: Mapping[str, Tensor], probe: Probe, meta: Mapping[str, Json]) -> TunedWeights:
        """Round changes to what a file holds."""
        arrays = {name: delta.detach().float().cpu().numpy() for name, delta in deltas.items()}
        scales = {name: float(np.abs(array).max(initial=0.0)) or 1.0 for name, array in arrays.items()}
        values = np.concatenate([(arrays[name] / scales[name]).astype(np.float16).ravel() for name in arrays])
        shapes = tuple(tuple(array.shape) for array in arrays.values())
        return cls(tuple(arrays), shapes, tuple(scales.values()), values, probe, meta)

    def deltas(self) -> dict[str, Tensor]:
        """The changes, float32."""
        import torch

        ends = np.cumsum([math.prod(shape) for shape in self.shapes])
        parts = np.split(np.asarray(self.values), ends[:-1])
        return {
            name: torch.from_numpy(part.astype(np.float32) * np.float32(scale)).reshape(shape)
            for name, shape, scale, part in zip(self.names, self.shapes, self.scales, parts, strict=True)
        }

    def apply(self, generator: Generator, force: bool = False) -> Generator:
        """A copy of a generator with the changes added; for directions, encoders and codes it still is the original.

        Raises:
            GantkError: they belong to another generator.
        """
        import torch

        from gantk.generators.probe import mismatch, probe_of

        difference = None if force else mismatch(self.probe, probe_of(generator))
        own = dict(generator.named_parameters())
        wrong = [n for n, s in zip(self.names, self.shapes, strict=True) if n not in own or tuple(own[n].shape) != s]
        if difference is not None or wrong:
            reason = difference or f"it has no weight {wrong[0]} of that shape"
            raise GantkError(
                f"The tuned weights belong to another generator ({reason}): give the one they were tuned of."
            )
        found = copy.deepcopy(generator)
        found.tuned_from = self.probe
        with torch.no_grad():
            for name, delta in self.deltas().items():
                weight = found.get_parameter(name)
                weight.add_(delta.to(weight))
        return found


def save_tuned(path: str | Path, tuned: TunedWeights) -> Path:
    """Write a file of tuned weights; the same weights always give the same bytes."""
    from safetensors.numpy import save

    from gantk.store.files import write_atomic

    fields = {
        "names": list(tuned.names),
        "shapes": [list(shape) for shape in tuned.shapes],
        "scales": list(tuned.scales),
        "probe": tuned.probe,
        "meta": dict(tuned.meta),
    }
    return write_atomic(path, save({"values": np.ascontiguousarray(tuned.values)}, header_of(FORMAT, VERSION, fields)))


def load_tuned(path: str | Path) -> TunedWeights:
    """Read a file of tuned weights.

    Raises:
        GantkError: the file is missing, damaged or something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from gantk.checkpoints.native import read_header
    from gantk.store.inside import regular_file

    file = Path(path)
    if not regular_file(file).is_file():
        raise GantkError(f"The file of tuned weights {file} does not exist: give what `gantk invert --tune` wrote.")
    header = read_header(file, FORMAT, TITLE)
    try:
        values = load(file.read_bytes())["values"]
        names = tuple(text(name, "a name") for name in items(header["names"], "names"))
        shapes = tuple(
            tuple(whole(side, "a side") for side in items(shape, "a shape"))
            for shape in items(header["shapes"], "shapes")
        )
        scales = tuple(number(scale, "a scale") for scale in items(header["scales"], "scales"))
        meta = table(header.get("meta", {}), "meta")
        fits = len(names) == len(shapes) == len(scales) and values.dtype == np.float16
        if not fits or values.shape != (sum(math.prod(shape) for shape in shapes),):
            raise ValueError("its numbers do not fit its header")
        if not (np.isfinite(values).all() and np.isfinite(scales).all()):
            raise ValueError("some numbers are not finite")
        return TunedWeights(names, shapes, scales, values, read_probe(header["probe"], str(file)), meta)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, GantkError) as error:
        raise GantkError(f"The file of tuned weights {file} is damaged ({error}): make it again.") from error


def tuned_of(given: object) -> TunedWeights:
    """Tuned weights of whatever Python gives: a file, `TunedWeights`, or a result that carries them.

    Raises:
        UsageError: it is none of these, or a result without them.
    """
    if isinstance(given, str | Path):
        return load_tuned(given)
    carried = given if isinstance(given, TunedWeights) else getattr(given, "tuned_weights", None)
    if not isinstance(carried, TunedWeights):
        raise UsageError(
            f"The tuned weights are a {type(given).__name__} without any: give a file of `gantk invert --tune`, or its "
            "result."
        )
    return carried
