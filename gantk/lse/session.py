"""An editing session: generate, edit, undo, annotate, fit, export; pure Python, for a page or a script to drive.

Nothing here knows of files or requests except `export`. Label maps go in and out as uint8 arrays of class numbers.

Shape legend: L rows of wp, D width, K classes, S side of the labels, H x W image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator, Truncation
from gantk.lse.archive import write_session
from gantk.lse.codes import CodeStream
from gantk.lse.editing import Edited, EditSettings, Stroke, edit
from gantk.lse.images import Images
from gantk.lse.shots import check_labels, fit, shots_of
from gantk.lse.teachers import NamedTeacher
from gantk.lse.training import head_of
from gantk.pictures.images import to_rgb8
from gantk.predictors.heads import Head, class_map, default_taps, palette
from gantk.store.json_values import Json, JsonTable, items

Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class View:
    """What is shown: image uint8 [H, W, C], labels uint8 [S, S], wp [1, L, D], and what made it.

    `z` [1, L, Z] and `class_1`, a conditional network's class [1] of it, are None for a code of another origin.
    """

    image: Labels
    label: Labels
    wp: Tensor
    z: Tensor | None
    class_1: Tensor | None
    about: JsonTable


class EditSession:
    """One user's work on one generator.

    Args:
        head: what labels images; None until `fit` has made one, and then `generate` shows label 0 everywhere.
        truncation: of generated codes.

    Raises:
        GantkError: the head is another generator's.
    """

    def __init__(self, generator: Generator, head: Head | None = None, truncation: Truncation | None = None) -> None:
        self.generator, self.truncation = generator, truncation
        self.head = None if head is None else head.bind(generator)
        self._views: list[View] = []
        self._undone: list[View] = []
        self.annotations: list[tuple[Tensor, Labels]] = []

    @property
    def view(self) -> View:
        """The image at hand.

        Raises:
            UsageError: there is none yet.
        """
        if not self._views:
            raise UsageError("There is no image yet: generate one first.")
        return self._views[-1]

    def generate(self, seed: int = 0, index: int = 0) -> View:
        """Sample `index` of a seed; what was there before can be undone to."""
        stream = CodeStream(self.generator, seed, self.truncation)
        z = stream.z(index, index + 1).unsqueeze(1).repeat(1, self.generator.spec.num_layers, 1)
        about: JsonTable = {"seed": seed, "index": index}
        return self.show(stream.wp(index, index + 1), z, about, stream.labels(index, index + 1))

    def show(
        self, wp: Tensor, z: Tensor | None = None, about: JsonTable | None = None, class_1: Tensor | None = None
    ) -> View:
        """Any code wp [1, L, D], such as one that an inversion found."""
        with torch.no_grad():
            if self.head is None:
                image = self.generator.synthesize(wp)
                label = np.zeros((min(self.generator.spec.resolution, 512),) * 2, np.uint8)
            else:
                image, logits = self.head.draw(self.generator, wp)
                label = class_map(logits)[0].cpu().numpy()
        return self._push(View(to_rgb8(image)[0], label, wp.detach(), z, class_1, about or {}))

    def edit(
        self,
        label: Labels | None = None,
        colour: Labels | None = None,
        painted: npt.NDArray[np.bool_] | None = None,
        settings: EditSettings | None = None,
        watch: Callable[[int, Tensor], bool] | None = None,
    ) -> Edited:
        """Change the image at hand as strokes say; see `editing.edit` for them and for `watch`."""
        if self.head is None:
            raise UsageError("There is no head to edit with: annotate some images and fit one first.")
        at = self.view
        settings = settings or EditSettings()
        stroke = Stroke(label, colour, painted)
        found = edit(self.generator, self.head, at.wp, stroke, settings, at.z, self.truncation, at.class_1, watch=watch)
        earlier = items(at.about.get("edits", []), "edits")
        edits: list[Json] = [*earlier, {"followed": [*found.followed], "changed": found.changed}]
        image, about = to_rgb8(found.image_after)[0], {**at.about, "edits": edits}
        self._push(View(image, found.label_after, found.after, found.z, at.class_1, about))
        return found

    def undo(self) -> View:
        """Back to the image before; UsageError when there is none."""
        if len(self._views) < 2:
            raise UsageError("There is nothing to undo.")
        self._undone.append(self._views.pop())
        return self.view

    def redo(self) -> View:
        """Forward again; UsageError when nothing was undone."""
        if not self._undone:
            raise UsageError("There is nothing to redo.")
        self._views.append(self._undone.pop())
        return self.view

    def annotate(self, label: Labels) -> int:
        """Keep a label map [S, S] of the image at hand (255: not labelled) for `fit`; how many there are now."""
        if self.annotations and label.shape != self.annotations[0][1].shape:
            shape = self.annotations[0][1].shape
            raise GantkError(f"The label map is {label.shape} and the earlier ones are {shape}: use one size.")
        if label.ndim != 2 or label.shape[0] != label.shape[1] or not (label != 255).any():
            raise GantkError(f"A label map of shape {label.shape} must be square and have a labelled pixel.")
        self.annotations.append((self.view.wp, label.astype(np.uint8)))
        return len(self.annotations)

    def fit(self, names: Sequence[str], colours: Sequence[tuple[int, int, int]] | None = None) -> Head:
        """A head from the annotations, in seconds; it takes the place of the session's.

        Raises:
            GantkError: nothing is annotated, a number is no class, or a class has no pixel.
        """
        if not self.annotations:
            raise GantkError("Nothing is annotated, so there is nothing to learn from: annotate an image first.")
        label = np.stack([one for _, one in self.annotations])
        check_labels(label, names, "The annotations")
        stream = CodeStream(self.generator, 0, self.truncation)
        images = Images(stream, default_taps(self.generator), label.shape[-1], batch=1)
        found = fit(shots_of(images, torch.cat([wp for wp, _ in self.annotations]), label), len(names))
        shown = palette(len(names)) if colours is None else tuple(colours)
        meta = {"teacher": "annotations", "shots": len(label), "eps": found.eps, "steps": found.steps}
        teacher = NamedTeacher("annotations", names, shown)
        self.head = head_of("LSE", "annotations", found.network, images, teacher, meta)
        return self.head.bind(self.generator)

    def uncertainty(self) -> float:
        """Mean entropy of the head's classes over the image at hand: label the most uncertain images first."""
        if self.head is None:
            return float("inf")
        with torch.no_grad():
            p = self.head.segment_codes(self.generator, self.view.wp).softmax(1)
        return float(-(p * p.clamp_min(1e-9).log()).sum(1).mean())

    def export(self, path: str | Path) -> Path:
        """Write a zip: image.png, label.png (numbers, the classes' colours as palette), wp.npy, session.json."""
        at = self.view
        colours = palette(256) if self.head is None else self.head.class_colours
        names = [] if self.head is None else list(self.head.class_names)
        wp = at.wp.float().cpu().numpy()
        shown = colours[: max(1, len(names))]
        return write_session(path, at.image, at.label, names, shown, wp, at.about, self.generator.source)

    def _push(self, view: View) -> View:
        self._views.append(view)
        self._undone.clear()
        return view
