"""The arguments of NVIDIA's StyleGAN3 that give the layers of a network, and back: a state dict holds no cutoffs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import cast

from gantk.checkpoints.facts import Fact
from gantk.errors import GantkError
from gantk.generators.stylegan3_plan import PlanArguments, Step, plan
from gantk.store.json_values import JsonView

PLAN_NAMES = {
    "num_layers": "num_layers", "num_critical": "num_critical", "first_cutoff": "first_cutoff",
    "first_stopband": "first_stopband", "last_stopband_rel": "last_stopband_rel", "margin_size": "margin",
    "filter_size": "filter_size", "lrelu_upsampling": "lrelu_upsampling", "conv_kernel": "kernel",
    "use_radial_filters": "radial", "conv_clamp": "conv_clamp", "num_fp16_res": "num_fp16_res",
    "channel_base": "channel_base", "channel_max": "channel_max",
}  # fmt: skip
"""NVIDIA's name of an argument -> the plan's."""
_MOST = 1 << 20  # of any argument: two to the power of one is computed


def told_plan(facts: Mapping[str, Fact]) -> PlanArguments:
    """The plan's arguments among what is known of a file under NVIDIA's names."""
    numbers = {name: value for name, value in facts.items() if isinstance(value, int | float) and 0 <= value <= _MOST}
    told = {ours: numbers[theirs] for theirs, ours in PLAN_NAMES.items() if theirs in numbers}
    return cast(PlanArguments, told)  # `PLAN_NAMES` names keywords of `plan`


def arguments_of(resolution: int, steps: Sequence[Step]) -> dict[str, JsonView] | None:
    """NVIDIA's arguments whose plan is these layers; None where no rule gives them.

    Stop bands show only in the rates and half widths that follow from them, so that several give the same network:
    those nearest to the published ones are taken. `channels` is added where no base and largest number give the widths.
    """
    first, last, inner = steps[0], steps[-1], steps[:-1]
    widest = max(step.out_channels for step in inner)
    full = [step.out_cutoff for step in steps].index(last.out_cutoff)
    halves = (n for n in range(12) if all(step.half == (step.out_rate * 2**n > resolution) for step in steps))
    seen: PlanArguments = {
        "num_layers": len(inner),
        "num_critical": len(inner) - full,
        "first_cutoff": first.in_cutoff,
        "margin": (first.out_size - first.out_rate) // 2,
        "filter_size": next((step.up_taps // step.up for step in steps if step.up > 1), 1),
        "lrelu_upsampling": first.up * first.in_rate // max(first.in_rate, first.out_rate),
        "kernel": first.kernel,
        "radial": any(step.radial for step in steps),
        "image_channels": last.out_channels,
        "conv_clamp": first.conv_clamp,
        "channel_base": _base(inner, widest),
        "channel_max": widest,
        "num_fp16_res": next(halves, 0),
    }
    exponents = [k / 10 for k in range(1, 21)]
    bands = sorted(product(exponents, exponents), key=lambda pair: abs(pair[0] - 1.1) + abs(pair[1] - 0.3))
    for near, far in bands:
        arguments: PlanArguments = {**seen, "first_stopband": first.in_cutoff * 2**near, "last_stopband_rel": 2**far}
        try:
            planned = plan(resolution, **arguments)
        except (GantkError, ValueError, ArithmeticError):
            continue
        if all(map(_alike, planned, steps)):
            given = cast(Mapping[str, float], arguments)
            found: dict[str, JsonView] = {theirs: given[ours] for theirs, ours in PLAN_NAMES.items()}
            if [step.out_channels for step in planned] != [step.out_channels for step in steps]:
                found["channels"] = [step.out_channels for step in steps]
            return found
    return None


def _base(layers: Sequence[Step], widest: int) -> int:
    """The channel base that gives the widths of these layers, or else that of the last."""
    bases = [round(2 * step.out_channels * step.out_cutoff) for step in layers]
    fitting = (
        base for base in bases
        if all(round(min(base / 2 / step.out_cutoff, widest)) == step.out_channels for step in layers)
    )  # fmt: skip
    return next(fitting, bases[-1])


def _alike(one: Step, other: Step) -> bool:
    """Whether two layers agree but for rounding, and for their channels."""
    pairs = zip(dataclasses.astuple(one)[2:], dataclasses.astuple(other)[2:], strict=True)
    return all(a == b or (None not in (a, b) and math.isclose(a, b, rel_tol=1e-6)) for a, b in pairs)
