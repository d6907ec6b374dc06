"""Small checkpoints in every container, written here as the original programs write them, for tests of the readers."""

from __future__ import annotations

import io
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from gantk.checkpoints import genforce, nvidia, tensorflow
from gantk.checkpoints.checkpoint import Checkpoint
from gantk.checkpoints.export import INVERSE, export_state
from gantk.checkpoints.stylegan2 import DEFAULT_TAPS, table
from gantk.generators.stylegan2 import StyleGAN2, StyleGAN2Config

SMALL: dict[str, Any] = {
    "resolution": 16, "channels": (6, 5, 4), "z_dim": 8, "w_dim": 7, "mapping_layers": 2, "mapping_width": 9,
}  # fmt: skip


def small_checkpoint(**changes: Any) -> Checkpoint:
    """A StyleGAN2 of a few kilobytes with random weights and a mean code."""
    torch.manual_seed(0)
    config = StyleGAN2Config.from_dict({**SMALL, **changes})
    generator = StyleGAN2(config)
    state = {name: torch.randn_like(tensor) for name, tensor in generator.state_dict().items()}
    return Checkpoint("stylegan2", config.to_dict(), state, "test")


def torch_file(value: Any, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def rosinality_file(zipped: bool = True, **changes: Any) -> bytes:
    square = {"z_dim": 8, "w_dim": 8, "mapping_width": 8}
    return torch_file(export_state(small_checkpoint(**square, **changes), "rosinality"), zipped)


def source_state(spelling: Any, checkpoint: Checkpoint, rule: str = "none") -> dict[str, torch.Tensor]:
    """A checkpoint's tensors under another program's names."""
    config = checkpoint.config
    levels = len(config["channels"])
    skip = config["architecture"] == "skip"
    images = range(levels) if skip else [levels - 1]
    shortcuts = range(1, levels) if config["architecture"] == "resnet" else []
    rows = table(spelling, levels, config["mapping_layers"], rule, images, shortcuts, noisy=True)
    return {row.source: INVERSE[row.change](checkpoint.state[row.target]).contiguous() for row in rows}


def hammer_file(kwargs: dict[str, Any] | None = None, **changes: Any) -> bytes:
    checkpoint = small_checkpoint(**changes)
    state = source_state(genforce.HAMMER, checkpoint)
    line = torch.tensor(DEFAULT_TAPS)
    state["synthesis.filter"] = torch.outer(line, line)
    settings = {"resolution": 16, "z_dim": 8, **(kwargs or {})}
    return torch_file({"models": {"generator_smooth": state}, "model_kwargs_init": {"generator_smooth": settings}})


class _Modules:
    """Make classes importable under foreign names while pickling."""

    def __init__(self, **classes: Any) -> None:
        self.made: dict[str, types.ModuleType] = {}
        for path, thing in classes.items():
            module, _, name = path.replace("__", ".").rpartition(".")
            thing.__module__, thing.__qualname__, thing.__name__ = module, name, name
            self.made.setdefault(module, types.ModuleType(module)).__dict__[name] = thing

    def __enter__(self) -> None:
        parents = {}
        for module in self.made:
            parts = module.split(".")
            for count in range(1, len(parts)):
                parents[".".join(parts[:count])] = types.ModuleType(".".join(parts[:count]))
        self.before = {name: sys.modules.get(name) for name in {**parents, **self.made}}
        sys.modules.update({**parents, **self.made})

    def __exit__(self, *_: object) -> None:
        for name, module in self.before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def tensorflow_file(
    kwargs: dict[str, Any] | None = None, extra: dict[str, Any] | None = None, version: int = 4, **changes: Any
) -> bytes:
    """(G, D, Gs) of NVIDIA's StyleGAN2 in TensorFlow; version 5 is stylegan2-ada's."""
    checkpoint = small_checkpoint(**changes)
    rule = checkpoint.config["label_rule"]
    everything = {
        name: np.float32(tensor) if tensor.ndim == 0 else tensor.numpy()
        for name, tensor in source_state(tensorflow.SPELLING, checkpoint, rule).items()
    }
    everything |= ({"lod": np.float32(0)} if version == 4 else {}) | (extra or {})

    class Network:
        pass

    def network(prefix: str, function: str, components: dict[str, Any]) -> Network:
        made = Network()
        inside = [(name, value) for name, value in everything.items() if name.startswith(prefix)]
        own = [item for item in inside if prefix or "/" not in item[0]]
        made.__dict__.update(
            version=version,
            name=function,
            static_kwargs={"resolution": 16, "label_size": checkpoint.config["label_dim"], **(kwargs or {})},
            components=components,
            build_module_src="raise SystemExit('the source in a pickle was executed')",
            build_func_name=function,
            variables=[(name.removeprefix(prefix), value) for name, value in own],
        )
        return made

    with _Modules(dnnlib__tflib__network__Network=Network):
        parts = {
            "synthesis": network("synthesis/", "G_synthesis_stylegan2" if version == 4 else "G_synthesis", {}),
            "mapping": network("mapping/", "G_mapping", {}),
        }
        networks = [network("", "G_main", parts) for _ in range(3)]
        return pickle.dumps(tuple(networks), protocol=4)


def nvidia_file(protocol: int = 4, attributes: dict[str, dict[str, Any]] | None = None, **changes: Any) -> bytes:
    """G, D and G_ema as stylegan2-ada-pytorch pickles them; `attributes` changes those of modules by path."""
    checkpoint = small_checkpoint(**changes)
    tensors = source_state(nvidia.SPELLING, checkpoint, checkpoint.config["label_rule"])
    line = torch.tensor(DEFAULT_TAPS)
    tensors["synthesis.b8.conv0.resample_filter"] = torch.outer(line, line)

    def more(path: str) -> dict[str, Any]:
        return {**default_attributes(path, checkpoint.config), **(attributes or {}).get(path, {})}

    with _persistent(tensors, "Generator", {}, more) as network:
        return pickle.dumps({"training_set_kwargs": None, "G": network(), "D": None, "G_ema": network()}, protocol)


def persistent_file(tensors: dict[str, torch.Tensor], name: str, alien: type, place: str | None = None) -> bytes:
    """G and G_ema of a class `name` as NVIDIA's persistence pickles them, D and the module at `place` as `alien`s."""
    with _persistent(tensors, name, {} if place is None else {place: alien()}, lambda path: {}) as network:
        return pickle.dumps({"G": network(), "D": alien(), "G_ema": network()}, protocol=4)


@contextmanager
def _persistent(
    tensors: dict[str, torch.Tensor], name: str, others: dict[str, object], more: Callable[[str], dict[str, Any]]
) -> Iterator[Callable[[], object]]:
    """What makes networks that pickle themselves as NVIDIA's persistence does.

    Args:
        others: modules by path that pickle themselves in another way.
        more: the attributes of the module at a path, beside its tensors.
    """

    def _reconstruct_persistent_obj(meta: dict[str, Any]) -> None:
        raise AssertionError("the loader of a pickle was called")

    class Persistent:
        def __init__(self, path: str = "") -> None:
            self.path = path

        def part(self, name: str) -> object:
            path = f"{self.path}.{name}" if self.path else name
            return others[path] if path in others else Persistent(path)

        def __reduce__(self) -> Any:
            prefix = f"{self.path}." if self.path else ""
            inside = [key.removeprefix(prefix) for key in [*tensors, *others] if key.startswith(prefix)]
            own = [key for key in inside if prefix + key in tensors and "." not in key]
            parts = OrderedDict.fromkeys(key.split(".")[0] for key in inside if key not in own)
            state = {
                "_parameters": {key: torch.nn.Parameter(tensors[prefix + key]) for key in own},
                "_buffers": OrderedDict(),
                "_modules": {key: self.part(key) for key in parts},
                **more(self.path),
            }
            meta = {
                "type": "class", "version": 6, "class_name": "Layer" if self.path else name, "state": state,
                "module_src": "raise SystemExit('the source in a pickle was executed')",
            }  # fmt: skip
            return _reconstruct_persistent_obj, (meta,)

    with _Modules(torch_utils__persistence___reconstruct_persistent_obj=_reconstruct_persistent_obj):
        yield Persistent


def default_attributes(path: str, config: dict[str, Any]) -> dict[str, Any]:
    """What NVIDIA's modules keep beside their tensors."""
    last = path.rpartition(".")[2]
    if path.startswith("mapping.fc"):
        return {"activation": "lrelu", "bias_gain": config["mapping_lr"]}
    if last in ("conv0", "conv1"):
        return {"activation": "lrelu", "conv_clamp": config["conv_clamp"], "act_gain": np.sqrt(2)}
    if last == "torgb":
        return {"conv_clamp": config["conv_clamp"]}
    if last.startswith("b") and last[1:].isdigit():
        return {"architecture": config["architecture"], "use_fp16": int(last[1:]) > 8}
    return {}


CONTAINERS = {
    "torch zip": rosinality_file,
    "torch stream": lambda: rosinality_file(zipped=False),
    "NVIDIA pickle, protocol 3": lambda: nvidia_file(protocol=3),
    "NVIDIA pickle, protocol 4": nvidia_file,
    "TensorFlow pickle": tensorflow_file,
}
"""One small valid file per container."""
