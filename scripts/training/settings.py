"""All numbers of a training, for each family; they are stored with every checkpoint and in the exported file.

demo-stylegan2 is trained adversarially from nothing. The small ones of 32 x 32 pixels begin as pupils, which saves
most of the way: for `guide_only` images a generator learns to draw the scene that its code stands for in the bundled
oracle, then it goes on against the discriminator of demo-stylegan2, while the guide's share falls to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from gantk.world.oracle import CODE_DIM

PUPIL = "demo-stylegan2-discriminator.safetensors"  # in gantk/world/weights: what the small ones are judged by

# The usual rate of 0.01 leaves a mapping as it was drawn in so short a training.
QUICK_MAPPING = {"w_dim": 128, "mapping_layers": 3, "mapping_lr": 0.5}


@dataclass(frozen=True)
class Settings:
    """The defaults are those of demo-stylegan2.

    Attributes:
        stages: (resolution, images at which it ends).
        generator: the configuration, resolution excepted.
        discriminator_channels, discriminator_resolution: of the skip discriminator; it may be larger than the images.
        classes: equal parts of the time of day that a conditional generator is told.
        r1_gamma: (resolution, weight).
        generator_rate: learning rate of the generator where it is not `learning_rate`.
        momentum: of the generator (Adam's first beta) beside a discriminator.
        guide_rate: of the generator in the beginning, while only the guide teaches; it falls linearly to its usual one.
        decay_from: of all images; the rates then fall linearly to a tenth.
        ema_images: half-life of the average.
        reading_weight: of the factor critic's lessons; 0 for none.
        guide_only: images drawn after the guide alone, without a discriminator.
        guide_weight: of the guide afterwards; it falls linearly to nothing where the decay begins.
        half_generator, half_discriminator: whether they compute in bfloat16.
    """

    family: str = "stylegan2"
    seed: int = 1
    batch: int = 32
    stages: tuple[tuple[int, int], ...] = ((16, 50_000), (32, 150_000), (64, 840_000))
    generator: dict[str, Any] = field(
        default_factory=lambda: {
            "channels": (128, 128, 96, 48, 24), "z_dim": 64, "w_dim": 64, "mapping_layers": 4, "mapping_width": 64
        }
    )  # fmt: skip
    discriminator_channels: tuple[int, ...] = (128, 96, 64, 48, 24)
    discriminator_resolution: int = 64
    classes: int = 0
    learning_rate: float = 0.002
    generator_rate: float | None = None
    momentum: float = 0.0
    guide_rate: float = 0.012
    decay_from: float = 0.82
    r1_gamma: tuple[tuple[int, float], ...] = ((16, 0.1), (32, 0.2), (64, 0.06))
    r1_every: int = 16
    mixing: float = 0.1
    ema_images: float = 10_000.0
    reading_weight: float = 5.0
    guide_only: int = 0
    guide_weight: float = 0.0
    half_generator: bool = True
    half_discriminator: bool = True


def _stylegan2() -> Settings:
    return Settings()


def _pupil(family: str, generator: dict[str, Any], **more: Any) -> Settings:
    """What the generators of 32 x 32 pixels have in common."""
    base = Settings(
        family=family, generator={"z_dim": CODE_DIM, **generator}, stages=((8, 40_000), (16, 80_000), (32, 150_000)),
        mixing=0.0, ema_images=5_000.0, reading_weight=0.0, guide_only=115_000, guide_weight=5.0, decay_from=0.9,
        momentum=0.5, half_generator=False, half_discriminator=False,
    )  # fmt: skip
    return replace(base, **more)


def _stylegan3() -> Settings:
    plan = {
        "num_layers": 5, "num_critical": 1, "first_cutoff": 4, "first_stopband": 2**2.6, "last_stopband_rel": 2**0.1,
        "margin": 2, "filter_size": 4, "channel_base": 640, "channel_max": 80, "conv_clamp": None,
    }  # fmt: skip
    stages = ((16, 60_000), (32, 150_000))
    return _pupil("stylegan3", {**QUICK_MAPPING, **plan}, stages=stages, generator_rate=0.0025)


def _biggan() -> Settings:
    blocks = {"channels": (96, 96, 96, 96, 64, 64, 48), "up": (False, True) * 3, "hidden": (32,) * 6, "deep": True}
    network = {"label_dim": 3, "embed_dim": 8, "attention": (3,), **blocks}
    stages = ((8, 50_000), (16, 100_000), (32, 210_000))
    more = {"stages": stages, "guide_only": 150_000, "generator_rate": 0.001, "guide_rate": 0.004}
    return _pupil("biggan", network, classes=3, **more)


def _pggan() -> Settings:
    return _pupil("pggan", {"channels": (192, 128, 64, 40)})


def _stylegan() -> Settings:
    return _pupil("stylegan", {"channels": (128, 96, 64, 40), "mapping_width": 128, **QUICK_MAPPING})


FAMILIES: dict[str, Callable[[], Settings]] = {
    "stylegan2": _stylegan2,
    "stylegan3": _stylegan3,
    "biggan": _biggan,
    "pggan": _pggan,
    "stylegan": _stylegan,
}
