"""Semantic image editing: strokes of classes and of colours become a change of the code (Xu and Zheng 2021, 3.5).

What is minimised: cross entropy inside the stroke, every class of it weighing alike; less weight on the labels outside;
the change of the image outside; the distance of colours inside a colour stroke; the distance of the code. Label numbers
are never mixed. `procedure="paper"` is the released program: one loss over the fused label map, nothing that preserves
the image, the last place kept.

Shape legend: N = 1 image, L rows of wp, D width, K classes, S side of the labels, H x W image, T steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator, Truncation
from gantk.lse.codes import wp_of
from gantk.lse.descent import SCHEDULES, descend, row_rates
from gantk.lse.gram import IGNORE
from gantk.pictures.label_maps import check_ids
from gantk.predictors.grids import resize_grid
from gantk.predictors.heads import Head, class_map
from gantk.store.channels import in_channels

Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Stroke:
    """What was painted: classes uint8 [S, S] (255: none) and colours uint8 [S, S, 3] where `painted` [S, S] is true."""

    label: Labels | None = None
    colour: Labels | None = None
    painted: npt.NDArray[np.bool_] | None = None

    def check(self, classes: int, size: int) -> None:
        """Raise GantkError for a stroke of another size, of unknown classes, or of nothing."""
        for part in (self.label, self.painted, self.colour):
            if part is not None and part.shape[:2] != (size, size):
                raise GantkError(
                    f"The stroke is {part.shape[1]} x {part.shape[0]} pixels where {size} x {size} are expected."
                )
        if (self.colour is None) != (self.painted is None):
            raise GantkError("A colour stroke needs the colours and where they were painted: give both.")
        if self.label is not None:
            check_ids(self.label, classes, "The stroke")
        if not self.mask(size).any():
            raise GantkError("The stroke is empty: paint at least one pixel.")

    def mask(self, size: int) -> npt.NDArray[np.bool_]:
        """The pixels painted with anything."""
        found = np.zeros((size, size), bool)
        if self.label is not None:
            found |= self.label != IGNORE
        return found if self.painted is None else found | self.painted


def margin_of(size: int) -> int:
    """Pixels around a stroke that are free to change on a map of so many a side: 1/32 of it, and at least 2."""
    return max(2, round(size / 32))


@dataclass(frozen=True)
class EditSettings:
    """How an edit is made.

    Attributes:
        steps, rate: of Adam; the rate is in units of the deviation of w.
        schedule: how fast rows move, of `row_rates`.
        inside, outside: weights of the cross entropies.
        preserve: of the squared change of pixels outside the stroke; colour: of the squared distance inside.
        keep: of the mean squared distance of the code, in units of w's variance.
        margin: pixels of the head's map around the stroke that are free to change; None is a share of its side.
        procedure: "gantk" or "paper".
    """

    steps: int = 60
    rate: float = 0.05
    schedule: str = "even"
    inside: float = 1.0
    outside: float = 0.5
    preserve: float = 20.0
    colour: float = 4.0
    keep: float = 1.0
    margin: int | None = None
    procedure: str = "gantk"

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise UsageError(f"The schedule {self.schedule!r} is none of {', '.join(SCHEDULES)}.")


@dataclass(frozen=True, eq=False)
class Edited:
    """Before and after: wp [1, L, D], images [1, C, H, W], labels [S, S], the loss along the way, and what it cost.

    `followed` is the share of stroke pixels that have the wanted class, before and after; `changed` the RMS change of
    pixels outside the stroke (in units of [-1, 1]); z [1, L, Z] for the paper's procedure.
    """

    before: Tensor
    after: Tensor
    image_before: Tensor
    image_after: Tensor
    label_before: Labels
    label_after: Labels
    losses: tuple[float, ...]
    followed: tuple[float, float]
    changed: float
    z: Tensor | None = None


def edit(
    generator: Generator,
    head: Head,
    wp_1LD: Tensor,
    stroke: Stroke,
    settings: EditSettings | None = None,
    z_1LZ: Tensor | None = None,
    truncation: Truncation | None = None,
    class_1: Tensor | None = None,
    watch: Callable[[int, Tensor], bool] | None = None,
) -> Edited:
    """Change one image as its strokes say.

    Args:
        wp_1LD: the code; z_1LZ: where it came from, one per row, for the paper's procedure; class_1: a conditional
            network's class [1] of it.
        watch: called after each evaluation with its number and the code; True cancels and keeps the best so far.

    Raises:
        GantkError: a stroke of another size, of an unknown class, or of nothing.
    """
    settings = settings or EditSettings()
    stroke.check(len(head.class_names), head.info.size)
    if settings.procedure == "paper":
        if z_1LZ is None:
            raise UsageError("The paper's procedure moves z, which is not known for this code: start from a seed.")
        return _as_published(generator, head, z_1LZ, stroke, truncation, class_1, watch)
    problem = _Problem(generator, head, wp_1LD, stroke, settings)
    unit = spread_of_w(generator)
    rate = settings.rate * unit * wp_1LD.new_tensor(row_rates(settings.schedule, wp_1LD.shape[1]))[:, None]

    def objective(wp: Tensor) -> tuple[Tensor, Tensor]:
        held = settings.keep * (wp - wp_1LD).square().mean() / unit**2
        total = problem.loss(wp) + held
        return total[None], total[None]

    found = descend(wp_1LD, objective, settings.steps, rate, patience=15, after=watch)
    return problem.result(wp_1LD, found.best, [float(v) for v in found.curve_TN[:, 0]], None)


def spread_of_w(generator: Generator) -> float:
    """The standard deviation of w over 256 codes and their dimensions: what one unit of movement means."""
    with torch.no_grad():
        w_ND = generator.map(generator.sample_z(256), generator.sample_label(256))
    return float((w_ND - w_ND.mean(0)).square().mean().sqrt())


class _Problem:
    """The parts of the loss that do not change while the code moves."""

    def __init__(self, generator: Generator, head: Head, wp: Tensor, stroke: Stroke, settings: EditSettings) -> None:
        self.generator, self.head, self.stroke, self.settings = generator, head, stroke, settings
        with torch.no_grad():
            self.image, logits = head.draw(generator, wp)
        self.label = class_map(logits)[0]
        size = head.info.size
        device = wp.device
        mask = stroke.mask(size)
        wanted = np.full((size, size), IGNORE, np.uint8) if stroke.label is None else stroke.label
        self.inside = torch.from_numpy(wanted).long().to(device)
        self.weight = torch.from_numpy(class_weights(wanted)).to(wp)
        grown = torch.from_numpy(mask).to(wp)[None, None]
        margin = margin_of(size) if settings.margin is None else settings.margin
        if margin:
            grown = F.max_pool2d(grown, 2 * margin + 1, 1, margin)
        self.outside = 1 - grown[0, 0]
        self.outside_image = _nearest(1 - grown, self.image)
        self.colour = self.painted = None
        if stroke.colour is not None and stroke.painted is not None:
            colour = torch.from_numpy(stroke.colour).to(wp).permute(2, 0, 1)[None] / 127.5 - 1
            painted = torch.from_numpy(stroke.painted).to(wp)[None, None]
            self.colour = in_channels(_nearest(colour, self.image), self.image.shape[1])
            self.painted = _nearest(painted, self.image)

    def loss(self, wp: Tensor) -> Tensor:
        s = self.settings
        image, logits = self.head.draw(self.generator, wp)
        known = self.inside != IGNORE
        log_p = F.log_softmax(logits[0], 0)
        picked = log_p.gather(0, torch.where(known, self.inside, 0)[None])[0]
        inside = -(picked * self.weight).sum()
        before = log_p.gather(0, self.label.long()[None])[0]
        outside = -(before * self.outside).sum() / self.outside.sum().clamp_min(1)
        total = s.inside * inside + s.outside * outside + s.preserve * self._change(image)
        if self.colour is not None and self.painted is not None:
            apart = ((image - self.colour).square() * self.painted).sum() / (self.painted.sum() * 3).clamp_min(1)
            total = total + s.colour * apart
        return total

    def _change(self, image: Tensor) -> Tensor:
        """Mean squared change of the pixels outside the stroke."""
        change = ((image - self.image).square() * self.outside_image).sum()
        return change / (self.outside_image.sum() * image.shape[1]).clamp_min(1)

    def result(self, before: Tensor, after: Tensor, losses: list[float], z: Tensor | None) -> Edited:
        with torch.no_grad():
            image, logits = self.head.draw(self.generator, after)
        label = class_map(logits)[0]
        known = self.inside != IGNORE
        count = max(1, int(known.sum()))
        followed = tuple(float(((x == self.inside) & known).sum()) / count for x in (self.label, label))
        return Edited(
            before, after, self.image, image, self.label.cpu().numpy(), label.cpu().numpy(), tuple(losses),
            (followed[0], followed[1]), float(self._change(image).sqrt()), z,
        )  # fmt: skip


def class_weights(label: Labels) -> npt.NDArray[np.float32]:
    """Weights [S, S] of painted pixels that sum to one, every class of the stroke having the same share."""
    painted = label != IGNORE
    counts = np.bincount(label[painted], minlength=256)
    present = max(1, int((counts > 0).sum()))
    weight = np.zeros(label.shape, np.float32)
    weight[painted] = 1 / (present * counts[label[painted]])
    return weight


def _nearest(x_1CSS: Tensor, like_1CHW: Tensor) -> Tensor:
    size = tuple(like_1CHW.shape[-2:])
    return x_1CSS if x_1CSS.shape[-2:] == size else F.interpolate(x_1CSS, size, mode="nearest")


def _as_published(
    generator: Generator,
    head: Head,
    z_1LZ: Tensor,
    stroke: Stroke,
    truncation: Truncation | None,
    class_1: Tensor | None,
    watch: Callable[[int, Tensor], bool] | None,
) -> Edited:
    """50 steps at rate 0.01 of z, one per row: cross entropy with the fused map, distance and norm of z."""
    rows = z_1LZ.shape[1]
    with torch.no_grad():
        wp = wp_of(generator, z_1LZ, truncation, class_1)
    problem = _Problem(generator, head, wp, stroke, EditSettings(margin=0))
    known = problem.inside != IGNORE
    fused = torch.where(known, problem.inside, problem.label.long())

    def objective(z: Tensor) -> tuple[Tensor, Tensor]:
        logits = head.segment_codes(generator, wp_of(generator, z, truncation, class_1))
        held = 1e-3 * (z - z_1LZ).square().sum() + 1e-3 * z.square().sum() / rows
        total = F.cross_entropy(logits, fused[None]) + held
        return total[None], total[None]

    found = descend(z_1LZ, objective, 50, 0.01, patience=None, after=watch)
    with torch.no_grad():
        after = wp_of(generator, found.last, truncation, class_1)
    return problem.result(wp, after, [float(v) for v in found.curve_TN[:, 0]], found.last)


def image_of(edited: Edited, size: int) -> tuple[Labels, Labels]:
    """Before and after as uint8 [size, size, C]."""
    from gantk.pictures.images import to_rgb8

    pair = torch.cat([edited.image_before, edited.image_after]).float()
    pictures = to_rgb8(resize_grid(pair, size))
    return pictures[0], pictures[1]
