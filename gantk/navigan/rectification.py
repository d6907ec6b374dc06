"""The verb `train`: combinations of a basis, optimised until a network can tell them apart.

Shape legend: D directions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import nn

from gantk.generators.base import PRECISIONS
from gantk.navigan.directions import WeightDirections, weights_of
from gantk.navigan.kept import keep
from gantk.navigan.measuring import Measuring, curves_of, measured, shown_of, with_scales
from gantk.navigan.metrics import Metric, metric_for
from gantk.navigan.options import SHOWN, TrainOptions
from gantk.navigan.results import LogLine, TrainResult
from gantk.navigan.subject import Subject, subject, without_gradients
from gantk.navigan.training import Rectifier, Trainer, TrainingPlan
from gantk.predictors.base import Predictor
from gantk.runs.options import at_most
from gantk.runs.stores import OnlyAPart, Store
from gantk.runs.task import verb
from gantk.store.parallel import of_first, world_size
from gantk.store.progress import progress

FOLDER, STATE = "train", "training.pt"
MOST_DIRECTIONS = 64
SEEN = 256  # pixels of a side that the reconstructor looks at, as in the line that the authors publish
UNMEASURED = 0.2  # of the weight's length: the largest strength where the basis recommends none
MEANS = ("cross_entropy", "strength_error", "accuracy")


@verb(TrainOptions)
@without_gradients
def train(
    generator: nn.Module,
    basis: object,
    metric: Metric | Predictor | str | None = None,
    codes: object = None,
    precision: Literal["float32", "float16", "bfloat16"] = "float32",
    *,
    options: TrainOptions,
    store: Store,
) -> TrainResult:
    """Learn combinations of a basis whose effects a network can tell apart (Cherepkov et al. 2021, section 3.3).

    Every step draws fresh samples. In a run the state is kept every `save_every` steps, and more `steps` continue it.

    Args:
        generator: any family, or any network whose forward pass takes `codes` and returns images in [-1, 1].
        basis: weight directions, or a result that carries some; of directions that were learned, their basis.
        metric: what recommended strengths are measured with afterwards; as in `svd`.
        codes: None draws; else as in `hessian`; those that are given are taken again and again.
        precision: of the steps; weights stay in float32.
        options: `TrainOptions`, or its fields as keywords.

    Returns:
        D unit directions.

    Raises:
        GantkError: the basis is another generator's, or the loss is not finite.
        UsageError: strengths that make no range.
    """
    base = weights_of(basis)
    about = subject(generator, base.layer, codes, options)
    base.check(about.target, options.force)
    channels, *sides = about.image_shape
    plan = plan_of(options, base, about.weight_length, max(sides))
    show = at_most("--shown", options.shown, plan.directions, "directions", SHOWN)
    options.forms()
    judge = metric_for(generator, metric, options, needed=False)
    trainer = trainer_of(about, base, plan, channels, precision)
    with store.timed("training"):
        log = steps(trainer, options, store)
    if not store.whole:
        raise OnlyAPart
    learned = base.replace(
        name=f"learned directions of {about.target.layer}",
        kind="svd_rectification" if base.kind.startswith("svd") else "hessian_rectification",
        coefficients=trainer.rectifier.coefficients.detach().cpu(),
        scales=None,
        identity=about.target.identity(),
        meta={"basis": base.name, "steps": log[-1].step, "accuracy": log[-1].held_out},
    )
    few = about.target.at_once(options.batch_size)
    measuring = Measuring(about, judge, learned, options.share, show, FOLDER, plan.scale, few)
    arrays = measured(store, measuring, plan.directions if judge is not None else show)
    curves = curves_of(arrays)
    scaled = with_scales(learned, curves)
    return TrainResult(
        directions=keep(scaled),
        weight_length=about.weight_length,
        metric=None if judge is None else judge.name,
        share=options.share,
        curves=curves,
        shown=shown_of(store, arrays, options, FOLDER, [scaled.scale(n, plan.scale) for n in range(show)], about.total),
        fps=options.fps,
        basis=base.name,
        steps=log[-1].step,
        log=log,
        held_out_edits=trainer.held_out_edits,
    )


def plan_of(options: TrainOptions, base: WeightDirections, length: float, side: int) -> TrainingPlan:
    """The settings of the optimisation.

    Args:
        length: of the weight.
        side: of a picture, in pixels.
    """
    recommended = UNMEASURED * length if base.scales is None else float(sorted(base.scales)[len(base.scales) // 2])
    scale = options.shift_scale or recommended
    return TrainingPlan(
        directions=options.components or min(MOST_DIRECTIONS, max(2, len(base.basis))),
        scale=scale,
        least=scale / 4 if options.min_shift is None else options.min_shift,
        steps=options.steps,
        batch=options.batch_size,
        normal=options.shift_distribution == "normal",
        label_weight=options.label_weight,
        shift_weight=options.shift_weight,
        raw_strength=options.raw_strength,
        rate=options.rate,
        predictor=options.reconstructor,
        predictor_size=options.reconstructor_size or (SEEN if side > SEEN else None),
        identity=options.start == "basis",
        seed=options.seed,
    )


def trainer_of(about: Subject, base: WeightDirections, plan: TrainingPlan, channels: int, precision: str) -> Trainer:
    """This process's share of the training."""
    world = world_size()
    rank = torch.distributed.get_rank() if world > 1 else 0
    rectifier = Rectifier(about.target, base.basis, plan, channels)
    return Trainer(rectifier, about.codes, rank, world, PRECISIONS[precision])


@dataclass
class Means:
    """Means of a training since the last line of its log; part of its state, since a state falls between two lines."""

    sums: list[float] = field(default_factory=lambda: [0.0] * len(MEANS))
    count: int = 0

    def add(self, found: tuple[float, float, float]) -> None:
        """Take a step's losses in."""
        self.sums = [a + b for a, b in zip(self.sums, found, strict=True)]
        self.count += 1

    def line(self, step: int, held_out: float | None) -> LogLine:
        """The line of the log, and begin anew."""
        entropy, error, accuracy = (value / self.count for value in self.sums)
        self.sums, self.count = [0.0] * len(MEANS), 0
        return LogLine(step=step, cross_entropy=entropy, strength_error=error, accuracy=accuracy, held_out=held_out)


def steps(trainer: Trainer, options: TrainOptions, store: Store) -> tuple[LogLine, ...]:
    """All steps from the last state on; returns the log, a line for every tenth of `save_every`.

    Every process takes the same steps from the state of the first, which alone keeps states and writes the log.
    """
    state = of_first(store.load_state(STATE))
    first, log, means = 0, list[LogLine](), Means()
    if state is not None:
        trainer.load(state)
        first, log = int(state["step"]), [LogLine(**entry) for entry in state["log"]]
        means = Means(list(state["means"]["sums"]), int(state["means"]["count"]))
    every = max(1, min(options.save_every, options.steps) // 10)
    with progress(max(0, options.steps - first), "train", unit="step") as bar:
        for number in range(first, options.steps):
            means.add(trainer.step(number))
            bar.update(1)
            if not store.whole:
                continue
            done, last = number + 1, number + 1 == options.steps
            saves = done % options.save_every == 0 or last
            if done % every == 0 or saves:
                log.append(means.line(done, trainer.held_out() if saves else None))
            if saves:
                kept = {"step": done, "log": [vars(line) for line in log], "means": vars(means)}
                store.save_state(STATE, {**trainer.state(), **kept}, "to train on from: give more --steps")
    return tuple(log)
