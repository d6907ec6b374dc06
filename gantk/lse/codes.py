"""The images of a run as codes: sample i of a seed, with one code for all rows (LinearGAN's `trunc-wp`, `notrunc-wp`)
or an independent one for each (`notrunc-mixwp`). Codes are a few kilobytes and are kept; features are made again.

Shape legend: N samples, Z width of z, L rows of wp, D width of a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gantk.codes.given import GivenCodes
from gantk.codes.latents import parse_truncation
from gantk.errors import UsageError
from gantk.generators.base import Generator, Truncation
from gantk.generators.labels import Class, ask_for_label, one_class
from gantk.lse.options import StreamOptions


@dataclass(frozen=True, eq=False)
class CodeStream:
    """Codes of seed `seed`; `mixed` draws a z per row; `label` is a class for all, or shares of some; None a
    seeded class each.

    `offset` is the number of the stream's first sample: images that no other stream of the seed has. `first` are z
    [N, Z] of the first samples, where they are others than the seed's.
    """

    generator: Generator
    seed: int = 0
    truncation: Truncation | None = None
    mixed: bool = False
    label: Class | None = None
    offset: int = 0
    first: GivenCodes | None = None

    def __post_init__(self) -> None:
        spec = self.generator.spec
        if self.truncation is not None and not spec.can_truncate:
            raise UsageError(f"A {spec.family} has no mean code to pull to: leave --truncation out.")
        if self.first is not None and self.mixed:
            raise UsageError("--mixed draws a z for every row, and --seeds numbers one for all: leave one of them out.")

    def z(self, start: int, stop: int) -> Tensor:
        """z of samples start .. stop - 1: [N, Z], or [N, L, Z] when mixed."""
        rows = self.generator.spec.num_layers if self.mixed else 1
        z = self.generator.sample_z((stop - start) * rows, seed=self.seed, start=(self.offset + start) * rows)
        if self.first is not None and start < len(self.first):
            given = torch.from_numpy(np.asarray(self.first.array[start:stop])).to(z)
            z = torch.cat([given, z[len(given) :]])
        return z.unflatten(0, (stop - start, rows)) if self.mixed else z

    def labels(self, start: int, stop: int) -> Tensor | None:
        """Classes [N] or shares [N, C] of a conditional network."""
        if self.label is None:
            return self.generator.sample_label(stop - start, seed=self.seed, start=self.offset + start)
        label = torch.tensor(self.label, device=self.generator.device)  # [], or shares [C]
        return label.expand(stop - start, *label.shape)

    def wp(self, start: int, stop: int) -> Tensor:
        """wp [N, L, D] of samples start .. stop - 1."""
        return wp_of(self.generator, self.z(start, stop), self.truncation, self.labels(start, stop))


def stream_of(
    generator: Generator, options: StreamOptions, offset: int = 0, first: GivenCodes | None = None
) -> CodeStream:
    """The stream that options mean for a generator.

    Raises:
        UsageError: a truncation or a class that the generator cannot have.
    """
    truncation = parse_truncation(options.truncation, generator.spec)
    if options.label is None and generator.spec.label_dim:
        raise ask_for_label(generator.spec)
    label = one_class(options.label, generator.spec)
    return CodeStream(generator, options.seed, truncation, options.mixed, label, offset, first)


def wp_of(generator: Generator, z: Tensor, truncation: Truncation | None, label_N: Tensor | None = None) -> Tensor:
    """wp [N, L, D] of z [N, Z], or of z [N, L, Z], one for each row."""
    if z.ndim == 2:
        return generator.expand(generator.map(z, label_N), truncation)
    rows = z.shape[1]
    if rows != generator.spec.num_layers:
        raise UsageError(f"{rows} codes per sample do not fit a generator of {generator.spec.num_layers} rows.")
    labels = None if label_N is None else label_N.repeat_interleave(rows, 0)
    wp = generator.expand(generator.map(z.flatten(0, 1), labels), truncation)
    # sample n, row l is row l of the code that was drawn for it
    return wp.unflatten(0, (len(z), rows)).diagonal(dim1=1, dim2=2).transpose(1, 2)
