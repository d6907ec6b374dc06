"""StyleGAN3's forward pass: gantk's polyphase filtering and shared convolutions against the straightforward form.

    python scripts/benchmarks/stylegan3.py [--json] [--full] [--variant t|r|both]

The straightforward form is the definition, written out below: weights modulated per sample and one grouped convolution,
zeros inserted between the samples, depthwise FIR filters over all of them, every second result dropped. Both run in
this process in turn, from the same weights and codes; the ratio of their CPU times (GPU: event times) is the speed-up,
and a float64 run of the definition is what both are compared with (--full: ours with its float32 run, slow enough).
The default is 64 x 64 with up to 64 channels; --full is 256 x 256 with the published widths.

Shape legend: N samples, I/O channels, K filter taps.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
import weakref
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gantk.generators.stylegan3 import StyleGAN3, StyleGAN3Config, SynthesisLayer

SIZES: dict[bool, dict[str, int]] = {
    False: {"resolution": 64, "channel_base": 1024, "channel_max": 64, "z_dim": 64, "w_dim": 64},
    True: {"resolution": 256, "channel_base": 16384, "channel_max": 512},
}


# --- the definition --------------------------------------------------------------------------------------------------


def modulated_conv(x: Tensor, layer: SynthesisLayer, style_NI: Tensor) -> Tensor:
    """One kernel per sample, all of them in one grouped convolution."""
    weight: Tensor = layer.weight
    n = x.shape[0]
    outputs, inputs, side, _ = weight.shape
    if layer.rgb:
        w = weight[None] * (style_NI / (inputs * side * side) ** 0.5)[:, None, :, None, None]
    else:
        weight = weight * weight.square().mean((1, 2, 3), keepdim=True).rsqrt()
        style_NI = style_NI * style_NI.square().mean(1, keepdim=True).rsqrt()
        w = weight[None] * style_NI[:, None, :, None, None]
        w = w * (w.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    w = w * layer.magnitude_ema.rsqrt()
    x = F.conv2d(x.reshape(1, n * inputs, *x.shape[2:]), w.flatten(0, 1), padding=side - 1, groups=n)
    return x.reshape(n, outputs, *x.shape[2:])


def fir(x: Tensor, taps: Tensor | None) -> Tensor:
    """True convolution of every channel with [K] along both axes, or with [K, K]."""
    channels = x.shape[1]
    if taps is None:
        return x
    if taps.ndim == 2:
        return F.conv2d(x, taps.flip(0, 1).expand(channels, 1, -1, -1), groups=channels)
    line = taps.flip(0).expand(channels, 1, 1, -1)
    return F.conv2d(F.conv2d(x, line, groups=channels), line.transpose(2, 3), groups=channels)


def filtered_leaky(x: Tensor, layer: SynthesisLayer) -> Tensor:
    """Bias, zeros between the samples, pad, up filter, leaky ReLU, clamp, down filter, every down-th sample."""
    step = layer.step
    x = x + layer.bias[:, None, None]
    if not layer.rgb:
        n, c, h, w = x.shape
        x = F.pad(x.reshape(n, c, h, 1, w, 1), [0, step.up - 1, 0, 0, 0, step.up - 1])
        x = F.pad(x.reshape(n, c, h * step.up, w * step.up), step.padding * 2)
        x = fir(x, layer.up_filter) * step.up**2
        x = F.leaky_relu(x, 0.2) * 2**0.5
    if step.conv_clamp is not None:
        x = x.clamp(-step.conv_clamp, step.conv_clamp)
    return x if layer.rgb else fir(x, layer.down_filter)[:, :, :: step.down, :: step.down]


def straightforward(generator: StyleGAN3, wp_NLD: Tensor) -> Tensor:
    """The image by the definition."""
    styles = generator.styles(wp_NLD)
    x = generator.synthesis.input(styles[0], None).contiguous()
    for layer, style in zip(list(generator.synthesis.children())[1:], styles[1:], strict=True):
        assert isinstance(layer, SynthesisLayer)
        x = filtered_leaky(modulated_conv(x, layer, style), layer)
    return x * generator.config.output_scale


# --- the measurement -------------------------------------------------------------------------------------------------


def seconds(call: Callable[[], Any], device: torch.device) -> tuple[float, float]:
    """CPU (or event) time and wall time of one call."""
    if device.type == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        wall = time.perf_counter()
        start.record()
        call()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / 1e3, time.perf_counter() - wall
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.process_time() - cpu, time.perf_counter() - wall


class LiveMemory(TorchDispatchMode):
    """Bytes of the storages that are alive at once, counted as operations return them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            storage = tensor.untyped_storage() if isinstance(tensor, Tensor) else None
            if storage is not None and storage._cdata not in self.seen:
                self.seen.add(storage._cdata)
                self.now += storage.nbytes()
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self._gone, storage._cdata, storage.nbytes())
        return result

    def _gone(self, key: int, size: int) -> None:
        self.seen.discard(key)
        self.now -= size


def peak_mb(call: Callable[[], Any], device: torch.device) -> float:
    """Peak memory of a call's own tensors: the allocator's on a GPU, the sum of the living ones on a CPU."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return round((torch.cuda.max_memory_allocated() - before) / 2**20, 1)
    with LiveMemory() as memory:
        call()
    return round(memory.peak / 2**20, 1)


@torch.inference_mode()
def compare(variant: str, sizes: dict[str, int], batch: int, repeats: int, device: torch.device) -> dict[str, Any]:
    """Ours and the definition in turn, `repeats` times; the best of each."""
    torch.manual_seed(0)
    generator = StyleGAN3(StyleGAN3Config.designed(variant=variant, **sizes)).eval().to(device)
    wp_NLD = generator.expand(generator.map(generator.sample_z(batch)))
    exact = copy.deepcopy(generator).double() if sizes["resolution"] < 256 else generator
    truth = straightforward(exact, wp_NLD[:1].to(exact.dtype))
    ours = copy.deepcopy(generator).to(memory_format=torch.channels_last)
    calls = {"baseline": lambda: straightforward(generator, wp_NLD), "ours": lambda: ours.synthesize(wp_NLD)}
    errors = {name: ((call()[:1] - truth).abs().max() / truth.abs().max()).item() for name, call in calls.items()}
    times = {name: [seconds(call, device) for _ in range(repeats)] for name, call in calls.items()}
    cpu = {name: min(pair[0] for pair in pairs) for name, pairs in times.items()}
    wall = {name: min(pair[1] for pair in pairs) for name, pairs in times.items()}
    return {
        "variant": variant,
        "batch": batch,
        **{f"{name}_cpu_s": round(value, 4) for name, value in cpu.items()},
        "speedup": round(cpu["baseline"] / cpu["ours"], 2),
        "wall_speedup": round(wall["baseline"] / wall["ours"], 2),
        "error": errors["ours"],
        "baseline_error": errors["baseline"],
        **{f"{name}_peak_mb": peak_mb(call, device) for name, call in calls.items()},
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--full", action="store_true", help="256 x 256 with the published widths")
    parser.add_argument("--variant", choices=("t", "r", "both"), default="both")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Both variants; the figures at the top are those of the one that gains least."""
    device, sizes = torch.device(arguments.device), SIZES[arguments.full]
    variants = ("t", "r") if arguments.variant == "both" else (arguments.variant,)
    parts = [compare(variant, sizes, arguments.batch, arguments.repeats, device) for variant in variants]
    worst = min(parts, key=lambda part: part["speedup"])
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    return {"benchmark": "stylegan3", "device": name, **worst, **sizes, "parts": parts}


def show(result: dict[str, Any]) -> str:
    """One line per variant."""
    return "\n".join(
        f"StyleGAN3-{part['variant'].upper()} {result['resolution']}, batch {part['batch']}: "
        f"{part['baseline_cpu_s']:.3f} s -> {part['ours_cpu_s']:.3f} s, {part['speedup']} times "
        f"(error {part['error']:.1e}; peak {part['baseline_peak_mb']} -> {part['ours_peak_mb']} MB)"
        for part in result["parts"]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--threads", type=int, default=1)
    add_options(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    result = run(arguments)
    sys.stdout.write((json.dumps(result) if arguments.json else show(result)) + "\n")


if __name__ == "__main__":
    main()
