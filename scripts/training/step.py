"""One run of a training: networks, optimisers, position, and the step that moves them."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.generators.stylegan3 import StyleGAN3
from gantk.world.renderer import FACTORS
from training.networks import (
    FactorCritic,
    enter_silently,
    make_discriminator,
    make_generator,
    make_readouts,
    settle_magnitudes,
)
from training.settings import Settings
from training.world import Real, guide, real_batch, shrink

CRITIC_RATE = 0.25  # of the discriminator's
GUIDE_MOMENTUM = 0.9
RAMP = 5_000  # images over which the generator's rate rises when the discriminator joins the guide
MAGNITUDES_EVERY, MAGNITUDES_IMAGES = 16, 4_000  # StyleGAN3's running magnitudes: steps between, and half-life


class Training:
    """Networks, optimisers and position of one run."""

    def __init__(self, settings: Settings, device: str):
        self.settings, self.device = settings, torch.device(device)
        self.rank, self.world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        self.share = settings.batch // self.world  # of a batch, for this process
        torch.manual_seed(settings.seed)
        self.generator = make_generator(settings)
        self.average = make_generator(settings).requires_grad_(False).eval()
        self.average.load_state_dict(self.generator.state_dict())
        self.discriminator = make_discriminator(settings)
        self.critic = FactorCritic(settings.discriminator_channels[0], len(FACTORS))
        self.readouts = make_readouts(settings, self.generator)
        enter_silently(settings, [self.generator, self.average], self.discriminator)
        for net in (self.generator, self.average, self.discriminator, self.critic, self.readouts):
            net.to(self.device).to(memory_format=torch.channels_last)
        self.autocast = settings.half_generator and not self.generator.spec.half_precision
        if settings.half_generator and not self.autocast:
            self.generator.set_precision("bfloat16")
        if settings.half_discriminator:
            self.discriminator.half_dtype = torch.bfloat16
        self.lazy = settings.r1_every / (settings.r1_every + 1)  # Karras et al. 2020, appendix B
        self.bases = {  # learning rates before the decay
            "g": settings.learning_rate if settings.generator_rate is None else settings.generator_rate,
            "d": settings.learning_rate * self.lazy,
            "c": settings.learning_rate * self.lazy * CRITIC_RATE,
        }
        painting = nn.ModuleList([self.generator, self.readouts])
        self.g_optimizer = self._adam(painting, "g", (settings.momentum, 0.99))
        self.d_optimizer = self._adam(self.discriminator, "d", (0.0, 0.99**self.lazy))
        self.c_optimizer = self._adam(self.critic, "c", (0.0, 0.99**self.lazy))
        if isinstance(self.generator, StyleGAN3):
            _, _, wp = self.codes(8, torch.Generator().manual_seed(settings.seed))
            settle_magnitudes(self.generator, wp)
        self.images = 0
        self.log: list[dict[str, float]] = []

    def _adam(self, net: nn.Module, name: str, betas: tuple[float, float]) -> torch.optim.Adam:
        return torch.optim.Adam(net.parameters(), self.bases[name], betas=betas)

    def resolution(self) -> int:
        for resolution, end in self.settings.stages:
            if self.images < end:
                return resolution
        return self.settings.stages[-1][0]

    # --- one step ----------------------------------------------------------------------------------------------

    def step(self, paint: Callable[[Tensor], Tensor], resolution: int) -> dict[str, float]:
        """One simultaneous update of both networks on the same fakes: the fakes are drawn once and judged once."""
        s = self.settings
        random = torch.Generator().manual_seed(s.seed * 1_000_003 + self.images + self.rank * self.share)
        z, label, wp = self.codes(self.share, random)
        for name, buffer in self.generator.named_buffers():
            if name.endswith("noise_const"):
                buffer.copy_(torch.randn(buffer.shape, generator=random))
        fake = paint(wp)
        for optimizer in (self.g_optimizer, self.d_optimizer, self.c_optimizer):
            optimizer.zero_grad(set_to_none=True)
        numbers: dict[str, float] = {}
        gradient = torch.zeros_like(fake)
        weight = self.guide_weight()
        if weight > 0:
            drawn = guide(z[0], label, self.generator.spec.normalizes_z, s.stages[-1][0], s.classes)
            difference = fake.detach() - shrink(drawn, resolution)
            numbers["guide"] = difference.abs().mean().item()
            # Of |d| + d^2: squares move what is far off, absolute values make edges sharp.
            gradient += (difference.sign() + 2 * difference) * (weight / difference.numel())
        if self.images >= s.guide_only:
            gradient += self.judge_both(fake, label, resolution, numbers)
        fake.backward(gradient)
        self.average_gradients()
        self.set_rates()
        for optimizer in (self.g_optimizer, self.d_optimizer, self.c_optimizer):
            optimizer.step()
        self.images += s.batch
        self.follow(wp.detach())
        return numbers

    def judge_both(self, fake: Tensor, label: Tensor | None, resolution: int, numbers: dict[str, float]) -> Tensor:
        """Gradients of the discriminator and the critic; returns the one that the fakes get."""
        s = self.settings
        seen = real_batch(
            self.share, s.seed, self.images + self.rank * self.share, s.stages[-1][0], s.classes, self.device
        )
        real = seen._replace(image_NCHW=shrink(seen.image_NCHW, resolution))
        leaf = fake.detach().requires_grad_()
        (fake_score, _), (real_score, estimate_NF) = self.judge(leaf, label), self.judge(real.image_NCHW, real.label_N)
        g_loss = F.softplus(-fake_score).mean()
        (g_gradient,) = torch.autograd.grad(g_loss, leaf, retain_graph=True)
        d_loss = F.softplus(fake_score).mean() + F.softplus(-real_score).mean()
        numbers |= {"g_loss": g_loss.item(), "d_loss": d_loss.item(), "sign": real_score.sign().mean().item()}
        learning = list(self.discriminator.parameters())
        if estimate_NF is not None:
            reading = ((estimate_NF - real.truth_NF).square() * real.seen_NF).mean()
            numbers["reading"] = reading.item()
            d_loss = d_loss + s.reading_weight * reading
            learning += self.critic.parameters()
        d_loss.backward(inputs=learning)
        if (self.images // s.batch) % s.r1_every == 0:
            numbers["r1"] = self.r1(real, dict(s.r1_gamma)[resolution])
        return g_gradient

    def judge(self, image_NCHW: Tensor, label_N: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Scores [N], and the factors as the critic reads them."""
        if self.settings.reading_weight == 0:
            rows = None if label_N is None else F.one_hot(label_N, self.settings.classes).to(image_NCHW)
            return self.discriminator(image_NCHW, rows), None
        h_NC = self.discriminator.features(image_NCHW)
        score_N, estimate_NF = self.critic(h_NC)
        return self.discriminator.out(h_NC)[:, 0] + score_N, estimate_NF

    def codes(self, n: int, random: torch.Generator) -> tuple[Tensor, Tensor | None, Tensor]:
        """Two draws of z [2, N, Z], classes, and wp, in which some samples take the second draw from some row on."""
        s, spec = self.settings, self.generator.spec
        z = torch.randn(2, n, spec.z_dim, generator=random).to(self.device)
        label = torch.randint(s.classes, (n,), generator=random).to(self.device) if s.classes else None
        wp = self.generator.expand(self.generator.map(z[0], label))
        if s.mixing == 0:
            return z, label, wp
        rows = spec.num_layers
        cut = torch.randint(1, rows, (n,), generator=random)
        cut = torch.where(torch.rand(n, generator=random) < s.mixing, cut, rows)
        keep = (torch.arange(rows)[None] < cut[:, None]).to(self.device)
        return z, label, torch.where(keep[:, :, None], wp, self.generator.expand(self.generator.map(z[1], label)))

    def r1(self, real: Real, gamma: float) -> float:
        """gamma/2 E|grad D(real)|^2 (Mescheder et al. 2018), on every 16th batch with 16 times the weight."""
        leaf = real.image_NCHW.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self.judge(leaf, real.label_N)[0].sum(), leaf, create_graph=True)
        penalty = gradient.square().sum((1, 2, 3)).mean()
        (penalty * (gamma / 2 * self.settings.r1_every)).backward()
        return penalty.item()

    def average_gradients(self) -> None:
        """The mean over processes of every gradient, so that all of them take the same step."""
        if self.world == 1:
            return
        nets = (self.generator, self.readouts, self.discriminator, self.critic)
        gradients = [p.grad for net in nets for p in net.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        for gradient, mean in zip(gradients, flat.div_(self.world).split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    # --- what changes on the way -------------------------------------------------------------------------------

    def progress(self, begin: float) -> float:
        """How far between `begin` (a share of all images) and the end, in [0, 1]."""
        return min(max((self.images / self.settings.stages[-1][1] - begin) / (1 - begin), 0.0), 1.0)

    def set_rates(self) -> None:
        s = self.settings
        rate = 1 - 0.9 * self.progress(s.decay_from)
        for name, optimizer in (("g", self.g_optimizer), ("d", self.d_optimizer), ("c", self.c_optimizer)):
            optimizer.param_groups[0]["lr"] = rate * self.bases[name]
        momentum, group = s.momentum, self.g_optimizer.param_groups[0]
        if self.images < s.guide_only:  # plain regression, which bears large steps
            momentum = GUIDE_MOMENTUM
            group["lr"] = s.guide_rate + (self.bases["g"] - s.guide_rate) * self.images / s.guide_only
        elif s.guide_only:  # what Adam knows of gradients is the guide's, far smaller than a discriminator's
            group["lr"] *= min(1.0, (self.images - s.guide_only) / RAMP)
        group["betas"] = (momentum, 0.99)

    def guide_weight(self) -> float:
        s = self.settings
        if self.images < s.guide_only:
            return 1.0
        end = s.decay_from * s.stages[-1][1]
        return s.guide_weight * max(0.0, 1 - (self.images - s.guide_only) / max(1.0, end - s.guide_only))

    def follow(self, wp: Tensor) -> None:
        """Move the average: half-life `ema_images`, shorter in the beginning."""
        half_life = min(self.settings.ema_images, self.images * 0.05 + 1)
        beta = 0.5 ** (self.settings.batch / half_life)
        if self.generator.w_avg is not None:
            mean = wp[:, 0].mean(0)
            if self.world > 1:
                dist.all_reduce(mean)
            self.generator.w_avg.lerp_(mean / self.world, 0.002)
            assert self.average.w_avg is not None  # of the same family
            self.average.w_avg.copy_(self.generator.w_avg)
        if isinstance(self.generator, StyleGAN3) and self.images // self.settings.batch % MAGNITUDES_EVERY == 1:
            self.generator.update_magnitudes(
                wp[:8], 0.5 ** (MAGNITUDES_EVERY * self.settings.batch / MAGNITUDES_IMAGES)
            )
        with torch.no_grad():
            for target, value in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                target.lerp_(value, 1 - beta)
