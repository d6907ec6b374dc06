"""Weight directions: a basis, what combines it, the layer they belong to, and how far to go along each.

The four kinds of the released program, and one for a single published edit:

    svd                     singular vectors of the convolution
    svd_rectification       learned combinations of them
    hessian                 leading eigenvectors of the perceptual distance's Hessian
    hessian_rectification   learned combinations of them
    fixed                   one annotated deformation, with the strength its author chose

A strength is the length of the change: |delta w| = |strength| exactly.

Shape legend: O/I output and input channels, K x K the kernel, D directions, R vectors of the basis, N samples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators.arguments import finite
from gantk.generators.base import Generator, Truncation
from gantk.navigan.bases import Basis, VectorBasis
from gantk.navigan.target import GeneratorTarget, Prefix, Target
from gantk.store.brief import brief

NEARLY_ONE = 2e-6
KINDS = ("svd", "svd_rectification", "hessian", "hessian_rectification", "fixed")


@dataclass(frozen=True, eq=False, repr=False)
class WeightDirections:
    """Directions in the weights of one convolution.

    Attributes:
        name: for people.
        kind: one of KINDS.
        layer: name of the convolution.
        basis: what they are made of.
        coefficients: [D, R]; None where each basis vector is a direction.
        scales: a recommended strength for each; None where nobody measured one.
        identity: what `Target.identity` said of the weight they were found for; empty where a file does not say.
        meta: command, seed, eigenvalues, metric and the like.
    """

    name: str
    kind: str
    layer: str
    basis: Basis
    coefficients: Tensor | None = None
    scales: tuple[float, ...] | None = None
    identity: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)

    __repr__ = brief

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise GantkError(f"Weight directions of kind {self.kind!r} are unknown: {', '.join(KINDS)}.")
        if self.coefficients is not None and (
            self.coefficients.ndim != 2 or self.coefficients.shape[1] != len(self.basis)
        ):
            raise GantkError(
                f"Coefficients of shape {list(self.coefficients.shape)} do not fit a basis of {len(self.basis)}."
            )
        if self.scales is not None and len(self.scales) != len(self):
            raise GantkError(f"{len(self.scales)} scales were given for {len(self)} directions.")

    def __len__(self) -> int:
        return len(self.basis) if self.coefficients is None else len(self.coefficients)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the weight."""
        return self.basis.shape

    def delta(self, index: int) -> Tensor:
        """Direction `index` [O, I, K, K], of length one."""
        if not hasattr(index, "__index__") or not -len(self) <= index < len(self):
            raise UsageError(f"Direction {index} does not exist: {self.name} has 0 to {len(self) - 1}.")
        index %= len(self)
        if self.coefficients is None:
            found = self.basis.one(index)
            length = found.norm()
            # what has length one already keeps its bits
            return found if abs(float(length) - 1) < NEARLY_ONE else found / length
        return self.basis.combine(self.coefficients[index : index + 1])[0]

    def scale(self, index: int, default: float = 1.0) -> float:
        """The recommended strength of a direction."""
        return default if self.scales is None else self.scales[index]

    # Any: fields of this class, whose constructor checks them
    def replace(self, **changes: Any) -> WeightDirections:
        """A copy with other fields."""
        return dataclasses.replace(self, **changes)

    def select(self, rows: Sequence[int]) -> WeightDirections:
        """Some of the directions, in the order given; those of a vector basis take only their vectors along."""
        for row in rows:
            if not 0 <= row < len(self):
                raise UsageError(f"Direction {row} does not exist: {self.name} has 0 to {len(self) - 1}.")

        scales = None if self.scales is None else tuple(self.scales[row] for row in rows)
        meta = dict(self.meta)
        for key in ("eigenvalues", "residuals", "singular_values"):
            values = meta.get(key)
            if isinstance(values, (list, tuple)) and len(values) >= len(self):
                meta[key] = [values[row] for row in rows]
        index = torch.tensor(list(rows))
        if self.coefficients is not None:
            return self.replace(coefficients=self.coefficients[index], scales=scales, meta=meta)
        if isinstance(self.basis, VectorBasis):
            return self.replace(basis=VectorBasis(self.basis.vectors[index]), scales=scales, meta=meta)
        unit = torch.eye(len(self.basis))[index]
        return self.replace(coefficients=unit, scales=scales, meta=meta)

    def check(self, target: Target, force: bool = False) -> None:
        """Refuse directions of another layer or generator.

        Raises:
            GantkError: the layer or the shape differs, or (unless forced) the weights do.
        """
        if self.shape != target.shape:
            raise GantkError(
                f"The directions {self.name!r} have the shape {list(self.shape)}, and the weight of {target.layer} is "
                f"{list(target.shape)}: they belong to another layer or generator."
            )
        if self.layer and self.layer != target.layer:
            raise GantkError(f"{self.name} belongs to layer {self.layer} and not to {target.layer}.")
        if force or not self.identity:
            return
        mine = target.identity()
        theirs, ours = self.identity.get("probe"), mine.get("probe")
        if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
            from gantk.generators.probe import mismatch

            difference = mismatch(theirs, ours)
            if difference is not None:
                raise GantkError(
                    f"{self.name} was made for another generator ({difference}): use that one, or force it to try."
                )
        elif self.identity.get("weight") not in (None, mine["weight"]):
            raise GantkError(
                f"{self.name} was made for other weights of {self.layer} (checksum {self.identity['weight']}, here "
                f"{mine['weight']}): use that network, or force it to try."
            )

    def fingerprint(self) -> object:
        """What they are, whatever they are called."""
        from gantk.store.fingerprint import fingerprint

        tensors = {name: part.detach().float() for name, part in self.basis.tensors().items()}
        kernel = getattr(self.basis, "kernel", None)
        return fingerprint([self.kind, self.layer, tensors, kernel, self.coefficients, self.scales])

    @property
    def weights(self) -> WeightDirections:
        """Themselves: verbs take directions, and results that carry some."""
        return self

    def render(
        self,
        generator: Generator,
        codes: object,
        row: int = 0,
        strength: float | None = None,
        truncation: str | float | Truncation | None = None,
    ) -> Tensor:
        """Images [N, C, H, W] in [-1, 1] of codes, with the weight moved along one direction.

        Args:
            codes: as verbs take them: `gantk.GivenCodes`, an array or a tensor [N, L, D] of wp, or a result with codes.
            row: number of the direction.
            strength: length of the change; None is the recommended one, or a tenth of the weight's own length.
            truncation: of codes of z and w, as on the command line; None is what the model's file recommends.

        Raises:
            GantkError: the directions are another generator's.
            UsageError: there is no such direction.
        """
        from gantk.codes.given import given_codes
        from gantk.codes.latents import parse_truncation
        from gantk.codes.source import CodeSource

        strength = None if strength is None else finite("strength", strength)
        target = self.target(generator)
        given = given_codes(generator, codes)
        source = CodeSource(generator, None, 0, parse_truncation(truncation, generator.spec), codes=given)
        if strength is None:
            self.delta(row)  # refuses one that does not exist
            strength = self.scale(row, 0.1 * float(target.weight.detach().norm()))
        with torch.inference_mode():
            prefix = target.prefix(source.batch(0, source.total).wp)
            return target.moved(prefix, self.delta(row), strength)

    def target(self, generator: Generator, force: bool = False) -> GeneratorTarget:
        """The convolution of a generator that these directions edit, checked."""
        target = GeneratorTarget(generator, self.layer)
        self.check(target, force)
        return target


def render(
    target: Target, prefix: Prefix, directions: WeightDirections, index: int | Tensor, strength: float | Tensor
) -> Tensor:
    """Edited images [N, C, H, W]; `index` and `strength` are one for all samples or [N], each sample its own.

    Samples that share a direction share its two convolutions; each is rendered once whatever the mixture.

    Raises:
        UsageError: other lengths than 1 or N, or a direction that does not exist.
    """
    n = len(prefix)
    device = target.weight.device
    index_N = _each("directions", torch.as_tensor(index), n)
    strength_N = _each("strengths", torch.as_tensor(strength, dtype=target.weight.dtype), n).to(device)
    found: Tensor | None = None
    for number in torch.unique(index_N.long().cpu()).tolist():
        rows = torch.nonzero(index_N.cpu() == number)[:, 0]
        delta = directions.delta(number).to(target.weight)
        everything = len(rows) == n
        here = prefix if everything else prefix.take(rows.to(device))
        image = target.moved(here, delta, strength_N[rows.to(device)])
        if everything:
            return image
        if found is None:
            found = image.new_empty(n, *image.shape[1:])
        found[rows.to(device)] = image
    assert found is not None
    return found


def _each(what: str, given: Tensor, n: int) -> Tensor:
    flat = given.reshape(-1)
    if len(flat) not in (1, n):
        raise UsageError(f"{len(flat)} {what} do not fit {n} samples: give one, or one for each.")
    return flat.expand(n)


def weights_of(given: object) -> WeightDirections:
    """Weight directions of whatever Python gives: themselves, or a result that carries some.

    Raises:
        UsageError: it carries none.
    """
    found = getattr(given, "weights", None)
    if not isinstance(found, WeightDirections):
        raise UsageError(
            f"A {type(given).__name__} carries no weight directions: give a result of gantk.navigan, or what "
            "gantk.load_weights reads."
        )
    return found
