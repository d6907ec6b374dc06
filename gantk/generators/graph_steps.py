"""Steps of a module that torch.fx can draw: its operations in order, run one by one.

Shape legend: N samples, C channels, H x W pixels.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from gantk.generators.steps import PLAIN, Deltas, Pause, Step, Steps, convolved

FUNCTIONS = (F.conv2d, F.conv_transpose2d, torch.conv2d, torch.conv_transpose2d)


class Slot(NamedTuple):
    """The result of an earlier operation, among arguments."""

    place: int


class Operation(NamedTuple):
    """One node of the graph; `done` are results that nothing later uses."""

    kind: str
    target: Any  # as torch.fx has it: a function, or the name of a method, a module or an attribute, by the kind
    args: tuple[fx.node.Argument, ...]
    kwargs: dict[str, fx.node.Argument]
    done: tuple[int, ...]


@dataclass(frozen=True)
class _Boundary:
    """Before a step: its first operation, the results to keep, and the operations that are cheaper to repeat."""

    first: int
    kept: tuple[int, ...]
    repeated: tuple[int, ...]


class GraphSteps(Steps):
    """A module that torch.fx can draw.

    Args:
        network: in evaluation mode.
        inputs: two batches of different size; they tell what is of a sample and what is of all.

    Raises:
        Exception: whatever torch.fx raises where the module cannot be drawn.
    """

    def __init__(self, network: nn.Module, inputs: tuple[tuple[Tensor, ...], tuple[Tensor, ...]]) -> None:
        self.network = network
        nodes = list(fx.Tracer().trace(network).nodes)
        place = {node: index for index, node in enumerate(nodes)}
        last = {place[used]: place[node] for node in nodes for used in node.all_input_nodes}
        ends: dict[int, list[int]] = {}
        for index, at in last.items():
            ends.setdefault(at, []).append(index)

        def slots(value: fx.node.Argument) -> fx.node.Argument:
            return fx.map_arg(value, lambda node: Slot(place[node]))

        self.operations = tuple(
            Operation(
                node.op,
                node.target,
                tuple(slots(part) for part in node.args),
                {key: False if key == "inplace" else slots(value) for key, value in node.kwargs.items()},
                tuple(ends.get(index, ())),
            )
            for index, node in enumerate(nodes)
        )
        self.placeholders = tuple(index for index, node in enumerate(nodes) if node.op == "placeholder")
        if len(self.placeholders) != len(inputs[0]):
            raise TypeError(f"the module takes {len(self.placeholders)} inputs")
        with torch.no_grad():
            small, large = (self._everything(batch) for batch in inputs)
        n, m = len(inputs[0][0]), len(inputs[1][0])
        of_samples = [
            isinstance(a, Tensor) and a.ndim > 0 and (a.shape[0], b.shape[0]) == (n, m)
            for a, b in zip(small, large, strict=True)
        ]
        self._divide(nodes, small, of_samples)

    def _everything(self, inputs: tuple[Tensor, ...]) -> list[Any]:
        results: dict[int, Any] = dict(zip(self.placeholders, inputs, strict=True))
        for index, operation in enumerate(self.operations):
            if operation.kind != "placeholder":
                results[index] = self._compute(operation, results, {})
        return [results[index] for index in range(len(self.operations))]

    def _divide(self, nodes: Sequence[fx.Node], values: Sequence[Any], of_samples: Sequence[bool]) -> None:
        """Find the convolutions, and what has to be kept before each."""
        opened: list[tuple[int, str, str | None, bool]] = []  # operation, name, weight, plain
        known: set[str] = set()
        self.calls: dict[str, int] = {}  # a plain convolution -> its step
        for index, node in enumerate(nodes):
            found = self._convolution(node)
            if found is None or found[0] in known:  # a convolution that is called again belongs to its first call
                continue
            known.add(found[0])
            opened.append((index, *found))
        maps = [isinstance(v, Tensor) and v.ndim == 4 and of_samples[i] for i, v in enumerate(values)]
        end = len(nodes) - 1  # the last node is the output
        # a code seen as a map of one pixel is no step, nor is a constant; a dense layer seen as a map is
        early = [i for i in _from_inputs(nodes, values) if maps[i] and values[i][0, 0].numel() > 1]
        if not opened or any(i < opened[0][0] for i in early):
            linear = [n for n in nodes[: opened[0][0] if opened else end] if _is_linear(self.network, n)]
            name = str(linear[-1].target) if linear else "input"
            opened.insert(0, (-1, name if name not in known else "input", None, False))
        starts = [len(self.placeholders), *(index for index, *_ in opened[1:])]
        self.overridden: dict[int, str] = {}  # step -> a weight that only a whole run can move
        steps, self.map_of = [], []
        for number, (index, name, weight, plain) in enumerate(opened):
            stop = starts[number + 1] if number + 1 < len(starts) else end
            inside = range(max(index, 0), stop)
            from_it = _descendants(nodes, index, stop) if index >= 0 else set(inside)
            shape = values[index].shape[2:] if index >= 0 else None
            held = [i for i in inside if maps[i] and i in from_it and shape in (None, values[i].shape[2:])]
            chosen = held[-1] if held else None
            size = values[chosen].shape[1:] if chosen is not None else (0, 0, 0)
            steps.append(Step(name, weight, *map(int, size)))
            self.map_of.append(chosen)
            if weight is not None and plain:
                self.calls[name] = number
            elif weight is not None:
                self.overridden[number] = weight
        self.steps = tuple(steps)
        self.boundaries = tuple(self._boundary(nodes, start, values, of_samples) for start in starts)

    def _convolution(self, node: fx.Node) -> tuple[str, str | None, bool] | None:
        """Name, weight, and whether it is plain, if this is a convolution."""
        if node.op == "call_module":
            name = str(node.target)
            layer = self.network.get_submodule(name)
            if not isinstance(layer, PLAIN):
                return None
            own = "weight" in dict(layer.named_parameters(recurse=False))
            return name, f"{name}.weight" if own else None, True
        if node.op != "call_function" or node.target not in FUNCTIONS:
            return None
        source = node.args[1] if len(node.args) > 1 else node.kwargs.get("weight")
        kernels = _kernels(self.network, source) if isinstance(source, fx.Node) else set()
        if len(kernels) != 1:
            return f"{node.name}", None, False
        weight = kernels.pop()
        return weight.removesuffix(".weight"), weight, False

    def _boundary(
        self, nodes: Sequence[fx.Node], start: int, values: Sequence[Any], of_samples: Sequence[bool]
    ) -> _Boundary:
        """Results before `start` that are used from it on: those of samples are kept, others computed again."""
        place = {node: index for index, node in enumerate(nodes)}
        wanted = [place[used] for node in nodes[start:] for used in node.all_input_nodes if place[used] < start]
        kept: set[int] = set()
        repeated: set[int] = set()
        while wanted:
            index = wanted.pop()
            if index in kept or index in repeated:
                continue
            if of_samples[index]:
                kept.add(index)
            else:
                repeated.add(index)
                wanted += [place[used] for used in nodes[index].all_input_nodes]
        return _Boundary(start, tuple(sorted(kept)), tuple(sorted(repeated)))

    def run(
        self, inputs: tuple[Tensor, ...] | Pause, begin: int, end: int, taps: frozenset[int], deltas: Deltas
    ) -> tuple[Tensor | None, dict[int, Tensor], Pause]:
        moved = {number: deltas[number] for number in self.overridden if number in deltas}
        if not moved:
            return self._once(inputs, begin, end, taps, deltas, {})
        # the weight enters in a way of the module's own (a scale, a norm): each sample has its own weight
        tensors = inputs.kept if isinstance(inputs, Pause) else inputs
        parts = []
        for i in range(len(tensors[0])):
            rows = tuple(x[i : i + 1] for x in tensors)
            weights = {
                name: self.network.get_parameter(name) + _of(strength, i) * delta
                for number, (delta, strength) in moved.items()
                for name in [self.overridden[number]]
            }
            rest = {k: (d, _of(t, i)[None]) for k, (d, t) in deltas.items() if k not in moved}
            given: tuple[Tensor, ...] | Pause = Pause(rows) if isinstance(inputs, Pause) else rows
            parts.append(self._once(given, begin, end, taps, rest, weights))
        images = [part[0] for part in parts if part[0] is not None]
        return (
            torch.cat(images) if images else None,
            {key: torch.cat([part[1][key] for part in parts]) for key in parts[0][1]},
            Pause(tuple(map(torch.cat, zip(*(part[2].kept for part in parts), strict=True)))),
        )

    def _once(
        self,
        inputs: tuple[Tensor, ...] | Pause,
        begin: int,
        end: int,
        taps: frozenset[int],
        deltas: Deltas,
        weights: Mapping[str, Tensor],
    ) -> tuple[Tensor | None, dict[int, Tensor], Pause]:
        shifts = {name: deltas[number] for name, number in self.calls.items() if number in deltas}
        results: dict[int, Any]
        if isinstance(inputs, Pause):
            boundary = self.boundaries[begin]
            results = dict(zip(boundary.kept, inputs.kept, strict=True))
            for index in boundary.repeated:
                results[index] = self._compute(self.operations[index], results, weights)
            first = boundary.first
        else:
            results, first = dict(zip(self.placeholders, inputs, strict=True)), 0
        wanted = {self.map_of[number]: number for number in taps}
        maps: dict[int, Tensor] = {}
        whole = end >= len(self.steps)
        for index in range(first, len(self.operations) if whole else self.boundaries[end].first):
            operation = self.operations[index]
            if operation.kind != "placeholder":
                results[index] = self._compute(operation, results, weights, shifts)
            if index in wanted:
                maps[wanted[index]] = results[index]
            for used in operation.done:
                results.pop(used, None)
        if whole:
            return results[len(self.operations) - 1], maps, Pause(())
        return None, maps, Pause(tuple(results[index] for index in self.boundaries[end].kept))

    def _compute(
        self,
        operation: Operation,
        results: Mapping[int, Any],
        weights: Mapping[str, Tensor],
        shifts: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    ) -> Any:
        kind, target = operation.kind, operation.target
        if kind == "get_attr":
            return weights[target] if target in weights else operator.attrgetter(target)(self.network)
        args = _filled(operation.args, results)
        kwargs = {key: _filled(value, results) for key, value in operation.kwargs.items()}
        if kind == "output":
            return args[0]
        if kind == "call_function":
            return target(*args, **kwargs)
        if kind == "call_method":
            return getattr(args[0], target)(*args[1:], **kwargs)
        layer = self.network.get_submodule(target)
        y = layer(*args, **kwargs)
        return y + convolved(layer, args[0], *shifts[target]) if shifts and target in shifts else y


def _filled(value: object, results: Mapping[int, Any]) -> Any:
    """Arguments with the results in their slots."""
    if isinstance(value, Slot):
        return results[value.place]
    if isinstance(value, tuple):
        return tuple(_filled(part, results) for part in value)
    if isinstance(value, list):  # torch.fx has lists of its own, which torch.compile does not know
        return [_filled(part, results) for part in value]
    if isinstance(value, dict):
        return {key: _filled(part, results) for key, part in value.items()}
    if isinstance(value, slice):
        return slice(*(_filled(part, results) for part in (value.start, value.stop, value.step)))
    return value


def _of(strength_N: Tensor, index: int) -> Tensor:
    return strength_N[index if len(strength_N) > 1 else 0]


def _is_linear(network: nn.Module, node: fx.Node) -> bool:
    return node.op == "call_module" and isinstance(network.get_submodule(str(node.target)), nn.Linear)


def _descendants(nodes: Sequence[fx.Node], index: int, stop: int) -> set[int]:
    """Operations before `stop` that depend on operation `index`, itself included."""
    reached = {nodes[index]}
    for node in nodes[index + 1 : stop]:
        if any(used in reached for used in node.all_input_nodes):
            reached.add(node)
    return {i for i in range(index, stop) if nodes[i] in reached}


def _from_inputs(nodes: Sequence[fx.Node], values: Sequence[Any]) -> list[int]:
    """Tensors that depend on what the inputs hold, and not only on their size."""
    reached: set[fx.Node] = set()
    for node, value in zip(nodes, values, strict=True):
        fed = node.op == "placeholder" or any(used in reached for used in node.all_input_nodes)
        if fed and isinstance(value, Tensor):
            reached.add(node)
    return [index for index, node in enumerate(nodes) if node in reached]


def _kernels(network: nn.Module, node: fx.Node) -> set[str]:
    """Four-dimensional parameters that a node is computed from."""
    named = dict(network.named_parameters())
    found: set[str] = set()
    seen, wanted = set(), [node]
    while wanted:
        now = wanted.pop()
        if now in seen:
            continue
        seen.add(now)
        if now.op == "get_attr" and str(now.target) in named and named[str(now.target)].ndim >= 4:
            found.add(str(now.target))
        wanted += now.all_input_nodes
    return found
