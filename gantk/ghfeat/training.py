"""Training of an encoder: reconstruction, features and an adversary, with a frozen generator as the decoder.

One step is the original's (Xu et al. 2021, section 3.3): the encoder learns from a batch; then the discriminator learns
from the same batch, encoded again by the updated encoder. Everything random is a function of (seed, images seen), so
that a training continued from a checkpoint, after whatever end, takes the same steps as an uninterrupted one.

Shape legend: N samples, C channels, H x W pixels.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import GantkError
from gantk.generators.base import PRECISIONS, Generator
from gantk.generators.uncompiled import Adam
from gantk.ghfeat.calibration import calibrate, sample_styles
from gantk.ghfeat.data import Batch, Samples, Source, Stream
from gantk.ghfeat.encoder import Encoder, EncoderConfig
from gantk.ghfeat.figures import Figures
from gantk.ghfeat.losses import Perception, style_loss
from gantk.ghfeat.norm import Norm
from gantk.ghfeat.options import TrainOptions
from gantk.ghfeat.results import Validation
from gantk.predictors.resampling import resize
from gantk.store.parallel import world_size
from gantk.store.seeding import random_uniform

CURVE_POINTS = 400
BETAS = (0.9, 0.99)  # of Adam
Paint = Callable[[Sequence[Tensor]], Tensor]


def learning_rate(options: TrainOptions, images: int) -> float:
    """The rate after so many images, lr decay^(8 k / total).

    The original's counter ran twice as fast as its authors thought, so that its rate ended at 0.8^8 of the first, not
    at 0.8^4.
    """
    return float(options.rate * options.decay ** (8 * images / options.images))


class Training:
    """The networks, optimisers and position of one training.

    Args:
        options: the weight of the feature distance among them, which counts as 0 where none was given.
        generator: frozen; its styles are what the encoder learns to write.
        sources: of images; the warm-up draws samples of the generator instead.
        discriminator: fine-tuned along; None leaves the adversarial term out.
        perception: the feature distance; None leaves it out.
        paint: styles to images, if not `generator.synthesize` (a compiled one).
        precision: of the networks; the heads and the losses stay in float32.
    """

    def __init__(
        self,
        options: TrainOptions,
        config: EncoderConfig,
        generator: Generator,
        sources: Sequence[Source],
        discriminator: nn.Module | None = None,
        perception: Perception | None = None,
        paint: Paint | None = None,
        precision: str = "float32",
    ) -> None:
        self.options, self.generator, self.perception, self.precision = options, generator, perception, precision
        self.device = generator.device
        self.world = world_size()
        self.rank = dist.get_rank() if self.world > 1 else 0
        if options.batch_size % self.world:
            raise GantkError(f"a batch of {options.batch_size} does not divide over {self.world} processes")
        self.share = options.batch_size // self.world
        if self.share < len(sources):
            raise GantkError(
                f"a batch of {self.share} for each process is less than one image of each of {len(sources)} sources"
            )
        generator.requires_grad_(False).to(memory_format=torch.channels_last)
        if precision != "float32" and generator.spec.half_precision:
            generator.set_precision(precision)
        self.paint = paint or generator.synthesize
        torch.manual_seed(options.seed)
        self.encoder = Encoder(config)
        self.encoder.to(self.device)
        calibrate(self.encoder, generator, seed=options.seed)
        self.encoder.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.encoder).eval().requires_grad_(False)
        self.discriminator = discriminator if options.adversarial else None
        self.optimizer = Adam(self.encoder.parameters(), options.rate, BETAS)
        self.judge_optimizer: Adam | None = None
        if self.discriminator is not None:
            self.discriminator.to(self.device).requires_grad_(True)
            self.judge_optimizer = Adam(self.discriminator.parameters(), options.rate, BETAS)
        self.stream = Stream(sources, options.seed)
        self.warm_stream = Stream([Samples(generator, config.resolution, options.seed)], options.seed)
        self.spread = [max(style.var(0).mean().item(), 1e-8) for style in sample_styles(generator, 1024)]
        self.images = 0
        self.skipped = 0  # updates left out because a gradient was not finite
        self.curve: list[dict[str, float]] = []
        self.validations: list[Validation] = []  # kept here so that a state has them
        self._sums: dict[str, float] = {}
        self._count = 0

    # --- one step ----------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        return self.images >= self.options.images

    def step(self) -> dict[str, float]:
        """One update of the encoder, and one of the discriminator; the losses, averaged over processes."""
        s = self.options
        warm = self.images < s.warm_up
        self._set_mode()
        batches = self._batches(self.warm_stream if warm else self.stream, "mirror")
        losses, terms = self._encoder_loss(batches, warm)
        self.optimizer.zero_grad(set_to_none=True)
        losses.backward()
        self._update(self.optimizer, self.encoder)
        if self.discriminator is not None and not warm:
            terms |= self._discriminator_step(self._batches(self.stream, "mirror-again"))
        terms["rate"] = learning_rate(s, self.images)
        self.images += s.batch_size
        self._follow()
        terms = self._mean_over_processes(terms)
        self._note(terms)
        return terms

    def _encoder_loss(self, batches: list[Batch], warm: bool) -> tuple[Tensor, dict[str, float]]:
        s = self.options
        image_NCHW = torch.cat([batch.image_NCHW for batch in batches])
        styles = self.encode(image_NCHW)
        total = image_NCHW.new_zeros(())
        terms: dict[str, float] = {}
        known = self._known_styles(batches, styles)
        if known is not None and (s.style or warm):
            error = style_loss(*known, self.spread)
            total = total + error * (s.style or 1.0)
            terms["style"] = error.item()
        if warm:
            return total, terms
        made = resize(self.paint(styles).float(), *image_NCHW.shape[-2:])
        pixel = (made - image_NCHW).square().mean()
        total = total + s.pixel * pixel
        terms["pixel"] = pixel.item()
        if self.perception is not None and s.perceptual:
            with self._autocast():
                distance = self.perception(made, image_NCHW).float().mean()
            total = total + s.perceptual * distance
            terms["perceptual"] = distance.item()
        if self.discriminator is not None:
            adversarial = F.softplus(-self.discriminator(made)).mean()
            total = total + s.adversarial * adversarial
            terms["adversarial"] = adversarial.item()
        return total, terms

    def _discriminator_step(self, batches: list[Batch]) -> dict[str, float]:
        assert self.discriminator is not None and self.judge_optimizer is not None
        real = torch.cat([batch.image_NCHW for batch in batches])
        with torch.no_grad():
            fake = resize(self.paint(self.encode(real)).float(), *real.shape[-2:])
        real = real.detach().requires_grad_()
        score_real, score_fake = self.discriminator(real), self.discriminator(fake)
        on_fake, on_real = F.softplus(score_fake).mean(), F.softplus(-score_real).mean()
        (gradient,) = torch.autograd.grad(score_real.sum(), real, create_graph=True)
        penalty = gradient.square().sum((1, 2, 3)).mean()
        self.judge_optimizer.zero_grad(set_to_none=True)
        (on_fake + on_real + self.options.r1_gamma / 2 * penalty).backward()
        self._update(self.judge_optimizer, self.discriminator)
        return {"judge_fake": on_fake.item(), "judge_real": on_real.item(), "r1": penalty.item()}

    def encode(self, image_NCHW: Tensor) -> tuple[Tensor, ...]:
        """Styles of images by the encoder that is being trained."""
        with self._autocast():
            styles = self.encoder(image_NCHW.contiguous(memory_format=torch.channels_last))
        return tuple(style.float() for style in styles)

    def _autocast(self) -> Any:
        half = PRECISIONS[self.precision]
        return torch.autocast(self.device.type, half or torch.bfloat16, enabled=half is not None)

    def _batches(self, stream: Stream, draw: str) -> list[Batch]:
        start = self.images + self.rank * self.share
        moved = []
        for batch in stream.batches(start, self.share):
            image_NCHW = batch.image_NCHW.to(self.device)
            if self.options.mirror and batch.styles is None:
                chance = random_uniform(len(image_NCHW), 1, self.options.seed, start, draw)[:, 0]
                flip = torch.from_numpy(chance < self.options.mirror).to(self.device)
                image_NCHW = torch.where(flip[:, None, None, None], image_NCHW.flip(3), image_NCHW)
            moved.append(Batch(image_NCHW, batch.styles))
        return moved

    @staticmethod
    def _known_styles(batches: list[Batch], styles: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]] | None:
        """The encoder's styles of those images whose styles are known, and those styles."""
        known = [(place, batch.styles) for place, batch in enumerate(batches) if batch.styles is not None]
        if not known:
            return None
        mine = [style.split([len(batch.image_NCHW) for batch in batches]) for style in styles]
        return (
            [torch.cat([parts[place] for place, _ in known]) for parts in mine],
            [torch.cat(parts) for parts in zip(*(theirs for _, theirs in known), strict=True)],
        )

    def _update(self, optimizer: Adam, module: nn.Module) -> None:
        """Average the gradients over processes; step, unless one of them is not finite."""
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        if self.world > 1:
            dist.all_reduce(flat)
            parts = flat.div_(self.world).split([gradient.numel() for gradient in gradients])
            for gradient, mean in zip(gradients, parts, strict=True):
                gradient.copy_(mean.view_as(gradient))
        if not torch.isfinite(flat.sum()):
            self.skipped += 1
            return
        optimizer.param_groups[0]["lr"] = learning_rate(self.options, self.images)
        optimizer.step()

    def _set_mode(self) -> None:
        self.encoder.train()
        for module in self.encoder.modules():
            if isinstance(module, Norm):
                module.train(self.images < self.options.fix_norms * self.options.images)

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average: half-life `ema_images`, shorter in the beginning. Running statistics are averaged too."""
        half_life = min(self.options.ema_images, self.images * 0.05 + 1)
        share = 1 - 0.5 ** (self.options.batch_size / half_life) if half_life else 1.0
        mine = itertools.chain(self.average.parameters(), self.average.buffers())
        theirs = itertools.chain(self.encoder.parameters(), self.encoder.buffers())
        for target, value in zip(mine, theirs, strict=True):
            if target.is_floating_point():
                target.lerp_(value, share)

    def _mean_over_processes(self, terms: dict[str, float]) -> dict[str, float]:
        if self.world == 1:
            return terms
        values = torch.tensor(list(terms.values()), dtype=torch.float64, device=self.device)  # as NCCL takes it
        dist.all_reduce(values)
        return dict(zip(terms, (values / self.world).tolist(), strict=True))

    def _note(self, terms: dict[str, float]) -> None:
        """Collect the means of some neighbouring steps into one point of the curve."""
        for key, value in terms.items():
            self._sums[key] = self._sums.get(key, 0.0) + value
        self._count += 1
        every = max(1, -(-self.options.images // self.options.batch_size) // CURVE_POINTS)
        turn = self.images - self.options.batch_size < self.options.warm_up <= self.images
        if self._count >= every or turn or self.finished:
            means = {key: value / self._count for key, value in self._sums.items()}
            self.curve.append({"images": float(self.images), **means})
            self._sums, self._count = {}, 0

    # --- state -------------------------------------------------------------------------------------------------

    def state(self) -> Mapping[str, object]:
        """Everything a continued training needs, tensors and plain values."""
        state: dict[str, object] = {
            "images": self.images,
            "skipped": self.skipped,
            "curve": self.curve,
            "validations": [dataclasses.asdict(at) for at in self.validations],
            "sums": self._sums,
            "count": self._count,
            "encoder": self.encoder.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        if self.discriminator is not None and self.judge_optimizer is not None:
            state["discriminator"] = self.discriminator.state_dict()
            state["judge_optimizer"] = self.judge_optimizer.state_dict()
        return state

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`."""
        for name in ("encoder", "average", "optimizer", "discriminator", "judge_optimizer"):
            part = getattr(self, name)
            if part is not None:
                part.load_state_dict(state[name])
        self.images, self.skipped = int(state["images"]), int(state["skipped"])
        self.curve = [dict(point) for point in state["curve"]]
        self.validations = [
            Validation(images=int(at["images"]), figures=Figures(**at["figures"])) for at in state["validations"]
        ]
        self._sums, self._count = dict(state["sums"]), int(state["count"])
