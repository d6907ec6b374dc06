"""Generators and discriminators of a training, and how a generator paints at the resolution of a stage.

Shape legend: N samples, L rows of wp, D width of a row, C channels or factors, H x W pixels, F factors.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gantk.generators.base import Generator
from gantk.generators.registry import build
from gantk.generators.stylegan2_discriminator import StyleGAN2Discriminator, StyleGAN2DiscriminatorConfig
from gantk.generators.stylegan3 import StyleGAN3
from training.settings import Settings

SATURATED, SATURATED_SLOPE = 0.99, 0.05  # of BigGAN's images: from where on, and the slope that gradients see there
STANDING_BATCHES, STANDING_BATCH = 40, 64  # behind the statistics of a batch norm that evaluation uses


def make_generator(settings: Settings) -> Generator:
    return build(settings.family, {"resolution": settings.stages[-1][0], **settings.generator})


def make_discriminator(settings: Settings) -> StyleGAN2Discriminator:
    """Every family has the same: it takes images of any smaller size as well, so that one can begin as another's."""
    return StyleGAN2Discriminator(
        StyleGAN2DiscriminatorConfig(
            resolution=settings.discriminator_resolution, channels=settings.discriminator_channels,
            architecture="skip", resample_filter=(0.5, 0.5), label_dim=settings.classes,
        )
    )  # fmt: skip


def enter_silently(settings: Settings, generators: list[Generator], discriminator: StyleGAN2Discriminator) -> None:
    """Blocks of later stages start at zero, so that nothing that was learned before them is disturbed.

    Only a skip generator adds its blocks to the image so far; the others show one resolution at a time.
    """
    for resolution, _ in settings.stages[1:]:
        if settings.family == "stylegan2":
            for net in generators:
                net.get_parameter(f"synthesis.b{resolution}.torgb.weight").data.zero_()
        discriminator.get_parameter(f"b{resolution}.conv1.weight").data.zero_()


def make_readouts(settings: Settings, generator: Generator) -> nn.ModuleDict:
    """For each stage below the full resolution whose images the generator cannot show, a 1x1 ToRGB of its last map."""
    last = {layer.resolution: layer for layer in generator.layers if layer.has_map}
    below = [last[resolution] for resolution, _ in settings.stages[:-1]]
    return nn.ModuleDict(
        {str(layer.resolution): nn.Conv2d(layer.channels, 3, 1) for layer in below if not layer.is_rgb}
    )


def painter(
    generator: Generator, readouts: nn.ModuleDict, resolution: int, compiled: bool = False, autocast: bool = False
) -> Callable[[Tensor], Tensor]:
    """wp -> image at the stage's resolution, float32; at a lower one what a ToRGB shows, its own or a readout.

    `autocast`: convolutions in bfloat16, for families that have no half precision of their own.
    """
    tap = [layer.name for layer in generator.layers if layer.resolution == resolution and layer.has_map][-1]
    readout = readouts[str(resolution)] if str(resolution) in readouts else nn.Identity()

    def paint(wp: Tensor) -> Tensor:
        with torch.autocast(wp.device.type, torch.bfloat16, enabled=autocast):
            if resolution == generator.spec.resolution and generator.spec.family == "biggan":
                return leaky_tanh(generator, wp).float()
            if resolution == generator.spec.resolution:
                return generator.synthesize(wp).float()
            return readout(generator.trace(wp, [tap], image=False)[1][tap]).float()

    return torch.compile(paint) if compiled else paint


def leaky_tanh(generator: Generator, wp: Tensor) -> Tensor:
    """BigGAN's image; where its last function is as good as flat, a small slope brings colours back all the same.

    Without it a sample whose residual sums have run away stays red for good: no gradient passes.
    """
    last = [layer.name for layer in generator.layers if layer.has_map and not layer.is_rgb][-1]
    image, maps = generator.trace(wp, [last])
    assert image is not None
    before = generator.get_submodule("synthesis.torgb")(maps[last], None, (0, 0.0), False, None)
    return image + SATURATED_SLOPE * (image.abs() > SATURATED) * (before - before.detach())


def standing_statistics(generator: Generator, seed: int) -> None:
    """Fill the stored statistics of batch norms with those of many samples (Brock et al. 2019, section 3.1)."""
    generator.train()
    with torch.no_grad():
        for batch in range(STANDING_BATCHES):
            start = batch * STANDING_BATCH
            label = generator.sample_label(STANDING_BATCH, seed=seed, start=start)
            z = generator.sample_z(STANDING_BATCH, seed=seed, start=start)
            generator.synthesize(generator.expand(generator.map(z, label)))
    generator.eval()


def settle_magnitudes(generator: StyleGAN3, wp_NLD: Tensor) -> None:
    """Measure StyleGAN3's magnitudes layer after layer: each depends on those before it."""
    with torch.no_grad():
        for _ in generator.layers:
            generator.update_magnitudes(wp_NLD, 0.0)


class FactorCritic(nn.Module):
    """What a small discriminator on its own overlooks: how many and how large the small things of a picture are.

    Beside the image's score, the discriminator's last features h [N, C] are asked for the scene's factors (a linear
    head that real images teach, whose factors the renderer knows); a small network then scores the estimates
    themselves beside their mean and deviation over a group. It enters silently: its last layer starts at zero. The
    generator sees no factor, only this score.
    """

    def __init__(self, width: int, factors: int, group: int = 16):
        super().__init__()
        self.group = group
        self.read = nn.Linear(width, factors)
        first, last = nn.Linear(3 * factors, 64), nn.Linear(64, 1)
        self.judge = nn.Sequential(first, nn.LeakyReLU(0.2), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, h_NC: Tensor) -> tuple[Tensor, Tensor]:
        """Scores [N] and estimates [N, F] of factors in units of their ranges."""
        estimate_NF = self.read(h_NC)
        grouped = estimate_NF.unflatten(0, (-1, min(self.group, len(h_NC))))
        mean = grouped.mean(1, keepdim=True)
        deviation = torch.sqrt((grouped - mean).square().mean(1, keepdim=True) + 1e-4)
        parts = [grouped, mean.expand_as(grouped), deviation.expand_as(grouped)]
        return self.judge(4.0 * torch.cat(parts, 2) - 2.0).flatten(), estimate_NF
