"""The Jacobian of an image with respect to a code, by products: never formed, a few columns or rows at a time.

Forward mode pays per tangent about what a batched forward pass pays: the tangents share one primal, so that each layer
costs one convolution of the tangents with the shared weights (`Generator.tangent_map`). Only layers that the variable
feeds carry a style tangent, and the network is entered at the first of them from a cached state: rows fed late do not
pay for the layers before them. Transposed products (`pull`) cost as much where a family has rules for them, which keep
what the products forward keep, and one reverse pass each elsewhere.

Shape legend: d free coordinates of the variable, c tangents at a time, L rows of wp, D their width, C colours of the
image, O those of the output (C, or 1 when summed), H x W pixels of the image, S x S of the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.func import jvp, vjp, vmap

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator, State
from gantk.generators.frugal_steps import Pullback, makes_maps_again
from gantk.generators.noise import Noise
from gantk.generators.spec import Linear
from gantk.predictors.resampling import resize
from gantk.resefa.variables import CodeMap
from gantk.store.chunks import parts
from gantk.store.memory import is_out_of_memory

CHANNELS = ("rgb", "sum")
CPU_BYTES = 8 << 20  # of the largest map of a chunk of tangents: more falls out of the last-level cache
MOST, LEAST = 128, 8
CPU_ROOM = 256 << 20  # of the largest maps of a chunk at all, where even the fewest are more than a cache holds
GPU_SHARE, MAPS_ALIVE = 0.5, 10  # share of the free memory, and how many of the largest maps are alive at once
UNITS = 256  # unit steps whose effect on the codes is computed at once


@dataclass(frozen=True)
class Output:
    """What of the image is differentiated: a linear function of it.

    Attributes:
        size: S; the image is averaged down to it by area.
        channels: "rgb" keeps the colours, so that a change of hue counts; "sum" adds them up, as the released script
            does above 256 pixels.
        decimate: keep every k-th pixel instead of averaging, as the released script does.
    """

    size: int
    channels: str = "rgb"
    decimate: bool = False

    def check(self, resolution: int) -> None:
        """Refuse a size that the image, whose larger side this is, cannot be brought to.

        An image that is not square is brought to a square too: regions are in fractions of its sides, and every pixel
        of the square stands for an equal share of the image.
        """
        if self.channels not in CHANNELS:
            raise UsageError(f"The output {self.channels!r} is none of {', '.join(CHANNELS)}.")
        if not 1 <= self.size <= resolution:
            raise UsageError(f"A working size of {self.size} does not fit images of {resolution}: give 1 to that.")
        if self.decimate and resolution % self.size:
            raise UsageError(f"{resolution} pixels cannot be decimated to {self.size}: give a divisor.")

    def __call__(self, image_NCHW: Tensor) -> Tensor:
        """Images, or differences or tangents of images, to [N, O, S, S]."""
        if self.decimate:
            down, across = (max(1, side // self.size) for side in image_NCHW.shape[-2:])
            image_NCHW = image_NCHW[..., ::down, ::across]
        else:
            image_NCHW = resize(image_NCHW, self.size, self.size)
        return image_NCHW.sum(1, keepdim=True) if self.channels == "sum" else image_NCHW

    def transpose(self, cotangent_NOSS: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
        """The transpose: gradients of the output to gradients of the image, [N, C, H, W]."""
        n = cotangent_NOSS.shape[0]
        like = cotangent_NOSS.new_zeros(n, channels, *size)
        gradient: Tensor = vjp(self, like)[1](cotangent_NOSS)[0]
        return gradient


class LocalJacobian:
    """J at one code: `columns`, `push` (J v) and `pull` (J^T u).

    Args:
        wp_1LD: the code.
        code_map: how the variable moves it.
        output: what of the image counts.
        noise: as `synthesize` takes it.
        chunk: tangents at once; None chooses by the largest map and the device. It is halved for good whenever memory
            runs out.
    """

    def __init__(
        self,
        generator: Generator,
        wp_1LD: Tensor,
        code_map: CodeMap,
        output: Output,
        noise: Noise = "const",
        chunk: int | None = None,
    ) -> None:
        if wp_1LD.shape[0] != 1:
            raise UsageError(f"A Jacobian is taken at one code, not at {wp_1LD.shape[0]} at once.")
        output.check(generator.spec.resolution)
        self.generator, self.code_map, self.output, self.noise = generator, code_map, output, noise
        self.variable = code_map.variable
        self._wp = wp_1LD
        layers = code_map.variable.layers
        # rows whose columns are computed together: all, or each by itself where each is a variable of its own
        groups = [(row,) for row in layers] if self.variable.space == "wp" else [layers]
        self._entries = {rows: _Entry(generator, wp_1LD, rows, noise) for rows in groups}
        self._every = self._entries.get(layers) or _Entry(generator, wp_1LD, layers, noise)
        self.chunk = chunk or default_chunk(generator, min(entry.first for entry in self._entries.values()))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one column: (O, S, S)."""
        colours = self.generator.spec.image_channels if self.output.channels == "rgb" else 1
        return colours, self.output.size, self.output.size

    def columns(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Tensor]]:
        """Columns start .. stop - 1 in chunks: the first one's index, and [c, O, S, S]."""
        stop = self.variable.dim if stop is None else stop
        before: _Entry | None = None
        while start < stop:
            rows, first, end = self._together(start, min(start + self.chunk, stop))
            entry = self._entries[rows]
            if entry.unit is None:
                with torch.no_grad():
                    entry.unit = self._unit(entry, first)
            if entry is not before and before is not None:
                before.forget()
            before = entry
            steps = tuple(part[start - first : end - first] for part in entry.unit)
            found = self._halving(lambda *part, entry=entry: self.output(entry.push(part)), steps)
            yield start, found
            start += len(found)

    def push(self, step_cd: Tensor) -> Tensor:
        """J times every row of [c, d], [c, O, S, S]."""

        def image(part_cd: Tensor) -> Tensor:
            return self.output(self._every.push(self._every.tangents(self.code_map.push(part_cd))))

        return self._in_chunks(image, step_cd)

    def pull(self, cotangent_cOSS: Tensor) -> Tensor:
        """J transposed times every [O, S, S], [c, d]."""
        spec, entry = self.generator.spec, self._every
        back = entry.pullback()

        def gradient(part_cOSS: Tensor) -> Tensor:
            gradient_cCHW = self.output.transpose(part_cOSS, spec.image_channels, spec.size)
            return self.code_map.pull(entry.cotangents(back(gradient_cCHW)))

        return self._in_chunks(gradient, cotangent_cOSS)

    def forget(self) -> None:
        """Let go of the maps that products forward keep; they are made anew when they are needed again."""
        self._every.forget()

    def _in_chunks(self, function: Callable[[Tensor], Tensor], whole: Tensor) -> Tensor:
        found, done = [], 0
        while done < len(whole):
            found.append(self._halving(function, (whole[done : done + self.chunk],)))
            done += len(found[-1])
        return torch.cat(found)

    def _together(self, start: int, end: int) -> tuple[tuple[int, ...], int, int]:
        """The rows that column `start` moves, the first column that moves them, and where a chunk from `start` ends."""
        if self.variable.space != "wp":
            return self.variable.layers, 0, end
        row_d = self.variable.free // self.variable.shape[1]
        mine = (row_d == row_d[start]).nonzero()[:, 0]
        return (int(row_d[start]),), int(mine[0]), min(end, int(mine[-1]) + 1)

    def _unit(self, entry: _Entry, first: int) -> tuple[Tensor, ...]:
        """What unit steps, from column `first` to the last that moves the same rows, do to the moving codes."""
        stop = self._together(first, self.variable.dim)[2]
        tangents = []
        for start, end in parts(first, stop, UNITS):
            step_cd = self.variable.basis(start, end, self._wp)
            tangents.append(entry.tangents(self.code_map.push(step_cd)))
        return tuple(torch.cat(found) for found in zip(*tangents, strict=True))

    def _halving(self, function: Callable[..., Tensor], whole: tuple[Tensor, ...]) -> Tensor:
        """`function` of as many leading entries of `whole` as memory allows."""
        while True:
            try:
                with torch.no_grad(), full_precision(self.generator.device):
                    return function(*(part[: self.chunk] for part in whole))
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.chunk == 1:
                    raise GantkError(
                        "One tangent at a time does not fit into memory: choose a smaller --size or another --device."
                    ) from error
            self.chunk = max(1, min(self.chunk, len(whole[0])) // 2)
            if self.generator.device.type == "cuda":
                torch.cuda.empty_cache()


class _Entry:
    """The synthesis network from the first layer that some rows of wp feed, as a function of what those rows say.

    The moving arguments are the styles of the layers these rows feed, or wp itself in a family without styles.
    """

    def __init__(self, generator: Generator, wp_1LD: Tensor, rows: tuple[int, ...], noise: Noise) -> None:
        self.generator, self.noise, self._wp = generator, noise, wp_1LD
        fed = [layer for layer in generator.layers if layer.row in rows]
        if not fed:
            raise UsageError(f"No layer is fed by rows {', '.join(map(str, rows))} of wp.")
        self.first = fed[0].index
        self.styled = "s" in generator.spec.spaces
        with torch.no_grad():
            styles = generator.styles(wp_1LD) if self.styled else (wp_1LD,)
            self.state: State | None = None
            if self.first:
                self.state = generator.cache(wp_1LD, self.first, noise=noise)
        self._places: list[int] = [0]
        if self.styled:
            self._places = [place for place, layer in enumerate(generator.styled_layers) if layer.row in rows]
        self._codes = [style.detach() for style in styles]
        self.unit: tuple[Tensor, ...] | None = None

    @cached_property
    def push(self) -> Callable[[Sequence[Tensor]], Tensor]:
        """Steps [c, ...] of the moving arguments to steps of the image; most of an entry's memory."""
        return self.generator.tangent_map(tuple(self._codes), self._places, noise=self.noise, start=self.state)

    def forget(self) -> None:
        """Let go of what `push` keeps; it is made anew, for a pass forward, when it is needed again."""
        self.__dict__.pop("push", None)

    def pullback(self) -> Callable[[Tensor], tuple[Tensor, ...]]:
        """Gradients [c, C, H, W] of the image to those of the moving arguments: by hand, where `push` can."""
        if isinstance(self.push, Linear):
            return self.push.transpose
        if makes_maps_again(self.generator):
            self.forget()
        return Pullback(self.generator, self._codes, self._places, self.noise, self.state)

    def tangents(self, moved_cLD: Tensor) -> tuple[Tensor, ...]:
        """Steps of wp [c, L, D] as steps [c, ...] of the moving arguments."""
        if not self.styled:
            return (moved_cLD,)
        return vmap(lambda v: tuple(part[0] for part in jvp(self._styles, (self._wp,), (v[None],))[1]))(moved_cLD)

    def cotangents(self, back: tuple[Tensor, ...]) -> Tensor:
        """The transpose: gradients [c, ...] of the moving arguments to gradients of wp, [c, L, D]."""
        if not self.styled:
            return back[0]
        transposed = vjp(self._styles, self._wp)[1]
        gradient: Tensor = vmap(lambda *u: transposed(tuple(part[None] for part in u))[0][0])(*back)
        return gradient

    def _styles(self, wp_1LD: Tensor) -> tuple[Tensor, ...]:
        styles = self.generator.styles(wp_1LD)
        return tuple(styles[place] for place in self._places)


def default_chunk(generator: Generator, first: int = 0) -> int:
    """Tangents at once: on a CPU so many that the largest map of theirs stays in the cache, on a GPU by free memory."""
    layers = generator.layers[first:] or generator.layers
    largest = max(max(layer.channels, 3) * layer.resolution**2 for layer in layers) * 4
    if generator.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(generator.device)
        return int(max(1, min(512, free * GPU_SHARE / (largest * MAPS_ALIVE))))
    fewest = max(1, min(LEAST, CPU_ROOM // largest))
    return int(max(fewest, min(MOST, CPU_BYTES // largest)))


def full_precision(device: torch.device) -> AbstractContextManager[Any]:
    """No TF32 in convolutions: its 1e-3 would be most of what a Gram matrix has beyond its largest eigenvalues."""
    if device.type != "cuda":
        return nullcontext()
    cudnn = torch.backends.cudnn
    context: AbstractContextManager[Any] = cudnn.flags(True, cudnn.benchmark, None, cudnn.deterministic, False)
    return context
