"""What the StyleGANs share: a mapping network before w, the mean of w, a style affine per layer, noise maps.

Shape legend: N samples, Z latent width, C label classes, D width of w, L rows of wp, H x W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from gantk.errors import GantkError
from gantk.generators.base import Generator, GeneratorSpec, Layer, Options, Styles, Truncation
from gantk.generators.labels import label_matrix
from gantk.generators.noise import seeded_noise
from gantk.generators.ops import SQRT2, Dense, leaky, pixel_norm
from gantk.generators.spec import Config


@dataclass(frozen=True, kw_only=True)
class StyledConfig(Config):
    """What every StyleGAN's configuration says about its codes.

    Attributes:
        mapping_width: width of the hidden mapping layers.
        label_width: columns of the label embedding.
        truncation_psi, truncation_layers: what a plain run of the file's own program applies.
        average_rows: L where the file's mean code has a row of its own for each row of `wp`; 0: one for all.
    """

    image_channels: int = 3
    z_dim: int = 512
    w_dim: int = 512
    label_dim: int = 0
    label_width: int = 0
    mapping_layers: int = 8
    mapping_width: int = 512
    mapping_lr: float = 0.01
    normalize_z: bool = True
    truncation_psi: float | None = None
    truncation_layers: int | None = None
    average_rows: int = 0


@dataclass(frozen=True, kw_only=True)
class MappingConfig(StyledConfig):
    """Those of StyleGAN2 and 3, which map alike.

    Attributes:
        label_rule: `none`; `joint`: a bias-free matrix, then one pixel norm over z and label together (TensorFlow);
            `separate`: a dense layer with bias and a pixel norm of its own (stylegan2-ada).
    """

    label_rule: str = "none"

    def __post_init__(self) -> None:
        if self.label_rule not in ("none", "joint", "separate"):
            raise GantkError(f"label rule {self.label_rule!r} is none of none, joint, separate")


class Mapping(nn.Module):
    """z (and label) to w: pixel norm, dense layers with learning rate 0.01, leaky ReLU with gain sqrt 2."""

    def __init__(self, config: MappingConfig):
        super().__init__()
        self.config = config
        separate = config.label_rule == "separate"
        if config.label_rule != "none":
            self.embed = Dense(config.label_dim, config.label_width, bias=separate)
            if not separate:  # TensorFlow's label matrix carries no run-time factor
                self.embed.scale = 1.0
        width = config.z_dim + (config.label_width if config.label_rule != "none" else 0)
        for i in range(config.mapping_layers):
            last = i == config.mapping_layers - 1
            outputs = config.w_dim if last else config.mapping_width
            self.add_module(f"dense{i}", Dense(width, outputs, lr=config.mapping_lr))
            width = outputs

    def forward(self, z_NZ: Tensor, label_NC: Tensor | None) -> Tensor:
        x = z_NZ
        if self.config.label_rule == "separate":
            assert label_NC is not None
            x = pixel_norm(x) if self.config.normalize_z else x
            x = torch.cat([x, pixel_norm(self.embed(label_NC))], 1)
        else:
            if label_NC is not None:
                x = torch.cat([x, self.embed(label_NC)], 1)
            x = pixel_norm(x) if self.config.normalize_z or label_NC is not None else x
        for i in range(self.config.mapping_layers):
            x = leaky(self.get_submodule(f"dense{i}")(x, gain=SQRT2))
        return x


class StyledGenerator(Generator):
    """Base of the StyleGANs; they fill `mapping`, `synthesis`, `layers` and `_run`."""

    config: StyledConfig
    mapping: nn.Module

    # Any: fields of `GeneratorSpec`, which knows their types
    def _describe(self, family: str, resolution: int, layers: list[Layer], rows: int, **able: Any) -> None:
        """`layers`, `spec` and `w_avg`, from what all of them have and what this one is able to."""
        config = self.config
        each = (config.average_rows,) if config.average_rows else ()
        if config.average_rows not in (0, rows):
            raise GantkError(f"a mean code of {config.average_rows} rows does not fit a network of {rows}")
        self.register_buffer("w_avg", torch.zeros(*each, config.w_dim))
        self.layers = tuple(layers)
        psi = config.truncation_psi
        self.spec = GeneratorSpec(
            family=family,
            resolution=resolution,
            image_channels=config.image_channels,
            z_dim=config.z_dim,
            w_dim=config.w_dim,
            wp_dim=config.w_dim,
            label_dim=config.label_dim,
            num_layers=rows,
            normalizes_z=config.normalize_z,
            truncation=None if psi is None else Truncation(psi, config.truncation_layers),
            **able,
        )

    def map(self, z_ND: Tensor, label: Tensor | None = None) -> Tensor:
        self._check_width("z", z_ND, self.spec.z_dim)
        return cast(Tensor, self.mapping(z_ND, label_matrix(self.spec, label, z_ND.shape[0], z_ND)))

    def styles(self, wp_NLD: Tensor) -> Styles:
        self._check_wp(wp_NLD)
        rows = [(layer.affine, layer.row) for layer in self.layers]
        return tuple(self.get_submodule(affine)(wp_NLD[:, row]) for affine, row in rows if affine is not None)

    def _noise(self, part: nn.Module, layer: Layer, options: Options, n: int) -> Tensor | None:
        """What `part` adds: its constant map, seeded maps [n, 1, H, W], or nothing."""
        if not self.spec.has_noise or (isinstance(options.noise, str) and options.noise == "none"):
            return None
        const = cast(Tensor, part.noise_const)
        if isinstance(options.noise, str):
            return const
        return seeded_noise(options.noise, n, layer.index, layer.height, layer.width, const)
