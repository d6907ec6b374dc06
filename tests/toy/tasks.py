"""The row of the toy analysis."""

from __future__ import annotations

from gantk.runs.shared_options import ShardOptions
from gantk.runs.task import Task
from toy.options import BrightnessInputs, BrightnessOptions

BRIGHTNESS = Task(
    name="brightness",
    summary="Measure how bright samples are.",
    inputs=BrightnessInputs,
    options=BrightnessOptions,
    run=ShardOptions,
    result="toy.results:BrightnessResult",
    facts="toy.results:Facts",
    verb="toy.verbs:brightness",
    conclude="toy.verbs:conclude",
    page="toy.page:page",
    made="brightness",
    examples=("gantk brightness demo -N 4",),
)
