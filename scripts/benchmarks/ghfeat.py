"""GH-Feat's encoder against torchvision's ResNet of the same depth at 256 x 256, and extraction against the encoder.

The encoder has a fifth stage, a pyramid, spatial alignment and heads of 10 to 80 million weights beside the trunk, so
that `speedup`, the ratio of throughputs, is below 1; the bars are 0.45 at depth 18 and 0.6 at depth 50. `extract` is
the end-to-end throughput (PNG files, a run directory, codes written) over that of the encoder alone; its bar is 0.8.
`error` is that of the folded encoder against the plain one in float64, relative to the largest style.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from benchmarks._turns import figures, take_turns

if TYPE_CHECKING:
    from gantk.ghfeat.encoder import Encoder

SIZE = 256
BARS = {18: 0.45, 50: 0.6}
WIDTHS = (1024,) * 8 + (512,) * 2 + (256,) * 2 + (128,) * 2  # of a StyleGAN of 256 pixels


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--depth", type=int, choices=sorted(BARS), default=18)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--turns", type=int, default=2, help="of each, by turns")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--full", action="store_true", help="1024 images in batches of 64, for a GPU")


def pictures(count: int) -> torch.Tensor:
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 2 - 1


def encoder_of(depth: int) -> Encoder:
    """The paper's encoder with random weights, its normalisations as after some training."""
    from gantk.ghfeat.encoder import Encoder, EncoderConfig, trunk_channels
    from gantk.ghfeat.norm import Norm

    torch.manual_seed(0)
    config = EncoderConfig(SIZE, WIDTHS, tuple(range(14)), trunk_channels(depth, 64, 5), depth)
    encoder = Encoder(config).eval().requires_grad_(False)
    for module in encoder.modules():
        if isinstance(module, Norm):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    return encoder


def passes(network: Callable[[Any], Any], images: torch.Tensor, batch: int) -> Callable[[], dict[str, Any]]:
    def measured() -> dict[str, Any]:
        on_gpu = images.device.type == "cuda"
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2)) if on_gpu else (None, None)
        with torch.inference_mode():
            if begin is not None:
                begin.record()
            for part in images.split(batch):
                network(part)
            if begin is not None and end is not None:
                end.record()
                torch.cuda.synchronize()
                return {"event_s": begin.elapsed_time(end) / 1000}
        return {}

    with torch.inference_mode():
        network(images[:batch])
    return measured


def baseline(depth: int, count: int, batch: int, device: str) -> Callable[[], dict[str, Any]]:
    import torchvision

    torch.manual_seed(0)
    network = getattr(torchvision.models, f"resnet{depth}")(weights=None).eval().requires_grad_(False)
    network.to(device, memory_format=torch.channels_last)
    return passes(network, pictures(count).to(device, memory_format=torch.channels_last), batch)


def ours(depth: int, count: int, batch: int, device: str) -> Callable[[], dict[str, Any]]:
    network = encoder_of(depth).folded().to(device).to(memory_format=torch.channels_last)
    return passes(network, pictures(count).to(device, memory_format=torch.channels_last), batch)


def extraction(depth: int, count: int, batch: int, device: str, folder: str) -> Callable[[], dict[str, Any]]:
    """`gantk ghfeat extract` without reconstructions, on PNG files, from the images to the codes' file."""
    from gantk.generators.probe import probe_of
    from gantk.generators.registry import build
    from gantk.ghfeat import extract
    from gantk.ghfeat.files import EncoderFile
    from gantk.runs.results import write_result
    from gantk.runs.run import Run
    from gantk.runs.stores import RunStore

    config = {"resolution": SIZE, "channels": (512, 512, 512, 512, 256, 128, 64), "mapping_layers": 1}
    generator = build("stylegan", config).eval().requires_grad_(False).to(device)
    loaded = EncoderFile(encoder_of(depth).to(device).to(memory_format=torch.channels_last), "random", "gantk")
    probe_of(generator)  # computed once per process, and remembered
    work = tempfile.mkdtemp(dir=folder)

    def measured() -> dict[str, Any]:
        with Run.begin(Path(work), "ghfeat extract", {"model": ""}) as run:
            result = extract(
                generator, folder, loaded, "none", batch_size=batch, chunk=batch * 4, reconstruct=False,
                store=RunStore(run), progress=False,
            )  # fmt: skip
            write_result(result, run.directory)
            for export in result.exports():
                export.write(run.directory / export.name)
        return {"images": len(result.names)}

    return measured


def error_of(depth: int) -> float:
    """Of the folded encoder in float32 against the plain one in float64."""
    plain = encoder_of(depth)
    image = pictures(1)
    with torch.inference_mode():
        got = torch.cat(plain.folded()(image), 1).double()
        want = torch.cat([s.double() for s in plain.double()(image.double())], 1)
    return float((got - want).abs().max() / want.abs().max())


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from PIL import Image

    count, batch = (1024, 64) if arguments.full else (arguments.images, arguments.batch)
    shared = (arguments.depth, count, batch, arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        random = np.random.default_rng(0)
        for index in range(count):
            small = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(small).resize((SIZE, SIZE)).save(Path(folder) / f"{index:04d}.png")
        works = {
            "baseline": partial(baseline, *shared),
            "ours": partial(ours, *shared),
            "extract": partial(extraction, *shared, folder),
        }
        measured = take_turns(works, arguments.turns, arguments.threads)
    cpu = {name: sorted(turn["cpu_s"] for turn in turns)[len(turns) // 2] for name, turns in measured.items()}
    return {
        "device": arguments.device,
        **figures({name: measured[name] for name in ("baseline", "ours")}),
        "error": error_of(arguments.depth),
        "depth": arguments.depth,
        "bar": BARS[arguments.depth],
        "batch": batch,
        "images": count,
        "extract_cpu_s": round(cpu["extract"], 4),
        "extract": round(cpu["ours"] / max(cpu["extract"], 1e-9), 3),
        "extract_bar": 0.8,
        "ms_per_image": round(1000 * cpu["ours"] / count, 1),
    }


def show(result: dict[str, Any]) -> str:
    r = result
    return (
        f"encoder of depth {r['depth']} at {SIZE} x {SIZE}: {r['speedup']:.2f} of the throughput of torchvision's "
        f"ResNet-{r['depth']} (bar {r['bar']:g}), {r['ms_per_image']:g} ms of CPU per image; extraction end to end "
        f"{r['extract']:.2f} of the encoder alone (bar {r['extract_bar']:g}); error {r['error']:.1e}; peak "
        f"{r['baseline_peak_mb']} and {r['ours_peak_mb']} MB"
    )
