"""What a Jacobian is taken with respect to: the coordinates of z, w or wp that may move, and on which rows of wp.

    z       every coordinate of z, through the mapping network
    w       one w for the chosen rows of wp: a step dw moves row l by what `expand` makes of it (psi_l dw on a truncated
            row), just as `Direction.apply` will
    wp      each chosen row by itself
    class   the coordinates of w that say the class (a BigGAN's embedding)

A `part` narrows w and wp to the coordinates that come from z or from the class, where both are joined in one code.

Shape legend: N samples, Z width of z, D width of w or of a row of wp, L rows of wp, d free coordinates, c of them at a
time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import jvp, vjp, vmap

from gantk.errors import UsageError
from gantk.generators.base import Generator, Truncation
from gantk.generators.forward_mode import load_decompositions

SPACES = ("z", "w", "wp", "class")
PARTS = ("all", "z", "class")


@dataclass(frozen=True)
class Variable:
    """The free coordinates of a generator's codes; made by `choose`.

    Attributes:
        space: "z", "w" or "wp", as a `Direction` of it has.
        layers: the rows of wp that move.
        shape: of one code in that space: (Z,), (D,) or (L, D).
        free: indices into the flattened code, int64 [d].
        whole: whether the free coordinates are all there are on those rows.
    """

    space: str
    layers: tuple[int, ...]
    shape: tuple[int, ...]
    free: Tensor
    whole: bool = True

    @property
    def dim(self) -> int:
        """d."""
        return len(self.free)

    def embed(self, step_cd: Tensor) -> Tensor:
        """Steps in the free coordinates [c, d] as steps in the space, [c, *shape]."""
        full = step_cd.new_zeros(step_cd.shape[0], math.prod(self.shape))
        full[:, self.free.to(step_cd.device)] = step_cd
        return full.reshape(-1, *self.shape)

    def restrict(self, code: Tensor) -> Tensor:
        """The free coordinates [c, d] of codes or gradients [c, *shape]; the transpose of `embed`."""
        return code.flatten(1)[:, self.free.to(code.device)]

    def basis(self, start: int, stop: int, like: Tensor) -> Tensor:
        """Unit steps start .. stop - 1, [stop - start, d]."""
        rows = torch.zeros(stop - start, self.dim, dtype=like.dtype, device=like.device)
        rows[torch.arange(stop - start), torch.arange(start, stop)] = 1
        return rows


def default_space(generator: Generator) -> str:
    """w where a mapping network made it, z where w is hardly more than z."""
    return "w" if generator.spec.can_truncate else "z"


def choose(
    generator: Generator, space: str | None = None, layers: tuple[int, ...] | None = None, part: str = "all"
) -> Variable:
    """The variable that a user asks for.

    Args:
        space: of SPACES; None is `default_space`.
        layers: rows of wp; None is all.
        part: of PARTS.

    Raises:
        UsageError: the generator has no such space, rows where there are none to choose, or no such coordinates.
    """
    spec = generator.spec
    name = space or default_space(generator)
    if name not in SPACES or (name != "class" and name not in spec.spaces):
        known = ", ".join(each for each in SPACES if each in spec.spaces or each == "class")
        raise UsageError(f"A {spec.family} has no space {name!r} to differentiate in: give {known}.")
    if part not in PARTS:
        raise UsageError(f"The part {part!r} of a code is none of {', '.join(PARTS)}.")
    if name == "class":
        name, part = "w", "class"
    every = tuple(range(spec.num_layers))
    rows = every if layers is None else layers
    if name == "z":
        if rows != every:
            raise UsageError("z feeds every row of wp, so --layers cannot be chosen for it: take --space w or wp.")
        if part == "class":
            raise UsageError("z has no part that says the class: take --space class.")
        return Variable("z", every, (spec.z_dim,), torch.arange(spec.z_dim))
    if name == "w":
        if rows != every and spec.wp_dim != spec.w_dim:
            raise UsageError(
                f"Rows of this {spec.family} hold chunks of z, so one w cannot move some of them: take --space wp."
            )
        mask = torch.ones(spec.w_dim, dtype=torch.bool) if part == "all" else _part(generator, part)[0]
        return Variable("w", rows, (spec.w_dim,), mask.nonzero().flatten(), part == "all")
    chosen = torch.zeros(spec.num_layers, spec.wp_dim, dtype=torch.bool)
    chosen[list(rows)] = True
    if part != "all":
        chosen &= _part(generator, part)[1]
    return Variable("wp", rows, (spec.num_layers, spec.wp_dim), chosen.flatten().nonzero().flatten(), part == "all")


def _part(generator: Generator, part: str) -> tuple[Tensor, Tensor]:
    """Which coordinates of w [D] and of wp [L, D] z moves ("z"), or only the class ("class"): by trying."""
    spec = generator.spec
    label = torch.zeros(1, dtype=torch.int64, device=generator.device) if spec.label_dim else None
    with torch.no_grad():
        codes = [generator.map(generator.sample_z(1, seed=seed), label) for seed in range(2)]
        rows = [generator.expand(w_ND) for w_ND in codes]
    moved_D, moved_LD = (codes[0] != codes[1])[0].cpu(), (rows[0] != rows[1])[0].cpu()
    if bool(moved_D.all()):
        raise UsageError(
            f"No coordinate of w of this {spec.family} says the class alone, so there is no part {part!r}: "
            "leave --part out, or take another --space."
        )
    return (moved_D, moved_LD) if part == "z" else (~moved_D, ~moved_LD)


class CodeMap:
    """How steps in a variable move wp at one code: linear, forwards (`push`) and transposed (`pull`).

    Args:
        z_1Z: the code, for a variable of z.
        label: of a conditional network.
        truncation: as the code's wp went through.
    """

    def __init__(
        self,
        generator: Generator,
        variable: Variable,
        truncation: Truncation | None,
        z_1Z: Tensor | None = None,
        label: Tensor | None = None,
    ) -> None:
        load_decompositions()
        self.generator, self.variable, self.truncation = generator, variable, truncation
        if variable.space == "z" and z_1Z is None:
            raise UsageError("These codes are not of z, so z is not known: take --space w or wp, or draw codes of z.")
        self._z, self._label = z_1Z, label
        mask = torch.zeros(generator.spec.num_layers, 1, device=generator.device, dtype=generator.dtype)
        mask[list(variable.layers)] = 1
        self._mask_L1 = mask

    def push(self, step_cd: Tensor) -> Tensor:
        """Steps [c, d] to what they move wp by, [c, L, D]."""
        step = self.variable.embed(step_cd)
        if self.variable.space == "wp":
            return step
        function, point = self._function()
        moved: Tensor = vmap(lambda v: jvp(function, (point,), (v[None],))[1][0])(step)
        return moved * self._mask_L1

    def pull(self, cotangent_cLD: Tensor) -> Tensor:
        """The transpose: gradients in wp [c, L, D] to gradients in the free coordinates, [c, d]."""
        if self.variable.space == "wp":
            return self.variable.restrict(cotangent_cLD)
        function, point = self._function()
        transposed = vjp(function, point)[1]
        moved: Tensor = vmap(lambda v: transposed(v[None])[0][0])(cotangent_cLD * self._mask_L1)
        return self.variable.restrict(moved)

    def _function(self):  # type: ignore[no-untyped-def]
        if self.variable.space == "z":
            return (lambda z: self.generator.expand(self.generator.map(z, self._label), self.truncation)), self._z
        # `expand` is affine: its derivative is the same everywhere, also where wp never was a w
        zero = torch.zeros(1, self.generator.spec.w_dim, device=self.generator.device, dtype=self.generator.dtype)
        return (lambda w: self.generator.expand(w, self.truncation)), zero
