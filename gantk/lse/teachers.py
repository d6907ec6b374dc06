"""Where labels come from: a segmentation network, the truth of a generator that knows it, or a folder of label maps.

Shape legend: N images, L rows of wp, K classes, S side of the labels, C, H, W image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError, suggestion
from gantk.generators.arguments import described
from gantk.generators.base import Generator
from gantk.lse.label_rules import ADE_CLASSES, FACE, FACE_19, SCENES, scene_classes
from gantk.pictures.label_maps import IGNORE, find_label_maps, read_label_map, read_numbers
from gantk.predictors.base import Predictor
from gantk.predictors.defaults import segmenter_for
from gantk.predictors.grids import resize_grid
from gantk.predictors.head_info import Colour, palette
from gantk.predictors.load import predictor_in
from gantk.store.text import read_text

OTHERS = ("other", "background", "bg")
CODES = "wp.npy"  # of a folder of label maps


class Teacher:
    """What labels images. `logits` can be differentiated where the teacher is a network."""

    name: str
    class_names: tuple[str, ...]
    class_colours: tuple[Colour, ...]

    @property
    def has_other(self) -> bool:
        """Whether class 0 is what the others are not."""
        return self.class_names[0] in OTHERS

    def logits(self, generator: Generator, wp: Tensor, image_NCHW: Tensor, size: int) -> Tensor:
        """Class logits [N, K, S, S] of images drawn from codes."""
        raise GantkError(f"The teacher {self.name} has labels of its own images only, so it cannot judge others.")

    def label(self, generator: Generator, wp: Tensor, image_NCHW: Tensor, size: int, start: int = 0) -> Tensor:
        """Labels uint8 [N, S, S]; `start` is the first image's number in the run."""
        return self.logits(generator, wp, image_NCHW, size).argmax(1).to(torch.uint8)

    def fingerprint(self) -> object:
        """What decides its labels, for the identity of a run."""
        return list(self.class_names)


class NamedTeacher(Teacher):
    """Classes without a judge: what people labelled, or what was labelled before."""

    def __init__(self, name: str, names: Sequence[str], colours: Sequence[Colour]) -> None:
        self.name, self.class_names, self.class_colours = name, tuple(names), tuple(colours)


@dataclass(eq=False)
class PredictorTeacher(Teacher):
    """A predictor's segmentation, resized as logits.

    Attributes:
        channels: those of the predictor that are classes 1 and up, class 0 getting a logit of zero; None: all.
        side: images are resized to it first; None: as they are.
    """

    predictor: Predictor
    name: str
    class_names: tuple[str, ...]
    class_colours: tuple[Colour, ...]
    channels: tuple[int, ...] | None = None
    side: int | None = None

    def logits(self, generator: Generator, wp: Tensor, image_NCHW: Tensor, size: int) -> Tensor:
        if type(self.predictor).segment_codes is not Predictor.segment_codes:
            found = self.predictor.segment_codes(generator, wp)
        else:
            seen = image_NCHW.float().clamp(-1, 1)
            found = self.predictor.segment(seen if self.side is None else resize_grid(seen, self.side))
        if self.channels is not None:
            chosen = found[:, list(self.channels)]
            found = torch.cat([torch.zeros_like(chosen[:, :1]), chosen], 1)
        return resize_grid(found, size)

    def fingerprint(self) -> object:
        from gantk.store.fingerprint import fingerprint

        return [fingerprint(self.predictor), list(self.class_names), fingerprint(self.channels), self.side]


@dataclass(eq=False)
class FolderTeacher(Teacher):
    """Label maps 000000.png, 000001.png, ... in a folder: the labels of samples 0, 1, ... of the run.

    Attributes:
        merge: they have CelebAMask-HQ's 19 numbers, of which left and right become one.
        mask: they are masks of 0 and 255, which are classes 0 and 1.
    """

    folder: Path
    class_names: tuple[str, ...]
    class_colours: tuple[Colour, ...]
    merge: bool = False
    mask: bool = False

    @property
    def name(self) -> str:  # type: ignore[override]
        return str(self.folder)

    @cached_property
    def files(self) -> dict[str, Path]:
        """Name without suffix -> file, whatever the suffix."""
        return {file.stem: file for file in find_label_maps(self.folder) if file.name != CODES}

    @property
    def codes(self) -> Path | None:
        """The codes wp that the maps are of, where the folder has them."""
        path = self.folder / CODES
        return path if path.is_file() else None

    def fingerprint(self) -> object:
        from gantk.store.fingerprint import of_path

        return [of_path(self.folder), list(self.class_names), self.merge]

    def label(self, generator: Generator, wp: Tensor, image_NCHW: Tensor, size: int, start: int = 0) -> Tensor:
        names = [f"{index:06d}" for index in range(start, start + len(wp))]
        missing = [name for name in names if name not in self.files]
        if missing:
            absent = f"{self.folder / missing[0]}.png"
            raise GantkError(f"The label map {absent} does not exist: sample i of the run needs {names[0]}.png.")
        classes = len(FACE_19) if self.merge else len(self.class_names)
        maps = [read_label_map(self.files[name], classes, size) for name in names]
        maps = [merge_faces(label) for label in maps] if self.merge else maps
        maps = [np.where(label == IGNORE, 1, label).astype(np.uint8) for label in maps] if self.mask else maps
        return torch.from_numpy(np.stack(maps)).to(image_NCHW.device)


def merge_faces(label: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
    """CelebAMask-HQ's 19 numbers [...] to the paper's 15; 255 stays."""
    table = np.full(256, 255, np.uint8)
    table[: len(FACE_19)] = [FACE.index(merged) for _, merged in FACE_19]
    return table[label]


def load_teacher(
    name: str | None, generator: Generator, classes: str | None = None, option: str = "--teacher"
) -> Teacher:
    """The teacher that ``--teacher`` names.

    Args:
        name: `truth` (of demo-oracle), `demo` (the bundled segmenter), `module:callable` or a predictor's file, a head,
            or a folder of label maps; None: the truth for demo-oracle, the bundled segmenter for the other bundled
            models.
        classes: what of the teacher's is told apart: `face` (`face19`: a folder's maps have left and right), a scene
            set such as stylegan2_church, or a comma-separated
            list of names (of a folder's classes, or of channels to keep).
        option: how the command line calls it, for messages.

    Raises:
        UsageError: there is no default for this model, or no such set of classes.
        GantkError: a folder of label maps that keep no numbers.
    """
    if name is not None and Path(name).is_dir() and _has_label_maps(Path(name)):
        return _folder(Path(name), classes)
    return teacher_of(generator, segmenter_for(generator, name, option), classes, name, option)


def teacher_of(
    generator: Generator, given: object, classes: str | None = None, name: str | None = None, option: str = "teacher"
) -> Teacher:
    """A teacher of whatever Python gives: a `Teacher`, a predictor that sees classes, or None for the default.

    Raises:
        UsageError: there is no default for this generator, it sees no classes, or there is no such set of classes.
    """
    if isinstance(given, Teacher):
        return given
    if given is None:
        given = segmenter_for(generator)
    if given is None:
        raise UsageError(
            "There is no teacher for this model: give --teacher module:callable that returns class logits "
            "[N, K, H, W], a predictor's file, or a folder of label maps."
        )
    given = predictor_in(given, generator)
    if not isinstance(given, Predictor):
        raise UsageError(f"The {option} is {described(given)}: give a predictor, such as load_predictor('demo').")
    if not given.class_names:
        raise UsageError(f"The predictor {given.name!r} has no segmentation to learn from: choose another {option}.")
    return _by_rule(given, name or given.name, classes)


def _has_label_maps(folder: Path) -> bool:
    weights = any((folder / f"{kind}.safetensors").is_file() for kind in ("attributes", "segmenter"))
    return not weights and (bool(find_label_maps(folder)) or (folder / "classes.txt").is_file())


def _folder(folder: Path, classes: str | None) -> FolderTeacher:
    names = _folder_classes(folder, classes)
    teacher = FolderTeacher(folder, names, colours_of(names), classes == "face19")
    if len(names) == 2:
        teacher.mask = _are_masks(list(teacher.files.values()))
    return teacher


def _are_masks(files: Sequence[Path]) -> bool:
    """Whether maps of two classes hold 0 and 255 only, in all files: then 255 is the second class, which else no pixel
    would have."""
    seen: set[int] = set()
    for file in files:
        seen |= set(np.unique(read_numbers(file)).tolist())
        if not seen <= {0, IGNORE}:
            return False
    return seen == {0, IGNORE}


def _by_rule(predictor: Predictor, name: str, classes: str | None) -> Teacher:
    known = predictor.class_names
    if classes is None:
        colours = getattr(predictor, "class_colours", None) or colours_of(known)
        return PredictorTeacher(predictor, name, known, colours)
    if classes == "face":
        if len(known) != len(FACE):
            raise UsageError(f"--classes face needs a teacher of {len(FACE)} classes, and {name} has {len(known)}.")
        return PredictorTeacher(predictor, name, FACE, palette(len(FACE)), side=512)
    if classes in SCENES:
        if len(known) < ADE_CLASSES:
            raise UsageError(f"--classes {classes} chooses of ADE20K's {ADE_CLASSES}, and {name} has {len(known)}.")
        names, channels = scene_classes(classes)
        return PredictorTeacher(predictor, name, names, palette(len(names)), channels)
    words = [word.strip() for word in classes.split(",")]
    for word in words:
        if word not in known:
            sets = ["face", *SCENES]
            raise UsageError(
                f"--classes names {word!r}, which is neither a class of {name} nor one of the sets {', '.join(sets)}."
                f"{suggestion(word, [*known, *sets])}"
            )
    names = ("other", *words)
    return PredictorTeacher(predictor, name, names, palette(len(names)), tuple(known.index(word) for word in words))


def _folder_classes(folder: Path, classes: str | None) -> tuple[str, ...]:
    """From ``--classes``, or the folder's classes.txt, a name per line."""
    if classes in ("face", "face19"):
        return FACE
    if classes in SCENES:
        return scene_classes(classes)[0]
    if classes is not None:
        return _distinct([word.strip() for word in classes.split(",")], "--classes")
    listed = folder / "classes.txt"
    if not listed.is_file():
        raise UsageError(
            f"The label maps in {folder} do not say what their numbers mean: give --classes sky,ground,... in their "
            "order, or a classes.txt with a name per line."
        )
    try:
        lines = [line.strip() for line in read_text(listed).splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise GantkError(
            f"The names of classes in {listed} cannot be read ({error}): write a name per line."
        ) from error
    if len(lines) == 1 and "," in lines[0]:  # as --classes takes them
        lines = [word.strip() for word in lines[0].split(",")]
    return _distinct(lines, str(listed))


def _distinct(names: Sequence[str], where: str) -> tuple[str, ...]:
    """Names of classes.

    Raises:
        UsageError: one stands twice, or is empty.
    """
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None or not all(names):
        what = f"the class {twice!r} twice" if twice else "a class without a name"
        raise UsageError(f"{where} has {what}: name every class once.")
    return tuple(names)


def colours_of(names: Sequence[str]) -> tuple[Colour, ...]:
    """Colours for classes: those of the bundled world where it has all of them, else LinearGAN's palette."""
    from gantk.world.renderer import CLASS_COLOURS, CLASSES

    if set(names) <= set(CLASSES):
        return tuple(CLASS_COLOURS[CLASSES.index(name)] for name in names)
    return palette(len(names))
