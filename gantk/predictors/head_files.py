"""The files of heads: gantk's safetensors with a JSON header, and LinearGAN's torch files, read and written.

LinearGAN's file is {'arch': {n_class, dims, layers, type, ...}, 'param': state dict}; its layer weights are folded into
the convolutions when it is read, and written as ones ("lw_type": "none").
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.errors import GantkError
from gantk.generators.arguments import checked
from gantk.generators.base import Generator
from gantk.generators.uncompiled import without_memory
from gantk.predictors.head_info import FIELDS, FORMAT, HeadInfo, info_of, palette
from gantk.predictors.head_networks import NETWORKS, LadderNetwork, LinearNetwork, PointwiseNetwork
from gantk.predictors.heads import Head, default_taps, taps_of
from gantk.store.files import write_atomic
from gantk.store.inside import regular_file
from gantk.store.json_values import JsonView
from gantk.store.tensors import header_of, names_format

VERSION = 1


def save_head(path: str | Path, head: Head) -> Path:
    """Write a head; with the suffix .pth as LinearGAN writes it (class names, probe and layer names are lost)."""
    target = Path(path)
    if target.suffix == ".pth":
        return write_linear_gan(target, head)
    from safetensors.torch import save

    fields = {key: getattr(head.info, key) for key in FIELDS}
    state = {key: value.detach().float().cpu().contiguous() for key, value in head.network.state_dict().items()}
    return write_atomic(target, save(state, header_of(FORMAT, VERSION, fields)))


def is_head(path: Path) -> bool:
    """Whether a file is a head of either format, by its first bytes or its suffix."""
    return path.suffix == ".pth" or names_format(path, FORMAT)


@checked
def load_head(path: str | Path, generator: Generator | None = None, force: bool = False) -> Head:
    """A head from its file, on the generator's device when one is given, which is then compared with the head's.

    Raises:
        GantkError: the file is absent, damaged or no head, or the head is for another generator.
    """
    source = Path(path)
    if not regular_file(source).is_file():
        raise GantkError(f"The head {source} does not exist: give a file that `gantk lse train` wrote.")
    head = _read_linear_gan(source, generator) if source.suffix == ".pth" else _read_native(source)
    return head if generator is None else head.bind(generator, force)


def _read_native(path: Path) -> Head:
    from safetensors import SafetensorError
    from safetensors.torch import load

    from gantk.checkpoints.native import read_header

    header = read_header(path, FORMAT, "a head")
    try:
        state = load(path.read_bytes())
    except (SafetensorError, ValueError, OSError) as error:
        raise GantkError(f"{path} is no readable head file ({error}).") from error
    return _filled(info_of(header, path), state, path)


def _filled(info: HeadInfo, state: Mapping[str, Tensor], path: Path) -> Head:
    with without_memory():  # whatever sizes a header claims, nothing of them is allocated
        network = NETWORKS[info.kind](info.channels, info.classes, info.align_corners)
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in state.items()}
    if wanted != found:
        wrong = sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))
        raise GantkError(
            f"{path} does not fit a {info.kind} of {info.classes} classes: {wrong[0]} is {found.get(wrong[0])} where "
            f"{wanted.get(wrong[0])} was expected."
        )
    if not all(bool(torch.isfinite(value).all()) for value in state.values()):
        raise GantkError(f"{path} holds weights that are not finite: train the head again.")
    network.load_state_dict({key: value.float() for key, value in state.items()}, assign=True)
    return Head(info, network)


# --- LinearGAN -------------------------------------------------------------------------------------------------------


def layer_weights(layer_weight_L: Tensor, kind: str) -> Tensor:
    """LinearGAN's weights of layers: softplus or sigmoid over their sum, or ones."""
    if kind == "none":
        return torch.ones_like(layer_weight_L)
    if kind not in ("softplus", "sigmoid"):
        raise GantkError(f"The layer weights are of type {kind!r}: LinearGAN has softplus, sigmoid and none.")
    raw = F.softplus(layer_weight_L) if kind == "softplus" else torch.sigmoid(layer_weight_L)
    return raw / raw.sum()


def _read_linear_gan(path: Path, generator: Generator | None) -> Head:
    from gantk.checkpoints.checkpoint import as_tensor
    from gantk.checkpoints.unpickle import read_pickle

    container = read_pickle(path)
    value = container.value
    if not isinstance(value, dict) or not {"arch", "param"} <= value.keys():
        raise GantkError(f"{path} is no head of LinearGAN: it has no 'arch' and 'param' in it.")
    arch = value["arch"]
    if not isinstance(value["param"], Mapping):
        raise GantkError(f"{path} is no head of LinearGAN: its 'param' is no state dict.")
    state = {str(key): as_tensor(container.source, str(key), part) for key, part in value["param"].items()}
    try:
        kind, classes = str(arch.get("type") or _kind_of(state)), int(arch["n_class"])
        channels, layers = tuple(map(int, arch["dims"])), tuple(map(int, arch["layers"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GantkError(f"The description in {path} is damaged ({error!r}).") from error
    if kind not in NETWORKS:
        raise GantkError(f"{path} holds a head of type {kind!r}: LSE, NSE-1 and NSE-2 are read.")
    if generator is None:
        raise GantkError(f"{path} is a head of LinearGAN, which does not name its maps: give the generator too.")
    taps = _taps_by_channels(generator, channels, layers, path)
    names = tuple(f"class_{index}" for index in range(classes))
    info = HeadInfo(
        kind, names, palette(classes), taps, channels, generator.spec.resolution, True, path.stem, None,
        {"source": "LinearGAN", "layer_weights": str(arch.get("lw_type", "softplus"))},
    )  # fmt: skip
    scale_L = torch.ones(len(channels))
    if "layer_weight" in state:
        scale_L = layer_weights(state.pop("layer_weight").float(), str(arch.get("lw_type", "softplus")))
    renamed = _from_linear_gan(kind, state, len(channels), scale_L, path)
    head = _filled(info, renamed, path)
    if isinstance(head.network, PointwiseNetwork):
        head.network.fold(scale_L)
    return head


def _kind_of(state: Mapping[str, Tensor]) -> str:
    """Old NSE-2 files do not say what they are."""
    if any(key.startswith("visualizer") for key in state):
        return "NSE-2"
    return "NSE-1" if "extractor.0.0.weight" in state else "LSE"


def _taps_by_channels(
    generator: Generator, channels: tuple[int, ...], layers: tuple[int, ...], path: Path
) -> tuple[str, ...]:
    """LinearGAN numbers the maps it reads: every convolution of a StyleGAN2, the last of a resolution elsewhere."""
    for which in ("all", "last"):
        every = default_taps(generator, which)
        if 0 < len(layers) == len(channels) and max(layers) < len(every):
            taps = tuple(every[index] for index in layers)
            if taps_of(generator, taps) == channels:
                return taps
    raise GantkError(
        f"{path} reads maps {list(layers)} of {list(channels)} channels, which this {generator.spec.family} of "
        f"{generator.spec.resolution} pixels does not have: it belongs to another generator."
    )


def _from_linear_gan(kind: str, state: dict[str, Tensor], count: int, scale_L: Tensor, path: Path) -> dict[str, Tensor]:
    """Every source key is used once, every target key filled (the caller compares)."""
    if kind == "LSE":
        try:
            parts = [scale_L[i] * state.pop(f"extractor.{i}.weight").float().flatten(1) for i in range(count)]
        except KeyError as error:
            raise GantkError(f"{path} lacks {error.args[0]}.") from error
        bias = sum(scale_L[i] * state.pop(f"extractor.{i}.bias", torch.zeros(len(parts[0]))) for i in range(count))
        return {"weight_KD": torch.cat(parts, 1), "bias_K": torch.as_tensor(bias), **state}
    table = {"extractor": "branches"} if kind == "NSE-1" else {"extractor": "entries", "reviser": "steps"}
    renamed = {}
    for key, value in state.items():
        head, _, rest = key.partition(".")
        if kind == "NSE-2":
            # their blocks are sequences of a convolution and a ReLU; the first map has no step before it
            parts_of = rest.split(".")
            rest = rest if head == "visualizer" else ".".join([parts_of[0], parts_of[-1]])
            rest = rest.split(".")[-1] if head == "visualizer" else rest
            head = {"visualizer": "last", **table}.get(head, head)
        else:
            head = table.get(head, head)
        renamed[f"{head}.{rest}"] = value
    if kind == "NSE-2":
        renamed = _shift_steps(renamed, count)
    return renamed


def _shift_steps(state: dict[str, Tensor], count: int) -> dict[str, Tensor]:
    """The revisers are counted from 0 or from 1, depending on whether the first map has an unused place."""
    places = {int(key.split(".")[1]) for key in state if key.startswith("steps.")}
    if places and max(places) == count - 1:
        return {
            (f"steps.{int(key.split('.')[1]) - 1}.{key.split('.')[2]}" if key.startswith("steps.") else key): value
            for key, value in state.items()
        }
    return state


def write_linear_gan(path: Path, head: Head) -> Path:
    """Write a head as LinearGAN's programs read it; its maps become their numbers in order."""
    info, network = head.info, head.network
    count = len(info.channels)
    arch: dict[str, JsonView] = {
        "n_class": info.classes,
        "dims": list(info.channels),
        "layers": list(range(count)),
        "type": info.kind,
    }
    param: dict[str, Tensor] = {}
    if isinstance(network, LinearNetwork):
        biased = bool(network.bias_K.any())
        arch |= {"lw_type": "none", "use_bias": biased}
        for i, part in enumerate(network.weight_KD.split(info.channels, 1)):
            param[f"extractor.{i}.weight"] = part[:, :, None, None].clone()
            if biased:  # all of it on the first map
                param[f"extractor.{i}.bias"] = network.bias_K.clone() if i == 0 else torch.zeros_like(network.bias_K)
        param["layer_weight"] = torch.ones(count)
    elif isinstance(network, PointwiseNetwork):
        arch |= {"lw_type": "none", "use_bias": True, "ksize": 1, "n_layers": 3}
        param = {key.replace("branches.", "extractor."): value for key, value in network.state_dict().items()}
        param["layer_weight"] = torch.ones(count)
    elif isinstance(network, LadderNetwork):
        arch |= {"ksize": 3}
        for key, value in network.state_dict().items():
            words = key.split(".")
            name = {"entries": "extractor", "steps": "reviser", "last": "visualizer"}[words[0]]
            param[".".join([name, *words[1:-1], *(["0"] if words[0] != "last" else []), words[-1]])] = value
    buffer = io.BytesIO()
    state = {key: value.detach().cpu().contiguous() for key, value in param.items()}
    torch.save({"arch": arch, "param": state}, buffer)
    return write_atomic(path, buffer.getvalue())
