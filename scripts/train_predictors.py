"""Train the bundled predictors on renders, from scratch or from where they stopped, and write their weight files.

    python scripts/train_predictors.py RUN_DIR attributes               # start, or continue after a kill
    python scripts/train_predictors.py RUN_DIR attributes --export gantk/world/weights/attributes.safetensors
    python scripts/train_predictors.py RUN_DIR segmenter  --export gantk/world/weights/segmenter.safetensors

Every image is a fresh render that is never seen again. Half of each batch is spoiled a little in the ways in which
generated images are wrong (blur, noise, wobbling outlines, tints), so that what is learned can be asked about them;
all of it has zero mean, so that clean renders are read without bias. The attribute network is also asked how much it
was spoiled: its features then know a blurred image from a sharp one, without which a distance between features would
forgive what generators do worst. That output is dropped from the file.

Everything random is a function of (seed, images seen), so that a killed run continues as if it had not been.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.predictors.networks import AttributeNetwork, NetworkConfig, Segmenter, fold
from gantk.store.files import sha256_of
from gantk.store.states import write_state
from gantk.world.renderer import CLASSES, FACTORS, Render, render, sample_scene

HELD_OUT_SEED = 20_000  # training takes its scenes from seeds below, the generator from seed 1
SPOILS = 2  # blur and noise


@dataclass(frozen=True)
class Settings:
    """All numbers of a training, stored with the checkpoint."""

    network: str
    channels: tuple[int, ...]
    images: int
    seed: int
    batch: int = 64
    learning_rate: float = 3e-3
    warm_up: int = 3_000  # images
    weight_decay: float = 1e-4
    spoiled: float = 0.5  # of each batch
    fractional: float = 0.25  # of the scenes have counts between whole numbers: objects that are half there


DEFAULTS = {
    "attributes": Settings("attributes", (24, 48, 96, 128), 110_000, 11),
    "segmenter": Settings("segmenter", (20, 40, 64, 96), 40_000, 12, fractional=0.1),
}


def scenes(settings: Settings, n: int, start: int, random: torch.Generator) -> tuple[Tensor, Render]:
    """Scenes `start` on: factors [n, A] scaled to [0, 1], and their renders."""
    factors, nuisance = sample_scene(n, seed=settings.seed, start=start)
    low = torch.tensor([factor.low for factor in FACTORS])
    span = torch.tensor([factor.high for factor in FACTORS]) - low
    counts = torch.tensor([factor.is_count for factor in FACTORS])
    between = low + span * torch.rand(factors.shape, generator=random)
    half_there = torch.rand(n, 1, generator=random) < settings.fractional
    factors = torch.where(half_there & counts, between, factors)
    return (factors - low) / span, render(factors, nuisance)


def spoil(image_NCHW: Tensor, share: float, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mildly wrong images, and how wrong: image [N, C, H, W] -> the same, and (blur, noise) in [0, 1], [N, 2].

    The first `share` of the batch is moved by up to 0.4 pixels, differently from place to place, mixed with its 3 x 3
    mean, tinted by up to 2 %, and given noise, fine and coarse; the rest is left as it is.
    """
    n, size = int(len(image_NCHW) * share), image_NCHW.shape[-1]
    if n == 0:
        return image_NCHW, image_NCHW.new_zeros(len(image_NCHW), SPOILS)
    image, clean = image_NCHW[:n], image_NCHW[n:]

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random)

    pixel = 2.0 / size
    wobble = (uniform(n, 2, 4, 4) + uniform(n, 2, 1, 1) - 1) * (0.4 * pixel)
    wobble = F.interpolate(wobble, size=size, mode="bilinear", align_corners=True).permute(0, 2, 3, 1)
    grid = F.affine_grid(torch.eye(2, 3).expand(n, 2, 3), [n, 3, size, size], align_corners=False)
    image = F.grid_sample(image, grid + wobble, mode="bilinear", padding_mode="border", align_corners=False)

    blur = (uniform(n, 1, 1, 1) * 1.6 - 0.6).clamp(min=0)  # none at all for some
    mean = F.avg_pool2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), 3, 1)
    image = image + blur * (mean - image)

    tint = 1 + 0.04 * (uniform(n, 3, 1, 1) - 0.5)
    image = (image + 1) * tint - 1 + 0.04 * (uniform(n, 3, 1, 1) - 0.5)

    noise = (uniform(n, 1, 1, 1) * 1.6 - 0.6).clamp(min=0)
    fine = torch.randn(image.shape, generator=random)
    coarse = F.interpolate(torch.randn(n, 3, size // 8, size // 8, generator=random), size=size, mode="bilinear")
    image = image + noise * (0.04 * fine + 0.04 * coarse)
    wrong = torch.cat([blur, noise], 1).flatten(1)
    return torch.cat([image.clamp(-1, 1), clean]), torch.cat([wrong, wrong.new_zeros(len(clean), SPOILS)])


class Training:
    """Network, optimiser and position of one run."""

    def __init__(self, settings: Settings):
        self.settings = settings
        torch.manual_seed(settings.seed)
        self.network = build(settings, norm=True).to(memory_format=torch.channels_last)
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=settings.learning_rate,
        )
        self.images = 0

    def rate(self) -> float:
        """Linear warm-up, then half a cosine down to nothing."""
        s = self.settings
        return (
            s.learning_rate * min(1.0, self.images / s.warm_up) * 0.5 * (1 + math.cos(math.pi * self.images / s.images))
        )

    def step(self) -> float:
        s = self.settings
        random = torch.Generator().manual_seed(s.seed * 1_000_003 + self.images)
        target_NA, (image, mask) = scenes(s, s.batch, self.images, random)
        image, wrong = spoil(image, s.spoiled, random)
        image = image.contiguous(memory_format=torch.channels_last)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            output = self.network(image)
        if s.network == "attributes":
            target = torch.cat([target_NA, wrong], 1)
            error = output.output_NA - target
            loss = error[:, : len(FACTORS)].square().mean() + 0.1 * error[:, len(FACTORS) :].square().mean()
        else:
            # The target is the share of the pixel that each class covers: edges are soft and say so.
            loss = -(mask * F.log_softmax(output, 1)).sum(1).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.optimizer.step()
        self.images += s.batch
        return loss.item()

    def save(self, path: Path) -> None:
        state = {
            "settings": json.dumps(asdict(self.settings)), "images": self.images,
            "network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(),
        }  # fmt: skip
        write_state(path, state)

    def load(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.images = state["images"]


def build(settings: Settings, norm: bool) -> AttributeNetwork | Segmenter:
    if settings.network == "attributes":
        return AttributeNetwork(NetworkConfig(settings.channels, len(FACTORS) + SPOILS), norm)
    return Segmenter(NetworkConfig(settings.channels, len(CLASSES)), norm)


def train(training: Training, checkpoint: Path, seconds: float, save_every: float) -> None:
    began = saved = logged = time.monotonic()
    total, losses, last = training.settings.images, 0.0, training.images
    while training.images < total and time.monotonic() - began < seconds:
        losses += training.step()
        now = time.monotonic()
        if now - logged > 20:
            steps = (training.images - last) / training.settings.batch
            print(f"{training.images} images, {(training.images - last) / (now - logged):.0f}/s, "
                  f"loss {losses / steps:.5f}", flush=True)  # fmt: skip
            logged, last, losses = now, training.images, 0.0
        if now - saved > save_every:
            training.save(checkpoint)
            saved = now
    training.save(checkpoint)


def weights(training: Training) -> tuple[dict[str, Tensor], NetworkConfig]:
    """The trained network without batch normalisation and without the outputs that only training needs."""
    state = fold({key: value.float() for key, value in training.network.state_dict().items()})
    config = training.network.config
    if training.settings.network == "attributes":
        state["head.weight"], state["head.bias"] = (
            state["head.weight"][: len(FACTORS)],
            state["head.bias"][: len(FACTORS)],
        )
        config = dataclasses.replace(config, outputs=len(FACTORS))
    return state, config


def export(training: Training, path: Path) -> None:
    """Write the weights in half precision, with all that the predictor must know in the header; print the sha256."""
    from gantk.predictors.weights import write_weights

    state, config = weights(training)
    header: dict[str, Any] = {"training": {**asdict(training.settings), "images_seen": training.images}}
    if training.settings.network == "attributes":
        header["names"] = [factor.name for factor in FACTORS]
        header["low"] = [factor.low for factor in FACTORS]
        header["high"] = [factor.high for factor in FACTORS]
    else:
        header["names"] = list(CLASSES)
    write_weights(path, training.settings.network, config, state, header)
    print(f"{path}: {path.stat().st_size} bytes, sha256 {sha256_of(path)}")


@torch.no_grad()
def evaluate(training: Training, n: int = 2048) -> None:
    """Print how well held-out renders are read, clean and spoiled."""
    state, config = weights(training)
    network = (AttributeNetwork if training.settings.network == "attributes" else Segmenter)(config)
    network.load_state_dict({key: value.half().float() for key, value in state.items()})
    network = network.to(memory_format=torch.channels_last)
    held_out = dataclasses.replace(training.settings, seed=HELD_OUT_SEED, fractional=0.0)
    for kind, share in (("clean", 0.0), ("spoiled", 1.0)):
        random = torch.Generator().manual_seed(1)
        truth, guess, trees = [], [], []
        confusion = torch.zeros(len(CLASSES), len(CLASSES))
        for start in range(0, n, 256):
            target, (image, mask) = scenes(held_out, 256, start, random)
            output = network(spoil(image, share, random)[0])
            if training.settings.network == "segmenter":
                pairs = mask.argmax(1) * len(CLASSES) + output.argmax(1)
                confusion += torch.bincount(pairs.flatten(), minlength=len(CLASSES) ** 2).view_as(confusion)
            else:
                truth.append(target)
                guess.append(output.output_NA)
                trees.append(target[:, 4] > 0)
        if training.settings.network == "segmenter":
            both = confusion.diag()
            iou = both / (confusion.sum(0) + confusion.sum(1) - both)
            print(
                kind,
                "mIoU",
                round(iou.mean().item(), 4),
                [f"{name} {value:.4f}" for name, value in zip(CLASSES, iou.tolist(), strict=True)],
            )
            continue
        target, error, tree = torch.cat(truth), torch.cat(guess) - torch.cat(truth), torch.cat(trees)
        for i, factor in enumerate(FACTORS):
            rows = tree if factor.name == "tree_size" else torch.ones_like(tree)
            e, t = error[rows, i], target[rows, i]
            r2 = 1 - e.square().mean() / t.var(unbiased=False)
            hit = (
                f" rounded right {(e.abs() * (factor.high - factor.low) < 0.5).float().mean():.4f}"
                if factor.is_count
                else ""
            )
            print(f"{kind} {factor.name:13s} R2 {r2:.4f} MAE {e.abs().mean():.4f} bias {e.mean():+.4f}{hit}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("network", choices=sorted(DEFAULTS))
    parser.add_argument("--images", type=int, help="how many images in all; the learning rate ends there")
    parser.add_argument("--channels", help="of the stages at 64, 32, 16, 8, such as 24,48,96,128")
    parser.add_argument("--rate", type=float, help="the highest learning rate")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop, with a checkpoint, after this long")
    parser.add_argument("--save-every", type=float, default=120.0, help="seconds between checkpoints")
    parser.add_argument("--export", type=Path, help="write the weight file from the checkpoint and stop")
    arguments = parser.parse_args()
    settings = DEFAULTS[arguments.network]
    if arguments.images:
        settings = dataclasses.replace(settings, images=arguments.images)
    if arguments.channels:
        settings = dataclasses.replace(settings, channels=tuple(map(int, arguments.channels.split(","))))
    if arguments.rate:
        settings = dataclasses.replace(settings, learning_rate=arguments.rate)
    if arguments.batch:
        settings = dataclasses.replace(settings, batch=arguments.batch)
    arguments.run_dir.mkdir(parents=True, exist_ok=True)
    checkpoint = arguments.run_dir / f"{arguments.network}.pt"
    training = Training(settings)
    if checkpoint.exists():
        training.load(checkpoint)
    if arguments.export:
        export(training, arguments.export)
        return
    train(training, checkpoint, arguments.minutes * 60, arguments.save_every)
    evaluate(training)


if __name__ == "__main__":
    main()
