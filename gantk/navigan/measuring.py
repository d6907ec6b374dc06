"""How far to go along weight directions, and their pictures: one direction after the other, and the result of all.

Shape legend: N samples, T strengths, K directions, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.navigan.directions import WeightDirections
from gantk.navigan.metrics import Metric
from gantk.navigan.options import ShownOptions
from gantk.navigan.results import Curve, Pair, Shown
from gantk.navigan.strength import ALL, CURVE, curve_of, first_guess, ruler
from gantk.navigan.subject import Subject
from gantk.navigan.target import Prefix
from gantk.pictures.images import to_uint8
from gantk.runs.animations import animation_names
from gantk.runs.stores import Pictures, Store
from gantk.runs.walk import Walk
from gantk.store.chunks import parts
from gantk.store.progress import progress

RULER = 8  # samples that strengths are measured on, and changes averaged over
STRIPS = 4  # of which so many have a strip
PAIRS = 2  # and so many stand as they are beside the edit and the difference
STEPS = 9
KINDS = ("original", "edited", "change")
Arrays = dict[str, npt.NDArray[Any]]


def ruler_size(total: int) -> int:
    """How many samples strengths are measured on."""
    return max(2, min(RULER, total))


def steps_of(scale: float, count: int) -> list[float]:
    """`count` strengths from -scale to +scale; an odd count has 0 in it."""
    return [round(float(value), 6) for value in np.linspace(-scale, scale, count)]


class Measuring:
    """Measures directions and renders their pictures.

    Args:
        metric: None measures no strengths.
        show: of the first so many directions there are pictures.
        folder: of the pictures.
        default: the strength of a direction whose strength nobody measured.
        at_once: how many pictures are rendered at once.
    """

    def __init__(
        self,
        subject: Subject,
        metric: Metric | None,
        directions: WeightDirections,
        share: float,
        show: int,
        folder: str,
        default: float,
        at_once: int = ALL,
    ) -> None:
        self.target, self.metric, self.directions, self.share = subject.target, metric, directions, share
        self.show, self.folder, self.default = show, folder, default
        codes = subject.codes(0, ruler_size(subject.total))
        self.at_once = at_once
        self.rule = None if metric is None else ruler(subject.target, metric, codes, at_once)
        with torch.inference_mode():
            self.prefix = self.target.prefix(codes)
            self.before_NCHW = self._rendered(self.prefix, self.target.images)

    def one(self, number: int, pictures: Pictures) -> Arrays:
        """Measure a direction, and render its pictures where it has some.

        Returns:
            `curves` [1, 2, T], `reached` [1] (-1: not measured), `changes` [1, 2]: mean and largest change.
        """
        delta = self.directions.delta(number).to(self.target.weight)
        curves = np.zeros((1, 2, 1 + len(CURVE)))
        reached, scale = -1, self.directions.scale(number, self.default)
        if self.metric is not None and self.rule is not None:
            guess = first_guess(self.directions, number, self.share * self.rule.between)
            curve = curve_of(self.target, self.metric, self.rule, delta, guess, self.share)
            curves[0], reached, scale = (curve.strengths, curve.distances), int(curve.reached), curve.scale
        changes = np.zeros((1, 2))
        if number < self.show:
            changes[0] = self._draw(number, delta, scale, pictures)
        return {"curves": curves, "reached": np.array([reached], np.int8), "changes": changes}

    def _rendered(self, prefix: Prefix, render: Callable[[Prefix], Tensor]) -> Tensor:
        """Pictures of all samples, of which only so many are rendered at once."""
        cuts = [slice(first, last) for first, last in parts(0, len(prefix), self.at_once)]
        return render(prefix) if len(cuts) == 1 else torch.cat([render(prefix.take(cut)) for cut in cuts])

    def _draw(self, number: int, delta: Tensor, scale: float, pictures: Pictures) -> tuple[float, float]:
        """Strips, pairs and maps of a direction; returns the mean and the largest change."""
        with torch.inference_mode():
            few = self.prefix.take(slice(0, STRIPS))
            written = []
            for step, strength in enumerate(steps_of(scale, STEPS)):
                names = [strip_name(self.folder, number, sample, step) for sample in range(len(few))]
                moved = self._rendered(few, lambda part, t=strength: self.target.moved(part, delta, t))  # type: ignore[misc]
                written += pictures.write(names, _drawable(to_uint8(moved)))
            after, other = (
                self._rendered(self.prefix, lambda part, t=sign * scale: self.target.moved(part, delta, t))  # type: ignore[misc]
                for sign in (1, -1)
            )
            before = self.before_NCHW
            change_NHW = ((after - before).abs() + (other - before).abs()).mean(1).double().cpu().numpy() / 2
        count = min(PAIRS, len(before))
        limit = float(change_NHW[:count].max()) or 1.0
        for kind, images in (
            ("original", _drawable(to_uint8(before[:count]))),
            ("edited", _drawable(to_uint8(after[:count]))),
            ("change", np.stack([_heat(change_HW, limit) for change_HW in change_NHW[:count]])),
        ):
            written += pictures.write([pair_name(self.folder, kind, number, n) for n in range(count)], images)
        mean_HW = change_NHW.mean(0)
        most = float(mean_HW.max())
        written += pictures.write([map_name(self.folder, number)], _heat(mean_HW, most or 1.0)[None])
        for future in written:
            future.result()
        return float(mean_HW.mean()), most


def measured(store: Store, measuring: Measuring, count: int) -> Arrays:
    """Measure the first `count` directions, in this process."""
    with store.timed("strengths and pictures"), store.pictures() as pictures:
        numbers = progress(range(count), "strengths", unit="direction")
        arrays = [measuring.one(number, pictures) for number in numbers]
    return {name: np.concatenate([part[name] for part in arrays]) for name in arrays[0]} if arrays else {}


# --- names of pictures -----------------------------------------------------------------------------------------------


def strip_name(folder: str, number: int, sample: int, step: int) -> str:
    """The picture of one step."""
    return f"{folder}/direction{number:03d}_{sample:03d}_{step:03d}.png"


def pair_name(folder: str, kind: str, number: int, sample: int) -> str:
    """An original, an edited picture, or where the two differ."""
    return f"{folder}/{kind}{number:03d}_{sample:03d}.png"


def map_name(folder: str, number: int) -> str:
    """Where a direction acts, mean over samples."""
    return f"{folder}/change{number:03d}.png"


def _drawable(image_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return image_NHWC[..., :1] if image_NHWC.shape[-1] < 3 else image_NHWC[..., :3]


# --- the result ------------------------------------------------------------------------------------------------------


def curves_of(arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[Curve, ...]:
    """The curves of the directions that were measured."""
    found = []
    for number, reached in enumerate(arrays.get("reached", ())):
        if reached < 0:
            continue
        strengths, distances = np.array(arrays["curves"][number], np.float64)
        scale = float(strengths[1 + CURVE.index(1.0)])
        curve = Curve(number=number, scale=scale, strengths=strengths, distances=distances, reached=bool(reached))
        found.append(curve)
    return tuple(found)


def with_scales(directions: WeightDirections, curves: Sequence[Curve]) -> WeightDirections:
    """Directions with the strengths that were measured; those that were not get the middle one."""
    if not curves:
        return directions
    scales = {curve.number: curve.scale for curve in curves}
    middle = sorted(scales.values())[len(scales) // 2]
    return directions.replace(scales=tuple(scales.get(number, middle) for number in range(len(directions))))


def shown_of(
    store: Store,
    arrays: Mapping[str, npt.NDArray[Any]],
    options: ShownOptions,
    folder: str,
    scales: Sequence[float],
    total: int,
    values: npt.NDArray[Any] | None = None,
) -> tuple[Shown, ...]:
    """The first directions with their pictures.

    Args:
        scales: strengths of the directions that are shown.
        total: how many samples the task has.
        values: eigenvalues or singular values of the directions.
    """
    samples = ruler_size(total)
    forms = options.forms()
    found = []
    for number, scale in enumerate(scales):
        strengths = steps_of(scale, STEPS)
        strips = []
        for sample in range(min(STRIPS, samples)):
            names = [strip_name(folder, number, sample, step) for step in range(STEPS)]
            strips.append(store.strip(f"sample {sample}", strengths, names, "strength"))
        walk = Walk(
            name=f"direction {number}",
            space="the weight",
            strips=tuple(strips),
            animations=animation_names(f"direction_{number}", forms),
        )
        pairs = tuple(
            Pair(**{kind: store.picture(pair_name(folder, kind, number, sample)) for kind in KINDS})
            for sample in range(min(PAIRS, samples))
        )
        mean, most = (float(value) for value in arrays["changes"][number])
        found.append(
            Shown(
                number=number,
                walk=walk,
                scale=float(scale),
                value=None if values is None or number >= len(values) else float(values[number]),
                change=mean,
                change_most=most,
                where=store.picture(map_name(folder, number)),
                pairs=pairs,
            )
        )
    return tuple(found)


def _heat(values_HW: npt.NDArray[np.float64], limit: float) -> npt.NDArray[np.uint8]:
    """A map [H, W] from 0 to `limit` as colours from black over orange to white."""
    share = np.clip(values_HW / limit, 0, 1)
    stops = np.array([[12, 12, 20], [120, 30, 90], [230, 100, 40], [255, 200, 80], [255, 255, 240]], dtype=np.float64)
    place = np.linspace(0, 1, len(stops))
    channels = [np.interp(share, place, stops[:, channel]) for channel in range(3)]
    return np.stack(channels, -1).round().astype(np.uint8)
