"""Files of predictors from few labels: safetensors with a JSON header; nothing in them is ever run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from gantk.errors import GantkError
from gantk.generators.base import Generator
from gantk.generators.probed import read_probe
from gantk.predictors.few_labels import FewLabels, FewLabelsInfo
from gantk.predictors.linear_probe import read_card
from gantk.store.files import write_atomic
from gantk.store.json_values import items, table
from gantk.store.tensors import header_of

FORMAT = "gantk-few-labels"
VERSION = 1


def write_few_labels(
    path: str | Path, info: FewLabelsInfo, weight_AD: npt.NDArray[np.float32], bias_A: npt.NDArray[np.float32]
) -> Path:
    """Write a predictor: what it reads with its cards, and its weights."""
    from safetensors.numpy import save

    state = {"weight_AD": weight_AD, "bias_A": bias_A}
    plain = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in state.items()}
    return write_atomic(path, save(plain, header_of(FORMAT, VERSION, asdict(info))))


def load_few_labels(path: str | Path, generator: Generator | None = None, force: bool = False) -> FewLabels:
    """A predictor from its file, bound to a generator where one is given and it reads that one's maps.

    Raises:
        GantkError: absent, damaged, or for another generator.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    from gantk.checkpoints.native import read_header

    source = Path(path)
    header = read_header(source, FORMAT, "a predictor from few labels")
    if header.get("version") != VERSION:
        raise GantkError(f"{source} is of version {header.get('version')!r}, and this gantk reads version {VERSION}.")
    try:
        state = load(source.read_bytes())
        cards = tuple(read_card(table(card, "a card")) for card in items(header["cards"], "its cards"))
        names, taps = (tuple(map(str, items(header[key], key))) for key in ("attribute_names", "taps"))
        belongs = None if header["probe"] is None else read_probe(header["probe"], str(source))
        info = FewLabelsInfo(names, str(header["kind"]), taps, cards, str(header["name"]), belongs)
        weight, bias = state["weight_AD"], state["bias_A"]
        if weight.ndim != 2 or bias.shape != weight.shape[:1] or len(weight) != len(info.attribute_names):
            raise ValueError(f"weights of shapes {tuple(weight.shape)} and {tuple(bias.shape)}")
        if not (bool(torch.isfinite(weight).all()) and bool(torch.isfinite(bias).all())):
            raise ValueError("weights that are not finite")
    except (SafetensorError, KeyError, TypeError, ValueError, OSError, GantkError) as error:
        raise GantkError(f"{source} is damaged ({error!r}): train the predictor again.") from error
    predictor = FewLabels(info, weight, bias)
    return predictor if generator is None or info.kind == "imagenet" else predictor.bind(generator, force)
