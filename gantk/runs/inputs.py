"""Inputs that many tasks share: a model, and how its codes are drawn or given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gantk.runs.options import argument, option
from gantk.runs.task import Inputs

if TYPE_CHECKING:
    from gantk.generators.base import Generator


@dataclass(frozen=True, kw_only=True)
class ModelInputs(Inputs):
    """A generator, on a device, in a precision."""

    model: str = argument("MODEL", "A zoo name, a checkpoint in any known format, or a gantk file.", identity=False)
    device: str = option("auto", "Device: cpu, cuda, cuda:N; auto takes a GPU when there is one.", identity=False)
    precision: Literal["float32", "float16", "bfloat16"] = option("float32", "Precision of the generator.")

    def generator(self) -> Generator:
        """Load the generator."""
        from gantk.checkpoints.load import load_generator
        from gantk.generators.devices import resolve_device

        return load_generator(self.model, device=resolve_device(self.device), precision=self.precision)
