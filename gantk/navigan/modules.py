"""Any network as a target: a module that the user names, and one of its convolutions by name.

For image-to-image networks (pix2pixHD and the like) the inputs take the place of codes: label maps, photographs. A
plain convolution is linear in its weight, so per-sample strengths cost two shared convolutions here too. Without
demodulation amplitudes are not comparable with a StyleGAN2's; the distance-strength curve is.

Shape legend: N samples, O/I channels of the weight, K x K its kernel, C, H, W image.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gantk.errors import GantkError, UsageError
from gantk.navigan.target import Prefix, Target
from gantk.store.own_code import find_object, names_code

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


class ModuleTarget(Target):
    """A convolution of any module whose `forward` takes a batch of inputs and returns images in [-1, 1].

    Raises:
        UsageError: there is no such layer, or it is no two-dimensional convolution.
    """

    def __init__(self, module: nn.Module, conv: str) -> None:
        layers = dict(module.named_modules())
        known = [name for name, part in layers.items() if isinstance(part, CONVOLUTIONS)]
        name = conv.removesuffix(".weight")
        if name not in layers:
            near = difflib.get_close_matches(name, known, 3, 0.4) or known[:5]
            hint = f"; its convolutions are named like {', '.join(near)}" if near else "; it has no convolutions"
            raise UsageError(f"The network has no layer {conv!r}{hint}.")
        if not isinstance(layers[name], CONVOLUTIONS):
            kind = type(layers[name]).__name__
            hint = f"; choose one such as {known[len(known) // 2]}" if known else ""
            raise UsageError(f"Layer {conv} is a {kind} and has no spatial weight to find directions in{hint}.")
        if "weight" not in dict(layers[name].named_parameters(recurse=False)):
            raise UsageError(f"The weight of {conv} is computed from others: remove its parametrization first.")
        self.network, self.layer, self.parameter = module, name, f"{name}.weight"
        self.transposed = isinstance(layers[name], nn.ConvTranspose2d)

    def prefix(self, codes: Tensor) -> Prefix:
        return Prefix(codes)

    def images(self, prefix: Prefix, weight_OIKK: Tensor | None = None) -> Tensor:
        if weight_OIKK is None:
            return self._checked(self.network(prefix.codes))
        return self._checked(functional_call(self.network, {self.parameter: weight_OIKK}, (prefix.codes,)))

    def moved(self, prefix: Prefix, delta_OIKK: Tensor, strength_N: Tensor | float) -> Tensor:
        self._fits(delta_OIKK)
        strength = torch.as_tensor(strength_N, device=self.weight.device, dtype=self.weight.dtype).reshape(-1)
        if len(strength) not in (1, len(prefix)):
            raise UsageError(f"{len(strength)} strengths do not fit {len(prefix)} samples: give one, or one for each.")
        parent_name, _, own = self.layer.rpartition(".")
        parent = self.network.get_submodule(parent_name)
        layer = getattr(parent, own)
        setattr(parent, own, _Shifted(layer, delta_OIKK.to(self.weight), strength))
        try:
            return self.images(prefix)
        finally:  # put back whatever happens
            setattr(parent, own, layer)

    def _checked(self, image: object) -> Tensor:
        if not isinstance(image, Tensor) or image.ndim != 4:
            what = list(image.shape) if isinstance(image, Tensor) else type(image).__name__
            raise GantkError(f"The network returned {what}, where images [N, C, H, W] were expected.")
        return image


class _Shifted(nn.Module):
    """conv(x; w) + t_n conv(x; delta) without the bias twice."""

    def __init__(self, layer: nn.Module, delta: Tensor, strength_N: Tensor) -> None:
        super().__init__()
        self.layer, self.delta, self.strength = layer, delta, strength_N

    def forward(self, x: Tensor) -> Tensor:
        # the layer pads and strides as it is told: ask it for both weights, and subtract the bias it adds
        changes: dict[str, Tensor] = {"weight": self.delta}
        if getattr(self.layer, "bias", None) is not None:
            changes["bias"] = torch.zeros_like(self.layer.get_parameter("bias"))
        added: Tensor = functional_call(self.layer, changes, (x,))
        return self.layer(x) + self.strength[:, None, None, None] * added


def load_module(text: str, device: str | torch.device = "cpu") -> nn.Module:
    """The module that `module:callable` or `file.py:callable` names: an instance, or something that makes one.

    This runs that code, so the name must have been typed on this command line.

    Raises:
        UsageError: it may not name code, cannot be imported, or is no module.
    """
    found = find_object(text, f"The network {str(text)!r}")
    if not isinstance(found, nn.Module) and callable(found):
        found = found()
    if not isinstance(found, nn.Module):
        raise UsageError(f"The network {text!r} is a {type(found).__name__}, where a torch module was expected.")
    return found.to(device).eval().requires_grad_(False)


def is_module(text: str) -> bool:
    """Whether a MODEL argument names code rather than a file or a zoo name."""
    return names_code(text) and not text.startswith("hub")


def load_inputs(path: str | Path, num: int | None = None) -> Tensor:
    """Inputs of a module from an .npy [N, ...] of numbers, as float32; class maps [N, H, W] of integers stay integers.

    Raises:
        GantkError: missing, empty, not finite, or no numbers.
    """
    import numpy as np

    from gantk.store.files import load_npy

    array = load_npy(path)
    if array.ndim < 2 or not len(array) or array.dtype.kind not in "fiub":
        raise GantkError(f"{path} holds {array.dtype} {array.shape}, where inputs [N, ...] were expected.")
    array = array[:num] if num else array
    if not np.isfinite(array).all():
        raise GantkError(f"{path} holds inputs that are not finite.")
    floating = array.dtype.kind == "f" or array.ndim == 4
    return torch.from_numpy(np.ascontiguousarray(array.astype(np.float32 if floating else np.int64)))
