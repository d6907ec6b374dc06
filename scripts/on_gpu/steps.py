"""What is measured on a GPU, in the order of its worth. Every step returns plain figures by name.

In a dry run the device is the CPU, networks are small and times are short, so that every line runs.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from full_sizes.networks import network, save_network
from torch import Tensor

from gantk.generators.base import Generator

FAMILIES = ("stylegan2", "stylegan3-t", "biggan-deep", "pggan")
HALVES = ("stylegan2", "stylegan3-t")
Figures = dict[str, Any]


@dataclass(frozen=True)
class Machine:
    """Where the steps run.

    Attributes:
        device: of the networks. name: of the card.
        folder: for files that are not kept. reference: checkpoints with the outputs of the authors' programs.
        dry: small networks and short times.
    """

    device: torch.device
    name: str
    folder: Path
    reference: Path
    dry: bool

    @classmethod
    def here(cls, folder: Path, reference: Path, dry: bool) -> Machine:
        """This machine; a dry run is on the CPU even where there is a GPU."""
        if not dry and not torch.cuda.is_available():
            raise SystemExit("There is no GPU that torch can use: --dry-run tries every step on the CPU.")
        device = torch.device("cpu" if dry else "cuda")
        return cls(device, "dry run" if dry else torch.cuda.get_device_name(), folder, reference, dry)

    def network(self, name: str) -> Generator:
        """A random network on the device."""
        return network(name, small=self.dry).to(self.device)

    @property
    def seconds(self) -> float:
        """Of one figure."""
        return 0.01 if self.dry else 1.0

    def command(self, words: str) -> Figures:
        """Run a command in this process: seconds, and the most memory that tensors had."""
        from gantk.cli.main import run

        if not self.dry:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        began = time.monotonic()
        out = self.folder / f"out-{time.monotonic_ns()}"
        code = run([*words.split(), "--device", str(self.device), "-o", str(out)])
        if code != 0:
            raise RuntimeError(f"gantk {words} ended with {code}")
        found: Figures = {"seconds_of_command": round(time.monotonic() - began, 2)}
        if not self.dry:
            found["gb"] = torch.cuda.max_memory_allocated() / 1e9
        return found

    def model(self, name: str) -> Path:
        """The file of a random network."""
        return save_network(self.folder, name, small=self.dry)


def wp_of(generator: Generator, count: int) -> Tensor:
    """Codes of the first samples."""
    from gantk.speed.measuring import codes

    return codes(generator, count)


def parity(machine: Machine) -> Figures:
    """Images on the device against the CPU, all reference networks: largest error over the largest value."""
    from gantk.checkpoints.load import load_generator
    from gantk.errors import GantkError

    files = _references(machine.reference)[: 2 if machine.dry else None]
    worst, where, count = 0.0, "", 0
    for path in files:
        try:
            generator = load_generator(path)
        except GantkError:
            continue  # a discriminator or another file
        wp_NLD = wp_of(generator, 2)
        with torch.inference_mode():
            exact = generator.synthesize(wp_NLD)
            found = generator.to(machine.device).synthesize(wp_NLD.to(machine.device)).cpu()
        error = float((found - exact).abs().max() / exact.abs().max().clamp(min=1e-9))
        count += 1
        if error > worst:
            worst, where = error, path.name
    if not count:  # the reference files are not here: the networks of the published sizes
        for name in FAMILIES:
            generator = network(name, small=True)
            wp_NLD = wp_of(generator, 2)
            exact = generator.synthesize(wp_NLD)
            found = generator.to(machine.device).synthesize(wp_NLD.to(machine.device)).cpu()
            worst = max(worst, float((found - exact).abs().max() / exact.abs().max()))
            count, where = count + 1, name
    return {"networks": count, "worst": worst, "of": where}


def _references(folder: Path) -> list[Path]:
    kinds = (".pkl", ".pth", ".pt")
    return sorted(path for path in folder.rglob("*") if path.suffix in kinds) if folder.is_dir() else []


def half(machine: Machine) -> Figures:
    """Images of float16 against float32, in units of a byte's step: mean and largest."""
    from gantk.pictures.images import to_uint8

    found: Figures = {}
    for name in HALVES:
        generator = machine.network(name)
        wp_NLD = wp_of(generator, 2)
        with torch.inference_mode():
            exact = to_uint8(generator.synthesize(wp_NLD)).astype(float)
            rough = to_uint8(generator.set_precision("float16").synthesize(wp_NLD)).astype(float)
        error = abs(rough - exact)
        found[name] = {"mean": float(error.mean()), "largest": float(error.max())}
    return found


def rates(machine: Machine) -> Figures:
    """Forward passes per family, images per second: eager by batch and precision, share of the measured limits."""
    from gantk.speed import measure

    found: Figures = {}
    for name in FAMILIES:
        batches = (1, 2) if machine.dry else (1, 8, 32)
        speed = measure(machine.network(name), name, batches, seconds=machine.seconds, works=("forward",))
        for rate in speed.rates:
            key = f"{name} {rate.precision} batch {rate.batch}"
            found[key] = rate.failed or {
                "img/s": rate.per_second,
                "of product": rate.of_matmul,
                "of copy": rate.of_copy,
                "MB": (rate.memory or 0) / 1e6,
            }
    return found


def compiled(machine: Machine) -> Figures:
    """The same by `--compile`, batch 8: images per second, and seconds until the first image."""
    from gantk.errors import GantkError
    from gantk.generators.compiling import INDUCTOR, CompileWarning, compile_synthesis
    from gantk.speed.measuring import timed

    found: Figures = {}
    for name in FAMILIES[: 1 if machine.dry else None]:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore", CompileWarning)
            generator = compile_synthesis(machine.network(name), "eager" if machine.dry else INDUCTOR)
            if generator.compiled is None:
                raise GantkError("Nothing can be compiled here.")
            wp_NLD = wp_of(generator, 2 if machine.dry else 8)
            began = time.monotonic()
            generator.synthesize(wp_NLD)
            first = time.monotonic() - began
            each = timed(lambda: generator.synthesize(wp_NLD), machine.device, machine.seconds)  # noqa: B023
        generator.compiled = None
        found[name] = {"img/s": len(wp_NLD) / each, "first": first}
        torch.compiler.reset()
    return found


def graphs(machine: Machine) -> Figures:
    """A CUDA graph of one pass, batch 1, against the pass itself: milliseconds."""
    from gantk.speed.measuring import timed

    found: Figures = {}
    for name in FAMILIES:
        generator = machine.network(name)
        wp_1LD = wp_of(generator, 1)
        with torch.inference_mode():
            plain = timed(lambda: generator.synthesize(wp_1LD), machine.device, machine.seconds)  # noqa: B023
            found[name] = {"eager": 1000 * plain}
            if machine.device.type == "cuda":
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph):
                    generator.synthesize(wp_1LD)
                found[name]["graph"] = 1000 * timed(graph.replay, machine.device, machine.seconds)
    return found


def formats(machine: Machine) -> Figures:
    """Weights in channels_last and TF32 switched on, StyleGAN2, batch 8: images per second and error."""
    from gantk.speed.measuring import timed

    generator = machine.network("stylegan2")
    wp_NLD = wp_of(generator, 2 if machine.dry else 8)
    found: Figures = {}
    with torch.inference_mode():
        exact = generator.synthesize(wp_NLD)

        def rate(name: str) -> None:
            error = float((generator.synthesize(wp_NLD) - exact).abs().max() / exact.abs().max())
            each = timed(lambda: generator.synthesize(wp_NLD), machine.device, machine.seconds) / len(wp_NLD)
            found[name] = {"img/s": 1 / each, "error": error}

        rate("float32")
        before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
        try:
            for name, allow in (("no TF32", False), ("TF32", True)):
                torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allow
                rate(name)
        finally:
            torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before
        generator.to(memory_format=torch.channels_last)
        rate("channels_last")
    return found


def jacobian(machine: Machine) -> Figures:
    """ReSeFa at full size: columns of the Jacobian per second, and forward passes that one costs."""
    from gantk.speed import measure

    found: Figures = {}
    for name in FAMILIES:
        speed = measure(machine.network(name), name, (1,), ("float32",), machine.seconds, works=("forward", "tangent"))
        forward, tangent = (rate.per_second for rate in speed.rates)
        if forward and tangent:
            found[name] = {"columns/s": tangent, "passes": forward / tangent}
    return found


def analyses(machine: Machine) -> Figures:
    """Commands on a StyleGAN2 of 1024 pixels at their defaults: seconds, and GB of the GPU."""
    from full_sizes.commands import LINES, write_world

    model, found = machine.model("stylegan2"), {}
    generator = network("stylegan2", machine.dry)
    write_world(machine.folder / "world", generator.spec.w_dim, generator.spec.num_layers - 1, generator.spec.width)
    for line in LINES:
        if line.network != "stylegan2":
            continue
        words = " ".join(line.words).replace("MODEL", str(model)).replace("WORLD", str(machine.folder / "world"))
        if machine.dry:
            words = words.replace("1024x1024", "16x16").replace("64x64", "8x8")
        found[line.name] = machine.command(words)
    return found


def writing(machine: Machine) -> Figures:
    """Synthesis to PNG files at full size: images per second, and the network's alone."""
    from gantk.speed import measure

    count = 4 if machine.dry else 128
    speed = measure(machine.network("stylegan2"), "", (1,), ("float32",), machine.seconds, works=("forward",))
    took = machine.command(f"synthesize {machine.model('stylegan2')} -N {count} --images")["seconds_of_command"]
    return {"img/s": count / took, "network img/s": speed.rates[0].per_second}


def frame(machine: Machine) -> Figures:
    """A frame of the web application's slider, bundled model and full size: milliseconds from code to JPEG bytes."""
    from gantk.checkpoints.load import load_generator
    from gantk.pictures.images import encode, to_uint8
    from gantk.speed.measuring import timed

    found: Figures = {}
    for name, generator in (
        ("demo", load_generator("demo", device=str(machine.device))),
        ("stylegan2", machine.network("stylegan2")),
    ):
        wp_1LD = wp_of(generator, 1)
        last = [layer.index for layer in generator.layers][len(generator.layers) // 2]
        with torch.inference_mode():
            state = generator.cache(wp_1LD, before=last)

            def draw(start: Any, generator: Generator = generator, wp_1LD: Tensor = wp_1LD) -> bytes:
                return encode(to_uint8(generator.synthesize(wp_1LD, start=start))[0], "jpg", 90)

            for what, start in (("whole", None), ("from the middle", state)):
                each = timed(lambda: draw(start), machine.device, machine.seconds)  # noqa: B023
                found[f"{name}, {what}"] = 1000 * each
    return found


STEPS: dict[str, Callable[[Machine], Figures]] = {
    step.__name__: step for step in (parity, half, rates, analyses, jacobian, compiled, graphs, formats, writing, frame)
}
