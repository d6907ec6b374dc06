"""Steps of a module that cannot be drawn as a graph: it is called whole.

Hooks are the only way to what happens inside such a call. They are set for one call and taken away after it.

Shape legend: N samples, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gantk.generators.steps import PLAIN, Deltas, Pause, Step, Steps, convolved


class _Stop(Exception):
    """Enough was computed."""


class CalledSteps(Steps):
    """A module that cannot be drawn: called whole, watched by hooks that last for one call.

    A pause keeps the inputs, and continuing computes the earlier steps again. Maps are outputs of modules only.
    """

    def __init__(self, network: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.network = network
        called: list[tuple[str, Any]] = []
        handles = [
            part.register_forward_hook(lambda _, __, y, name=name: called.append((name, y)))
            for name, part in network.named_modules()
            if name
        ]
        try:
            with torch.no_grad():
                network(*inputs)
        finally:
            for handle in handles:
                handle.remove()
        modules = dict(network.named_modules())
        n = len(inputs[0])
        steps: list[Step] = []
        self.map_of: list[tuple[str, int] | None] = []  # module, and which of its calls
        counts: dict[str, int] = {}
        opened: set[str] = set()
        for name, y in called:
            counts[name] = counts.get(name, -1) + 1
            is_map = isinstance(y, Tensor) and y.ndim == 4 and len(y) == n
            if type(modules[name]) in PLAIN and name not in opened:
                own = "weight" in dict(modules[name].named_parameters(recurse=False))
                steps.append(Step(name, f"{name}.weight" if own else None, *map(int, y.shape[1:])))
                self.map_of.append((name, counts[name]))
                opened.add(name)
            elif is_map and steps and tuple(y.shape[2:]) == steps[-1][3:]:
                steps[-1] = steps[-1]._replace(channels=int(y.shape[1]))
                self.map_of[-1] = (name, counts[name])
        if not steps:
            steps, self.map_of = [Step("input", None, 0, 0, 0)], [None]
        self.steps = tuple(steps)

    def run(
        self, inputs: tuple[Tensor, ...] | Pause, begin: int, end: int, taps: frozenset[int], deltas: Deltas
    ) -> tuple[Tensor | None, dict[int, Tensor], Pause]:
        given = inputs.kept if isinstance(inputs, Pause) else inputs
        if not taps and end < len(self.steps):
            return None, {}, Pause(given)
        maps: dict[int, Tensor] = {}
        left = {number for number in taps if self.map_of[number] is not None}
        counts: dict[str, int] = {}
        shifts = {
            self.steps[number].name: pair for number, pair in deltas.items()
        }  # of earlier steps too: see the class
        modules = dict(self.network.named_modules())

        def watch(name: str) -> Callable[..., Any]:
            def hook(layer: nn.Module, x: tuple[Tensor, ...], y: Tensor) -> Tensor:
                if name in shifts:
                    y = y + convolved(layer, x[0], *shifts[name])
                counts[name] = counts.get(name, -1) + 1
                for number in list(left):
                    if self.map_of[number] == (name, counts[name]):
                        maps[number] = y
                        left.discard(number)
                if not left and end < len(self.steps):
                    raise _Stop
                return y

            return hook

        names = {*shifts, *(self.map_of[number][0] for number in left)}  # type: ignore[index]
        handles = [modules[name].register_forward_hook(watch(name)) for name in names]
        try:
            image = self.network(*given)
        except _Stop:
            image = None
        finally:
            for handle in handles:
                handle.remove()
        return image, maps, Pause(given)
