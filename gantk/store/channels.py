"""Pictures of any number of channels: as a person can look at them, as a predictor takes them, as a network draws them.

Shape legend: N images, C channels, H x W pixels. One channel is grey, three are RGB, four RGB and alpha. Other numbers
have no colours of their own: two are shown as two greys side by side, of more than four the first three as RGB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError

if TYPE_CHECKING:
    from torch import Tensor

BACKGROUND = 255  # white, on which alpha is composed where a format has none
MOST_CHANNELS = 16  # more are no picture's: [N, H, W, C] given for [N, C, H, W], mostly
LARGEST = 16.0  # of images in [-1, 1]: networks overshoot by less, and pixels up to 255 are not meant
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, by which picture programs make RGB grey


def within_range(images: Tensor) -> bool:
    """Whether floats can be images in [-1, 1]: all are finite, and none is beyond what networks overshoot by."""
    return bool(images.isfinite().all()) and not bool((images.abs() > LARGEST).any())


def viewable(image_HWC: npt.NDArray[Any], alpha: bool = True) -> npt.NDArray[Any]:
    """One picture as [H, W] grey, [H, W, 3] RGB or (with `alpha`) [H, W, 4]; two channels give [H, 2 W].

    Args:
        alpha: whether what shows it knows alpha; otherwise it is composed on white.
    """
    if image_HWC.ndim == 2:
        return image_HWC
    channels = image_HWC.shape[-1]
    if channels == 1:
        return image_HWC[..., 0]
    if channels == 2:
        return np.concatenate([image_HWC[..., 0], image_HWC[..., 1]], axis=1)
    if channels == 4:
        return image_HWC if alpha else _composed(image_HWC)
    return np.ascontiguousarray(image_HWC[..., :3])


def rgb(image_HWC: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """One picture as [H, W, 3], to stand beside others: grey is repeated, alpha composed on white; see `viewable`."""
    pixels = viewable(image_HWC, alpha=False)
    return np.repeat(pixels[..., None], 3, axis=-1) if pixels.ndim == 2 else pixels


def _composed(image_HWC: npt.NDArray[Any]) -> npt.NDArray[Any]:
    weight = image_HWC[..., 3:].astype(np.float32) / 255
    mixed = image_HWC[..., :3].astype(np.float32) * weight + BACKGROUND * (1 - weight)
    return np.asarray(np.round(mixed), dtype=image_HWC.dtype)


def colours(image_NCHW: Tensor) -> Tensor:
    """Images in [-1, 1], a tensor, as [N, 3, H, W] for whoever looks at colours.

    One channel is repeated, of two the mean is; alpha is left out, as the colours under it are what the network drew;
    of more than four channels the first three are taken.

    Raises:
        GantkError: no batch of floating-point images.
    """
    if not hasattr(image_NCHW, "is_floating_point"):
        raise GantkError(
            f"The images are a {type(image_NCHW).__name__}: give a torch tensor of floats [N, C, H, W] in [-1, 1]."
        )
    channels = image_NCHW.shape[1] if image_NCHW.ndim == 4 else 0
    if not image_NCHW.is_floating_point() or not 1 <= channels <= MOST_CHANNELS:
        raise GantkError(
            f"Images of shape {tuple(image_NCHW.shape)} and type {image_NCHW.dtype} cannot be judged: "
            "give floats of shape [N, C, H, W] in [-1, 1]."
        )
    if channels == 3:
        return image_NCHW
    if channels < 3:
        return image_NCHW.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    return image_NCHW[:, :3]


def in_channels(image_N3HW: Tensor, channels: int) -> Tensor:
    """RGB images in [-1, 1], a tensor, as targets for a network of so many channels.

    One and two channels are grey (twice), four are opaque, six and more repeat the colours.
    """
    if channels == 3:
        return image_N3HW
    if channels < 3:
        weight = image_N3HW.new_tensor(LUMA)[:, None, None]
        return (image_N3HW * weight).sum(1, keepdim=True).expand(-1, channels, -1, -1).contiguous()
    if channels == 4:
        import torch

        opaque_N1HW = image_N3HW.new_ones(image_N3HW.shape[0], 1, *image_N3HW.shape[2:])
        return torch.cat([image_N3HW, opaque_N1HW], 1)
    repeats = -(-channels // 3)
    return image_N3HW.repeat(1, repeats, 1, 1)[:, :channels]
