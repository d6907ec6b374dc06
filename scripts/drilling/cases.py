"""The commands that are drilled, each on the small world, long enough to be hit and short enough to be hit often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

OUT = "out"


@dataclass(frozen=True)
class Case:
    """A command line to disturb.

    Attributes:
        words: after `gantk`; it writes into `OUT`.
        before: command lines that run undisturbed first, such as the shards of a run that is joined.
        chunked: whether it keeps a ledger.
        shards: whether it takes --shard, so that its shards are drilled as well.
    """

    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    chunked: bool = True
    shards: bool = True
    ignored: tuple[str, ...] = field(default=())


def cases(world: Path) -> dict[str, Case]:
    """Every case by name."""
    model, predictor, listed = f"{world}/tiny.safetensors", f"{world}/pred.py:score", f"{world}/list.txt"
    small = ("--batch-size", "4", "-o", OUT)
    synthesize = (
        "synthesize", model, "-N", "96", "--chunk", "8", "--images", "--latents", "z,w,wp", "--styles", "--predict",
        "--predictor", predictor, *small,
    )  # fmt: skip
    rescore = (
        "rescore",
        model,
        listed,
        "-N",
        "24",
        "--chunk",
        "4",
        "--layerwise",
        "--random",
        "2",
        "--predictor",
        predictor,
        *small,
    )
    manipulate = ("manipulate", model, f"{world}/red.safetensors", "-N", "12", "--step", "5", *small)
    scored = ("synthesize", model, "-N", "400", "--skip-image", "--predict", "--predictor", predictor)
    boundary = ("train-boundary", f"{OUT}-samples/w.npy", f"{OUT}-samples/attribute.npy", "-o", OUT)
    found = {
        "synthesize": Case(synthesize),
        "rescore": Case(rescore),
        "manipulate": Case((*manipulate, "--animation", "gif"), shards=False),
        "train-boundary": Case(
            (*boundary, "--resamples", "2"),
            before=((*scored, "-o", f"{OUT}-samples", "--batch-size", "16"),),
            chunked=False,
            shards=False,
        ),
    }
    for name in ("synthesize", "rescore"):
        parts = tuple((*found[name].words, "--shard", f"{index}/3") for index in range(3))
        found[f"merge of {name}"] = Case(("merge", OUT), before=parts, chunked=False, shards=False)
    return found


Make = Callable[[Path], dict[str, Case]]
