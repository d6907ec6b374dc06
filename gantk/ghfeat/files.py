"""Encoders as files: gantk's own (safetensors with a JSON header) and GH-Feat's pickles; and the ones that ship.

The header has `format` ("gantk-encoder"), `version`, `config`, the `probe` of the generator it belongs to, and `meta`:
how it was trained and how well it reconstructs.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from gantk.checkpoints import native
from gantk.checkpoints.ghfeat import SOURCE, read_encoder
from gantk.checkpoints.names import ALIASES, check_sum, weights_folder
from gantk.checkpoints.safetensors_header import is_safetensors
from gantk.errors import GantkError, UsageError, suggestion
from gantk.generators.arguments import described
from gantk.generators.base import Generator
from gantk.generators.probe import Probe, mismatch, probe, probe_of
from gantk.generators.probed import read_probe
from gantk.ghfeat.calibration import style_layout
from gantk.ghfeat.encoder import Encoder, EncoderConfig
from gantk.store.brief import brief
from gantk.store.files import open_bytes
from gantk.store.fingerprint import of_module

FORMAT = "gantk-encoder"
VERSION = 1
ENDING = "-encoder.safetensors"


class HasFile(Protocol):
    """What carries the bytes of an encoder's file: the result of a training."""

    @property
    def file(self) -> npt.NDArray[np.uint8]: ...


@dataclass(frozen=True, repr=False)
class EncoderFile:
    """An encoder, ready for use, and what its file says about it.

    Attributes:
        sha256: of the file; empty where there is none.
    """

    encoder: Encoder
    name: str
    source: str
    probe: Probe | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""

    __repr__ = brief

    def fingerprint(self) -> object:
        """The contents of the file, or the weights."""
        return self.sha256 or of_module(self.encoder)


def encoder_bytes(encoder: Encoder, generator: Generator, meta: Mapping[str, Any], half: bool = False) -> bytes:
    """The file of an encoder with the probe of its generator.

    Args:
        half: store matrices and kernels in float16.
    """
    from safetensors.torch import save

    header = {
        "format": FORMAT,
        "version": VERSION,
        "config": encoder.config.to_dict(),
        "probe": probe_of(generator),
        "meta": dict(meta),
    }
    tensors = {
        name: tensor.detach().cpu().to(torch.float16 if half and tensor.ndim > 1 else tensor.dtype).contiguous()
        for name, tensor in encoder.state_dict().items()
    }
    return save(tensors, {"gantk": json.dumps(header)})


def shipped_encoders() -> dict[str, Path]:
    """Encoders that come with gantk, by the name of their generator."""
    return {path.name.removesuffix(ENDING): path for path in sorted(weights_folder().glob("*" + ENDING))}


def load_encoder(
    name: str | Path | HasFile,
    generator: Generator | None = None,
    force: bool = False,
    device: str | None = None,
    own: bool = False,
) -> EncoderFile:
    """An encoder by file (gantk's, or a GH-Feat pickle), or by the name of the bundled generator it belongs to.

    Args:
        name: the file or the generator's name; or the result of `gantk.ghfeat.train`, which carries a file.
        generator: what its codes are for; compared by widths, and by the probe where there is one.
        force: take it although it was made for another generator (the widths must fit all the same).
        device: default: the generator's, or the CPU.
        own: the generator was read from the same file, so that there is nothing to compare.

    Raises:
        UsageError: there is no such file or name.
        GantkError: damaged, no encoder, or of another generator.
    """
    if not isinstance(name, (str, os.PathLike)):
        if not hasattr(name, "file"):
            raise UsageError(f"name is {described(name)}: give an encoder's file or name, or what trained one.")
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "encoder.safetensors"
            written.write_bytes(name.file.tobytes())
            return load_encoder(written, generator, force, device)
    path = Path(name)
    if not path.is_file():
        shipped = shipped_encoders()
        wanted = ALIASES.get(str(name), str(name))
        if wanted not in shipped:
            raise UsageError(
                f"There is no encoder {str(name)!r}.{suggestion(str(name), [*shipped, *ALIASES])} Give the file of "
                "one, such as `gantk ghfeat train` writes; encoders come with: " + (", ".join(shipped) or "none") + "."
            )
        path = shipped[wanted]
        check_sum(path)
    data = open_bytes(path)
    loaded = _from_native(path) if is_safetensors(data) else _from_pickle(path)
    if generator is not None:
        if own and loaded.probe is None:
            loaded = replace(loaded, probe=probe_of(generator))
        loaded = check_encoder(loaded, generator, force)
    device = device or ("cpu" if generator is None else str(generator.device))
    encoder = loaded.encoder.to(device).to(memory_format=torch.channels_last)
    return replace(loaded, encoder=encoder, name=str(name), sha256=hashlib.sha256(data).hexdigest())


def check_encoder(loaded: EncoderFile, generator: Generator, force: bool = False) -> EncoderFile:
    """Refuse an encoder of another generator.

    Returns:
        The encoder with the probe of its generator, so that the generator beside it in a pickle is read only once.

    Raises:
        GantkError: the styles it writes have other widths, or (unless forced) the probes differ.
    """
    widths, rows = style_layout(generator)
    config = loaded.encoder.config
    if config.widths != widths or config.rows != rows:
        raise GantkError(
            f"the encoder {loaded.name} writes {len(config.widths)} styles of {sum(config.widths)} numbers in all, and "
            f"this {generator.spec.family} of {generator.spec.resolution} pixels takes {len(widths)} of {sum(widths)}: "
            "it belongs to another generator"
        )
    theirs = loaded.probe
    if force:  # from here on it is this generator's
        return replace(loaded, probe=probe_of(generator))
    if theirs is None and loaded.source == SOURCE and generator.source != "constructed":
        from gantk.checkpoints.load import build_generator
        from gantk.checkpoints.reading import read_checkpoint

        theirs = probe(build_generator(read_checkpoint(loaded.name)))
    difference = None if theirs is None else mismatch(theirs, probe_of(generator))
    if difference is not None:
        raise GantkError(
            f"the encoder {loaded.name} was trained for another generator ({difference}): use that one, or --force it"
        )
    return replace(loaded, probe=theirs)


def _from_pickle(path: Path) -> EncoderFile:
    checkpoint = read_encoder(path)
    return EncoderFile(_build(path, checkpoint.config, checkpoint.state), str(path), checkpoint.source)


def _from_native(path: Path) -> EncoderFile:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    header = native.read_header(path, FORMAT, "an encoder")
    try:
        state = {key: tensor.float() for key, tensor in load_file(str(path)).items()}
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise GantkError(f"{path} is damaged: {error}") from error
    config, theirs, meta = header.get("config"), header.get("probe"), header.get("meta", {})
    if not isinstance(config, dict) or not isinstance(theirs, dict) or not isinstance(meta, dict):
        raise GantkError(f"{path} is damaged: its header has no configuration and probe")
    return EncoderFile(_build(path, config, state), str(path), "gantk", read_probe(theirs, str(path)), meta)


# Any: the keywords of `EncoderConfig`, whose constructor checks them
def _build(path: Path, config: Mapping[str, Any], state: dict[str, torch.Tensor]) -> Encoder:
    if max((v for values in config.values() for v in (values if isinstance(values, list | tuple) else [values])
            if isinstance(v, int)), default=0) > 1 << 16:  # fmt: skip
        raise GantkError(f"{path} is damaged: its header claims impossible sizes")
    try:
        with torch.device("meta"):
            encoder = Encoder(EncoderConfig.from_dict(config))
        encoder.load_state_dict(state, assign=True)
    except (TypeError, RuntimeError, ValueError, KeyError) as error:
        first = str(error).strip().splitlines()
        raise GantkError(f"{path} holds no encoder that can be built: {' '.join(first[:2])[:200]}") from error
    return encoder.eval().requires_grad_(False)
