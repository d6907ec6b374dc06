"""Train the bundled generator on the bundled world, adversarially, from scratch or from where it stopped.

    python scripts/train_generator.py RUN_DIR                       # start, or continue after a kill
    python scripts/train_generator.py RUN_DIR --begin-from G.safetensors D.safetensors --stages 64:900000
    torchrun --nproc-per-node 2 scripts/train_generator.py RUN_DIR  # the batch split over processes (or GPUs)
    python scripts/train_generator.py RUN_DIR --export OUT.safetensors --discriminator D.safetensors

Non-saturating logistic loss, lazy R1, style mixing, an exponential moving average of the weights; every real image is
a fresh render that is never seen again. The resolution grows 16 -> 32 -> 64: a skip generator and a skip
discriminator both have an image path at every size, and a new block enters with zero output, so that nothing that was
learned is disturbed. Everything random is a function of (seed, images seen): a killed run continues as if it had not
been, up to the last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gantk.demo.renderer import render, sample_scene
from gantk.generators.stylegan2 import StyleGAN2, StyleGAN2Config
from gantk.generators.stylegan2_discriminator import StyleGAN2Discriminator, StyleGAN2DiscriminatorConfig

CHANNELS_LAST = torch.channels_last


@dataclass(frozen=True)
class Settings:
    """All numbers of a training; stored with the checkpoint. `stages` are (resolution, images at which it ends)."""

    seed: int = 1
    batch: int = 32
    stages: tuple[tuple[int, int], ...] = ((16, 50_000), (32, 150_000), (64, 570_000))
    generator_channels: tuple[int, ...] = (128, 128, 96, 48, 24)
    discriminator_channels: tuple[int, ...] = (128, 96, 64, 48, 24)
    code_dim: int = 64
    mapping_layers: int = 4
    learning_rate: float = 0.002
    decay_from: float = 0.75  # of all images; the rate then falls linearly to a tenth
    r1_gamma: tuple[tuple[int, float], ...] = ((16, 0.1), (32, 0.2), (64, 0.03))
    r1_every: int = 16
    mixing: float = 0.1
    ema_images: float = 10_000.0  # half-life of the average
    half: bool = True


class Training:
    """Networks, optimisers and position of one run."""

    def __init__(self, settings: Settings, device: str):
        self.settings, self.device = settings, torch.device(device)
        self.rank, self.world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        self.share = settings.batch // self.world  # of a batch, for this process
        torch.manual_seed(settings.seed)
        taps = {"resolution": settings.stages[-1][0]}
        config = StyleGAN2Config(
            channels=settings.generator_channels, z_dim=settings.code_dim, w_dim=settings.code_dim,
            mapping_layers=settings.mapping_layers, mapping_width=settings.code_dim, **taps,
        )  # fmt: skip
        self.generator = StyleGAN2(config)
        self.average = StyleGAN2(config).requires_grad_(False)
        self.average.load_state_dict(self.generator.state_dict())
        self.discriminator = StyleGAN2Discriminator(
            StyleGAN2DiscriminatorConfig(
                channels=settings.discriminator_channels, architecture="skip", resample_filter=(0.5, 0.5), **taps
            )
        )
        for level in settings.stages[1:]:  # later blocks enter silently
            block = self.generator.synthesis.get_submodule(f"b{level[0]}")
            for net in (block, self.average.synthesis.get_submodule(f"b{level[0]}")):
                net.torgb.weight.data.zero_()
            self.discriminator.get_submodule(f"b{level[0]}").conv1.weight.data.zero_()
        for net in (self.generator, self.average, self.discriminator):
            net.to(self.device, memory_format=CHANNELS_LAST)
        if settings.half:
            self.generator.set_precision("bfloat16")
            self.discriminator.half_dtype = torch.bfloat16
        ratio = settings.r1_every / (settings.r1_every + 1)  # lazy regularisation, Karras et al. 2020, appendix B
        self.g_optimizer = torch.optim.Adam(self.generator.parameters(), settings.learning_rate, betas=(0.0, 0.99))
        self.d_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), settings.learning_rate * ratio, betas=(0.0, 0.99**ratio)
        )
        self.images = 0
        self.log: list[dict[str, float]] = []

    # --- one step ----------------------------------------------------------------------------------------------

    def resolution(self) -> int:
        for resolution, end in self.settings.stages:
            if self.images < end:
                return resolution
        return self.settings.stages[-1][0]

    def step(self, paint: Callable[[Tensor], Tensor], resolution: int) -> dict[str, float]:
        """One simultaneous update of both networks on the same fakes: the fakes are drawn once and judged once."""
        s, n = self.settings, self.settings.batch
        random = torch.Generator().manual_seed(s.seed * 1_000_003 + self.images + self.rank * self.share)
        real = self.real(resolution)
        wp = self.codes(self.share, random)
        for name, buffer in self.generator.named_buffers():
            if name.endswith("noise_const"):
                buffer.copy_(torch.randn(buffer.shape, generator=random))
        fake = paint(wp)
        leaf = fake.detach().requires_grad_()
        fake_score, real_score = self.discriminator(leaf), self.discriminator(real)
        g_loss = F.softplus(-fake_score).mean()
        (g_gradient,) = torch.autograd.grad(g_loss, leaf, retain_graph=True)
        d_loss = F.softplus(fake_score).mean() + F.softplus(-real_score).mean()
        self.d_optimizer.zero_grad(set_to_none=True)
        self.g_optimizer.zero_grad(set_to_none=True)
        d_loss.backward(inputs=[p for p in self.discriminator.parameters() if p.requires_grad])
        penalty = 0.0
        if (self.images // n) % s.r1_every == 0:
            penalty = self.r1(real, dict(s.r1_gamma)[resolution])
        fake.backward(g_gradient)
        self.average_gradients()
        rate = self.rate()
        for optimizer, base in ((self.g_optimizer, 1.0), (self.d_optimizer, s.r1_every / (s.r1_every + 1))):
            optimizer.param_groups[0]["lr"] = rate * base
            optimizer.step()
        self.images += n
        self.follow(wp.detach())
        return {
            "g_loss": g_loss.item(), "d_loss": d_loss.item(), "r1": penalty,
            "sign": real_score.sign().mean().item(),
        }  # fmt: skip

    def real(self, resolution: int) -> Tensor:
        scene = sample_scene(self.share, seed=self.settings.seed, start=self.images + self.rank * self.share)
        factors, nuisance = (part.to(self.device) for part in scene)
        image = render(factors, nuisance, self.settings.stages[-1][0]).image_NCHW
        while image.shape[-1] > resolution:
            image = F.avg_pool2d(image, 2)
        return image.contiguous(memory_format=CHANNELS_LAST)

    def codes(self, n: int, random: torch.Generator) -> Tensor:
        z = torch.randn(2, n, self.settings.code_dim, generator=random).to(self.device)
        rows = self.generator.spec.num_layers
        wp = self.generator.expand(self.generator.map(z[0]))
        cut = torch.randint(1, rows, (n,), generator=random)
        cut = torch.where(torch.rand(n, generator=random) < self.settings.mixing, cut, rows)
        keep = (torch.arange(rows)[None] < cut[:, None]).to(self.device)
        return torch.where(keep[:, :, None], wp, self.generator.expand(self.generator.map(z[1])))

    def r1(self, real: Tensor, gamma: float) -> float:
        """gamma/2 E|grad D(real)|^2 (Mescheder et al. 2018), on every 16th batch with 16 times the weight."""
        leaf = real.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self.discriminator(leaf).sum(), leaf, create_graph=True)
        penalty = gradient.square().sum((1, 2, 3)).mean()
        (penalty * (gamma / 2 * self.settings.r1_every)).backward()
        return penalty.item()

    def average_gradients(self) -> None:
        """The mean over processes of every gradient, so that all of them take the same step."""
        if self.world == 1:
            return
        gradients = [
            p.grad for net in (self.generator, self.discriminator) for p in net.parameters() if p.grad is not None
        ]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        for gradient, mean in zip(gradients, flat.div_(self.world).split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def rate(self) -> float:
        total = self.settings.stages[-1][1]
        done = (self.images / total - self.settings.decay_from) / (1 - self.settings.decay_from)
        return self.settings.learning_rate * (1 - 0.9 * min(max(done, 0.0), 1.0))

    def follow(self, wp: Tensor) -> None:
        """Move the average: half-life `ema_images`, shorter in the beginning."""
        half_life = min(self.settings.ema_images, self.images * 0.05 + 1)
        beta = 0.5 ** (self.settings.batch / half_life)
        mean = wp[:, 0].mean(0)
        if self.world > 1:
            dist.all_reduce(mean)
        self.generator.w_avg.lerp_(mean / self.world, 0.002)
        with torch.no_grad():
            for target, value in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                target.lerp_(value, 1 - beta)
        self.average.w_avg.copy_(self.generator.w_avg)

    # --- files -------------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        state = {
            "settings": json.dumps(asdict(self.settings)), "images": self.images, "log": json.dumps(self.log),
            "generator": self.generator.state_dict(), "average": self.average.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "g_optimizer": self.g_optimizer.state_dict(), "d_optimizer": self.d_optimizer.state_dict(),
        }  # fmt: skip
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(path)

    def load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        for name in ("generator", "average", "discriminator", "g_optimizer", "d_optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.images, self.log = state["images"], json.loads(state["log"])


def painter(generator: StyleGAN2, resolution: int, compiled: bool) -> Callable[[Tensor], Tensor]:
    """wp -> image at the stage's resolution: at a lower one, the image accumulated so far."""
    tap = f"{resolution}x{resolution}/torgb"

    def paint(wp: Tensor) -> Tensor:
        if resolution == generator.spec.resolution:
            return generator.synthesize(wp)
        return generator.trace(wp, [tap], image=False)[1][tap]

    return torch.compile(paint) if compiled else paint


def sheet(training: Training, path: Path, rows: int = 8, columns: int = 12) -> None:
    """Samples of the averaged generator above fresh renders, as one PNG."""
    resolution = training.resolution()
    z = torch.randn(rows * columns, training.settings.code_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        average = training.average
        wp = average.expand(average.map(z.to(training.device)))
        fake = painter(average, resolution, compiled=False)(wp).float().cpu()
        real = F.interpolate(render(*sample_scene(2 * columns, seed=99)).image_NCHW, size=resolution, mode="area")
    grid = torch.cat([fake, real]).clamp(-1, 1).add(1).mul(127.5).round().byte()
    grid = grid.reshape(rows + 2, columns, 3, resolution, resolution).permute(0, 3, 1, 4, 2)
    picture = Image.fromarray(np.ascontiguousarray(grid.reshape((rows + 2) * resolution, -1, 3).numpy()))
    picture.resize([size * max(1, 96 // resolution) for size in picture.size], Image.Resampling.NEAREST).save(path)


def export(training: Training, path: Path, discriminator: Path | None) -> None:
    """The averaged generator in gantk's format, and the discriminator in half precision for later training."""
    from safetensors.torch import save_file

    from gantk.checkpoints import Checkpoint
    from gantk.checkpoints.native import write_checkpoint

    average = training.average
    random = torch.Generator().manual_seed(training.settings.seed)
    for name, buffer in average.named_buffers():
        if name.endswith("noise_const"):
            buffer.copy_(torch.randn(buffer.shape, generator=random))
    state = {key: value.contiguous() for key, value in average.state_dict().items()}
    note = f"trained on the bundled world: {training.images} images, settings {json.dumps(asdict(training.settings))}"
    write_checkpoint(path, Checkpoint("stylegan2", average.config.to_dict(), state, "gantk", (note,)))
    if discriminator is not None:
        half = {k: v.half().contiguous() for k, v in training.discriminator.state_dict().items()}
        about = {"config": json.dumps(training.discriminator.config.to_dict()), "images": str(training.images)}
        save_file(half, discriminator, about)


def begin_from(training: Training, generator: Path, discriminator: Path) -> None:
    """Start from exported networks (both the weights and their average are the exported average)."""
    from safetensors import safe_open

    from gantk.checkpoints.load import read_checkpoint

    state = read_checkpoint(generator).state
    training.generator.load_state_dict(state)
    training.average.load_state_dict(state)
    with safe_open(discriminator, "pt") as file:
        names = file.keys()
        training.discriminator.load_state_dict({name: file.get_tensor(name).float() for name in names})
        training.images = int(file.metadata()["images"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true", help="torch.compile the generator (needs a C++ compiler)")
    parser.add_argument("--stages", help="such as 16:50000,32:120000,64:420000, also to lengthen a stopped run")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop, with a checkpoint, after this long")
    parser.add_argument("--save-every", type=float, default=240.0, help="seconds between checkpoints")
    networks = ("GENERATOR", "DISCRIMINATOR")
    parser.add_argument("--begin-from", type=Path, nargs=2, metavar=networks, help="exported files to start from")
    parser.add_argument("--export", type=Path)
    parser.add_argument("--discriminator", type=Path)
    arguments = parser.parse_args()
    stages = Settings.stages
    if arguments.stages:
        stages = tuple((int(r), int(end)) for r, end in (part.split(":") for part in arguments.stages.split(",")))
    if "RANK" in os.environ:
        if arguments.minutes < math.inf:
            parser.error("--minutes is for one process: several would not stop at the same step")
        dist.init_process_group("nccl" if arguments.device.startswith("cuda") else "gloo")
    training = Training(Settings(seed=arguments.seed, batch=arguments.batch, stages=stages), arguments.device)
    arguments.run_dir.mkdir(parents=True, exist_ok=True)
    checkpoint = arguments.run_dir / "training.pt"
    if checkpoint.exists():
        training.load(checkpoint)
    elif arguments.begin_from:
        begin_from(training, *arguments.begin_from)
    if arguments.export:
        export(training, arguments.export, arguments.discriminator)
        return
    train(training, arguments.run_dir, arguments.compile, arguments.minutes * 60, arguments.save_every)


def train(training: Training, run_dir: Path, compiled: bool, seconds: float, save_every: float) -> None:
    began = saved = logged = time.monotonic()
    resolution, paint = 0, None
    total = training.settings.stages[-1][1]
    last_images = training.images
    while training.images < total and time.monotonic() - began < seconds:
        if training.resolution() != resolution:
            resolution = training.resolution()
            paint = painter(training.generator, resolution, compiled)
        assert paint is not None
        numbers = training.step(paint, resolution)
        now = time.monotonic()
        if training.rank == 0 and now - logged > 30:
            speed = (training.images - last_images) / (now - logged)
            training.log.append({"images": training.images, "resolution": resolution, **numbers})
            print(f"{training.images} images at {resolution}, {speed:.1f}/s, {numbers}", flush=True)
            logged, last_images = now, training.images
        if training.rank == 0 and now - saved > save_every:
            training.save(run_dir / "training.pt")
            sheet(training, run_dir / f"sheet_{training.images:08d}.png")
            saved = now
    if training.rank == 0:
        training.save(run_dir / "training.pt")
        sheet(training, run_dir / f"sheet_{training.images:08d}.png")


if __name__ == "__main__":
    main()
