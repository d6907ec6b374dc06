"""The files of weight directions: gantk's safetensors, and the three kinds that the released program writes.

    eigenvectors_layer3_car.pt      a bare tensor (K, 1, O, I, 3, 3), unit vectors, without eigenvalues
    checkpoint.pt                   learned coefficients among the generator's weights; hessian ones need their basis
    nose_size.pt                    {'layer_ix', 'shift'}: one annotated edit, as long as its author recommends

Nothing in a file is executed. Layers are those of a StyleGAN2 by NaviGAN's own numbering, orientation and units are
gantk's.

Shape legend: K vectors, D directions, R vectors of the basis, O/I channels, X x Y the kernel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators.arguments import checked
from gantk.navigan.bases import Basis, SvdBasis, VectorBasis
from gantk.navigan.directions import WeightDirections
from gantk.navigan.kept import FORMAT, TITLE, VERSION, read_kept
from gantk.navigan.target import released_index, released_layer, spelled_layer
from gantk.store.files import write_atomic
from gantk.store.inside import regular_file
from gantk.store.tensors import header_of

COEFFICIENTS, SPECTRUM = "direction_to_basis_coefs", "direction_to_eigenvalues_delta"
_CONV = re.compile(r"convs\.(\d+)\.conv\.(\w+)$")
_LAYER = re.compile(r"layer(\d+)")
LENGTH_TOLERANCE = 1e-3


def save(path: str | Path, directions: WeightDirections) -> Path:
    """Write gantk's own format; the same directions always give the same bytes."""
    from safetensors.torch import save as serialize

    tensors = dict(directions.basis.tensors())
    if directions.coefficients is not None:
        tensors["coefficients"] = directions.coefficients
    fields: dict[str, object] = {
        "name": directions.name,
        "kind": directions.kind,
        "layer": directions.layer,
        "scales": None if directions.scales is None else list(directions.scales),
        "identity": dict(directions.identity),
        "meta": dict(directions.meta),
    }
    if isinstance(directions.basis, SvdBasis):
        fields["kernel"] = list(directions.basis.kernel)
    data = {key: value.detach().float().cpu().contiguous() for key, value in tensors.items()}
    return write_atomic(path, serialize(data, metadata=header_of(FORMAT, VERSION, fields)))


@checked
def load_weights(name: str | Path, conv: str | None = None, basis: WeightDirections | None = None) -> WeightDirections:
    """Weight directions of any of the kinds above, by the name of a file, or of one that ships with gantk.

    Args:
        conv: the layer of a released file that does not say it, by name or as released:3 in NaviGAN's numbering.
        basis: the eigenvectors that a released checkpoint of learned coefficients refers to.

    Raises:
        GantkError: there is no such file, or it is damaged or something else.
        UsageError: a released file lacks what only the user can say.
    """
    from gantk.checkpoints.native import read_header
    from gantk.checkpoints.safetensors_header import is_safetensors
    from gantk.store.files import open_bytes
    from gantk.store.shipped import find_shipped

    path = Path(name)
    if not path.suffix and not path.exists():
        path = find_shipped("directions", str(name), (".safetensors",))
    if not regular_file(path).is_file():
        raise GantkError(f"The file of weight directions {path} does not exist.")
    if is_safetensors(open_bytes(path)):
        read_header(path, FORMAT, TITLE)
        return read_kept(path).live()
    return _load_released(path, None if conv is None else spelled_layer(conv), basis)


# --- released formats ------------------------------------------------------------------------------------------------


def _load_released(path: Path, layer: str | None, basis: WeightDirections | None) -> WeightDirections:
    from gantk.checkpoints.checkpoint import as_tensor
    from gantk.checkpoints.stored_tensors import Stored
    from gantk.checkpoints.unpickle import read_pickle

    container = read_pickle(path)
    value = container.value
    if isinstance(value, Stored):
        return _eigenvectors(path, as_tensor(container.source, "the tensor", value), layer)
    if isinstance(value, Mapping) and {"layer_ix", "shift"} <= set(value):
        return _deformation(path, value["layer_ix"], as_tensor(container.source, "shift", value["shift"]))
    if isinstance(value, Mapping) and isinstance(value.get("generator"), Mapping):
        found = {key: entry for key, entry in value["generator"].items() if _CONV.search(str(key))}
        named = {_CONV.search(key)[2]: key for key in found}  # type: ignore[index]
        if COEFFICIENTS in named or SPECTRUM in named:
            tensors = {name: as_tensor(container.source, key, found[key]) for name, key in named.items()
                       if name in (COEFFICIENTS, SPECTRUM, "u", "vh", "weight")}  # fmt: skip
            key = named.get(COEFFICIENTS) or named[SPECTRUM]
            return _learned(path, int(_CONV.search(key)[1]), tensors, basis)  # type: ignore[index]
    raise GantkError(
        f"{path} holds neither eigenvectors (a tensor), an annotated deformation (layer_ix and shift) nor a NaviGAN "
        "checkpoint with learned directions."
    )


def _spatial(path: Path, tensor: Tensor) -> Tensor:
    if tensor.ndim != 6 or not tensor.is_floating_point():
        raise GantkError(f"{path} holds a tensor {list(tensor.shape)}, where [K, 1, O, I, 3, 3] was expected.")
    if not torch.isfinite(tensor).all():
        raise GantkError(f"{path} holds numbers that are not finite.")
    return tensor.float()


def _eigenvectors(path: Path, tensor: Tensor, layer: str | None) -> WeightDirections:
    vectors = _spatial(path, tensor)[:, 0]
    norms = vectors.flatten(1).norm(dim=1)
    if len(vectors) == 0 or (norms - 1).abs().max() > LENGTH_TOLERANCE:
        raise GantkError(f"{path} holds vectors that are not of length one, so they are no eigenvectors of NaviGAN's.")
    match = _LAYER.search(path.stem)
    if layer is None and match is None:
        raise UsageError(f"{path} does not say which layer it belongs to: give --conv.")
    found = layer if layer is not None else released_layer(int(match[1]))  # type: ignore[index]
    return WeightDirections(path.stem, "hessian", found, VectorBasis(vectors), meta={"source": path.name})


def _deformation(path: Path, index: int | Tensor, shift: Tensor) -> WeightDirections:
    delta = _spatial(path, shift)[0, 0]
    scale = float(delta.norm())
    if not scale > 0:
        raise GantkError(f"{path} holds a deformation of length zero.")
    vectors = (delta / delta.norm())[None]
    return WeightDirections(
        path.stem, "fixed", released_layer(int(index)), VectorBasis(vectors), None, (scale,), {}, {"source": path.name}
    )


def _learned(path: Path, index: int, tensors: Mapping[str, Tensor], basis: WeightDirections | None) -> WeightDirections:
    layer, meta = released_layer(index), {"source": path.name}
    if SPECTRUM in tensors:
        if not {"u", "vh"} <= set(tensors):
            raise GantkError(f"{path} has learned spectra and not the singular vectors (u, vh) they belong to.")
        inputs = tensors["u"].shape[0] // 9
        if inputs * 9 != tensors["u"].shape[0]:
            raise GantkError(f"{path} holds singular vectors of {tensors['u'].shape[0]} rows, no 3 x 3 convolution's.")
        found: Basis = SvdBasis(tensors["u"].float(), tensors["vh"].float(), (3, 3))
        return WeightDirections(path.stem, "svd_rectification", layer, found, tensors[SPECTRUM].float(), meta=meta)
    if basis is None:
        raise UsageError(f"{path} has learned combinations of eigenvectors: give their file too, with --basis.")
    if basis.layer != layer:
        raise GantkError(f"{path} belongs to layer {layer} and the basis {basis.name} to {basis.layer}.")
    coefficients = tensors[COEFFICIENTS].float()
    return WeightDirections(
        path.stem, "hessian_rectification", layer, basis.basis, coefficients, None, basis.identity, meta
    )


def save_eigenvectors(path: str | Path, directions: WeightDirections) -> Path:
    """Write what the released program reads as `eigenvectors_path`: (K, 1, O, I, 3, 3) and nothing else.

    Raises:
        UsageError: its numbering of layers does not reach this one.
    """
    released_index(directions.layer)
    stacked = torch.stack([directions.delta(row) for row in range(len(directions))])
    return _save_torch(path, stacked[:, None].float().contiguous())


def save_deformation(path: str | Path, directions: WeightDirections, row: int, strength: float) -> Path:
    """Write one edit as the released program's `save_deformation` does: its length is the strength to go."""
    shift = directions.delta(row).float() * strength
    return _save_torch(path, {"layer_ix": released_index(directions.layer), "shift": shift[None, None].contiguous()})


def save_checkpoint(path: str | Path, directions: WeightDirections) -> Path:
    """Write learned directions under the names of the released `checkpoint.pt`; other weights are not in it.

    Raises:
        UsageError: the directions are not learned.
    """
    if directions.coefficients is None:
        raise UsageError(f"{directions.name} has no learned coefficients: export it as eigenvectors or deformation.")
    prefix = f"style_gan2.convs.{released_index(directions.layer)}.conv."
    coefficients = directions.coefficients.detach().float().contiguous()
    if isinstance(directions.basis, SvdBasis):
        state = {SPECTRUM: coefficients, "u": directions.basis.u.float(), "vh": directions.basis.vh.float()}
    else:
        state = {COEFFICIENTS: coefficients}
    generator = {prefix + name: tensor.cpu() for name, tensor in state.items()}
    return _save_torch(path, {"step": 0, "deformator": {}, "shift_predictor": {}, "generator": generator})


def _save_torch(path: str | Path, value: object) -> Path:
    return write_atomic(path, lambda file: torch.save(value, file))
