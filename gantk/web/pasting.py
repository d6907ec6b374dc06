"""The photo's own pixels around an edit: what the generator drew is shown where something was edited, with a soft edge.

Edited are the strokes of every step since the photo and, where sliders were moved, the pixels that changed.

Shape legend: H x W pixels of the picture, S side of a stroke, C colours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from gantk.pictures.images import to_uint8
from gantk.predictors.resampling import resize
from gantk.web.jobs import label_of
from gantk.web.photo import square_photo
from gantk.web.pictures import Image, shown
from gantk.web.projects import Project
from gantk.web.regions import resized
from gantk.web.state import Node
from gantk.web.terms import Move
from gantk.web.workshop import Model

if TYPE_CHECKING:
    from gantk.web.scene import Scene

EDGE = 1 / 32  # of the larger side: strokes grow by so much, and fade over twice that
CHANGED = 0.05  # of the range of a byte: pixels that sliders changed by more count as edited

Mask = npt.NDArray[np.bool_]
Weight = npt.NDArray[np.float32]


def pasted(picture: Image, model: Model, project: Project, place: int, moves: Sequence[Move],
           draw: Callable[[Scene], Image]) -> Image:  # fmt: skip
    """A picture [H, W, C] with the photo's pixels outside of what was edited; as it is where no photo lies behind it.

    Args:
        place: of the history, on which the picture lies; moves: those that it was drawn with.
        draw: how it was drawn from its scene.
    """
    steps = project.state.trail(place)
    if steps[0].photo is None:
        return picture
    size = picture.shape[:2]
    edited = np.zeros(size, bool)
    for step in steps[1:]:
        edited |= _strokes(project, step, size)
    baked = any(step.made == "keep" for step in steps) or any(_active(step.moves) for step in steps[:-1])
    if baked or _active(moves):
        still = _kept(model, ("still", steps[0].base, size), lambda: draw(_first(model, project, steps[0])))
        edited |= np.abs(picture.astype(np.int16) - still).max(-1) > 255 * CHANGED
    weight = soft(edited)[..., None]
    photo = _kept(model, ("photo", steps[0].photo, size), lambda: _photo(project, steps[0], picture))
    mixed: Image = (weight * picture + (1 - weight) * photo + 0.5).astype(np.uint8)
    return mixed


def soft(edited_HW: Mask) -> Weight:
    """Weights [H, W]: 1 where something was edited, falling to 0 two edges away from it."""
    reach = max(1, round(EDGE * max(edited_HW.shape)))
    window = 2 * reach + 1
    with torch.no_grad():
        grown = F.max_pool2d(torch.from_numpy(edited_HW).float()[None, None], window, 1, reach)
        # the mean over a window that lies in the grown region is 1 but for rounding
        mean = F.avg_pool2d(grown, window, 1, reach, count_include_pad=False)[0, 0]
        weight: Weight = torch.where(mean > 1 - 1e-4, 1.0, mean).numpy()
    return weight


def _active(moves: Sequence[Move]) -> bool:
    return any(move.amount and not move.mute for move in moves)


def _first(model: Model, project: Project, node: Node) -> Scene:
    return model.easel.scene(node.base, (), project.blobs.get)


def _strokes(project: Project, step: Node, size: tuple[int, ...]) -> Mask:
    """Where an edit's strokes lie, [H, W]."""
    found = np.zeros(size, bool)
    if step.strokes is None:
        return found
    if step.strokes.label is not None:
        found |= _at(label_of(project, step.strokes.label) != 255, size)
    if step.strokes.colour is not None:
        data = np.frombuffer(project.blobs.get(step.strokes.colour), np.uint8)
        side = round((len(data) // 4) ** 0.5)
        found |= _at(data.reshape(side, side, 4)[..., 3] == 255, size)
    return found


def _at(mask_SS: Mask, size: tuple[int, ...]) -> Mask:
    """A mask at the picture's size, by its nearest pixels."""
    square = resized(mask_SS, max(size))
    rows, columns = ((np.arange(side) * len(square) // side) for side in size)
    found: Mask = square[rows][:, columns]
    return found


def _photo(project: Project, node: Node, like: Image) -> Image:
    assert node.photo is not None
    return to_uint8(resize(square_photo(project.blobs.get(node.photo), like.shape[2]), *like.shape[:2]))[0]


def _kept(model: Model, key: tuple[object, ...], make: Callable[[], Image]) -> Image:
    found = model.around.get(key)
    if found is None:
        found = make()
        model.around.put(key, found, found.nbytes)
    return found


def picture_at_hand(model: Model, project: Project) -> Image:
    """What the page shows at full size, [H, W, C]: the moved picture, in its photo where the switch is on."""
    at = project.state.at

    def draw(scene: Scene) -> Image:
        return shown(model.easel.render(scene).image, 1 << 14)

    picture = draw(model.easel.scene(at.base, at.moves, project.blobs.get))
    return pasted(picture, model, project, at.id, at.moves, draw) if project.state.paste else picture
