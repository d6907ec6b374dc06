"""Weight directions as results and files hold them: numpy arrays, so that a page needs no torch.

Shape legend: K vectors, D directions, R vectors of the basis, O/I channels, X x Y the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, StoreError
from gantk.runs.results import record
from gantk.store.files import to_table
from gantk.store.json_values import numbers, shown, table, text, wholes
from gantk.store.tensors import open_tensors

if TYPE_CHECKING:
    from gantk.navigan.directions import WeightDirections

FORMAT, VERSION, TITLE = "gantk-weight-directions", 1, "a file of weight directions"
Array = npt.NDArray[np.float32]


@record
class KeptWeights:
    """`gantk.navigan.directions.WeightDirections` without torch.

    Attributes:
        vectors: [K, O, I, X, Y]; None for singular vectors, which are kept as factors.
        u, vh, kernel: [X Y I, R], [R, O] and (X, Y) of singular vectors.
        coefficients: [D, R] of combinations; None where each vector of the basis is a direction.
        scales: a recommended strength for each direction; None where nobody measured one.
        identity: the weight that they were found for, compared as a whole.
        meta: how they came about, for cards.
    """

    name: str
    kind: str
    layer: str
    vectors: Array | None = None
    u: Array | None = None
    vh: Array | None = None
    kernel: tuple[int, int] | None = None
    coefficients: Array | None = None
    scales: tuple[float, ...] | None = None
    identity: Mapping[str, Any]
    meta: Mapping[str, Any]

    def __len__(self) -> int:
        tensor = next(part for part in (self.coefficients, self.vectors, self.vh) if part is not None)
        return len(tensor)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the weight, [O, I, X, Y]."""
        if self.vectors is not None:
            return tuple(self.vectors.shape[1:])
        assert self.u is not None and self.vh is not None and self.kernel is not None
        x, y = self.kernel
        return (self.vh.shape[1], self.u.shape[0] // (x * y), x, y)

    def live(self) -> WeightDirections:
        """The directions as torch works with them."""
        import torch

        from gantk.navigan.bases import Basis, SvdBasis, VectorBasis
        from gantk.navigan.directions import WeightDirections

        def tensor(array: Array) -> torch.Tensor:
            return torch.from_numpy(np.array(array, np.float32))

        basis: Basis
        if self.vectors is not None:
            basis = VectorBasis(tensor(self.vectors))
        else:
            assert self.u is not None and self.vh is not None and self.kernel is not None
            basis = SvdBasis(tensor(self.u), tensor(self.vh), self.kernel)
        coefficients = None if self.coefficients is None else tensor(self.coefficients)
        return WeightDirections(
            self.name, self.kind, self.layer, basis, coefficients, self.scales, self.identity, self.meta
        )

    def save(self, path: Path) -> Path:
        """Write gantk's own format; see files.py."""
        from gantk.navigan.files import save

        return save(path, self.live())


def keep(directions: WeightDirections, vectors: Array | None = None) -> KeptWeights:
    """Weight directions as a result holds them.

    Args:
        vectors: those of the basis, where they are an array of the run that need not be written again.
    """
    parts = {name: part.detach().float().cpu().numpy() for name, part in directions.basis.tensors().items()}
    combined = directions.coefficients
    return KeptWeights(
        name=directions.name,
        kind=directions.kind,
        layer=directions.layer,
        vectors=parts.get("vectors") if vectors is None else vectors,
        u=parts.get("u"),
        vh=parts.get("vh"),
        kernel=getattr(directions.basis, "kernel", None),
        coefficients=None if combined is None else combined.detach().float().cpu().numpy(),
        scales=directions.scales,
        identity=to_table(directions.identity),
        meta=to_table(directions.meta),
    )


def read_kept(path: Path) -> KeptWeights:
    """Read gantk's own file of weight directions, without torch.

    Raises:
        GantkError: it is damaged, of another kind, or holds numbers that are not finite.
    """
    with open_tensors(path, "file of weight directions") as (header, file):
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    try:
        form, version = header["format"], header["version"]
        if form != FORMAT or version != VERSION:
            raise ValueError(f"{shown(form)} of version {shown(version)}, and {FORMAT} of version {VERSION} is read")
        if "vectors" not in arrays and not {"u", "vh"} <= arrays.keys():
            raise KeyError("vectors")
        kernel, scales = header.get("kernel"), header["scales"]
        size = None if kernel is None else wholes(kernel, "kernel")
        found = KeptWeights(
            name=text(header["name"], "name"),
            kind=text(header["kind"], "kind"),
            layer=text(header["layer"], "layer"),
            vectors=arrays.get("vectors"),
            u=arrays.get("u"),
            vh=arrays.get("vh"),
            kernel=None if size is None else (size[0], size[1]),
            coefficients=arrays.get("coefficients"),
            scales=None if scales is None else numbers(scales, "scales"),
            identity=table(header["identity"], "identity"),
            meta=table(header["meta"], "meta"),
        )
        if len(found.shape) != 4:  # factors without their kernel are damage, and raise
            raise ValueError(f"a weight of shape {found.shape}")
    except (AssertionError, LookupError, TypeError, ValueError, GantkError) as error:
        raise StoreError(f"{path} is a damaged file of weight directions ({error}).") from error
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise StoreError(f"{path} holds numbers that are not finite.")
    return found
