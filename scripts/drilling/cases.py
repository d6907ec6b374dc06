"""The commands that are drilled, each on the small world, long enough to be hit and short enough to be hit often."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
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
        merge: what joins its shards.
    """

    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    chunked: bool = True
    shards: bool = True
    merge: tuple[str, ...] = ("merge", OUT)


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
        "manipulate": Case((*manipulate, "--animation", "gif")),
        "train-boundary": Case(
            (*boundary, "--resamples", "2"),
            before=((*scored, "-o", f"{OUT}-samples", "--batch-size", "16"),),
            chunked=False,
            shards=False,
        ),
    }
    found |= _systems(model, predictor, f"{world}/seg.py:segment")
    found |= _recorded(world, set(found))
    for name in ("synthesize", "rescore", "resefa jacobian", "lse train"):
        parts = tuple((*found[name].words, "--shard", f"{index}/3") for index in range(3))
        found[f"merge of {name}"] = Case(found[name].merge, before=parts, chunked=False, shards=False)
    found["report of synthesize"] = Case(("report", OUT), before=(synthesize,), chunked=False, shards=False)
    return found


def _recorded(world: Path, known: set[str]) -> dict[str, Case]:
    """The recorded line of every other task, after those that make what it reads."""
    from drilling.lines import before, in_folder, line_of
    from recording.running import cases as lines

    from gantk.runs.table import TASKS

    every = lines()

    def words(name: str) -> tuple[str, ...]:
        return tuple(
            f"{world}{word.removeprefix('world')}" if word.startswith("world/") else word for word in every[name]
        )

    return {
        task: Case(
            tuple(in_folder(list(words(line_of(task))), OUT)),
            before=tuple(words(name) for name in before(line_of(task))),
            chunked=False,
            shards=False,
        )
        for task in TASKS
        if task not in known
    }


def _systems(model: str, predictor: str, segmenter: str) -> dict[str, Case]:
    box = ("--box", "a=0.2,0.2,0.6,0.6", "--preview", "1")
    jacobian = ("resefa", "jacobian", model, *box, "-N", "12", "--chunk", "2", "--batch-size", "2", "-o", OUT)
    few = ("--held-out", "4", "--shown", "2", "--samples", "1", "--step", "3", "--against", "sefa,random")
    hessian = ("navigan", "hessian", model, "--conv", "8x8/conv0", "-k", "3", "-N", "8", "--metric", "pixels")
    lse = ("lse", "train", model, "--teacher", segmenter, "-N", "24", "--held-out", "8", "--chunk", "4")
    shots = ("lse", "fewshot", model, "--teacher", segmenter, "--shots", "2,4", "--repeats", "2", "--held-out", "16")
    encoder = (
        "ghfeat", "train", model, "--data", "generator", "--depth", "18", "--width", "4", "--rank", "4",
        "--metric", "none", "--adversarial", "0", "--images", "96", "--batch-size", "8", "--save-seconds", "0.1",
        "--held-out", "8",
    )  # fmt: skip
    deform = (
        "navigan", "train", model, "svd", "--conv", "8x8/conv0", "-K", "3", "--reconstructor", "lenet",
        "--reconstructor-size", "32", "--steps", "40", "--save-every", "8", "--metric", "pixels", "--shown", "1",
        "-N", "4",
    )  # fmt: skip
    alone = partial(Case, chunked=False, shards=False)
    atlas = (
        "atlas", model, "--quick", "-N", "40", "--held-out", "2", "--random", "1", "--shown", "1", "--predictor",
        predictor, "--metric", "demo",
    )  # fmt: skip
    pictures = ("synthesize", model, "-N", "12", "--images", "-o", f"{OUT}-samples")
    inversion = ("invert", model, f"{OUT}-samples/images", "--space", "w", "--steps", "6", "--metric", "none")
    return {
        "resefa jacobian": Case(jacobian),
        "resefa directions": alone(("resefa", "directions", OUT, *few), before=(jacobian,)),
        "navigan hessian": alone((*hessian, "--shown", "1", "--batch-size", "4", "-o", OUT)),
        "navigan train": alone((*deform, "--batch-size", "4", "-o", OUT)),
        "lse train": Case(
            (*lse, "--steps", "4", "--batch-size", "4", "-o", OUT), merge=("merge", OUT, "--teacher", segmenter)
        ),
        "lse fewshot": alone((*shots, "--batch-size", "4", "-o", OUT)),
        "invert": Case((*inversion, "--batch-size", "2", "-o", OUT), before=(pictures,)),
        "ghfeat train": alone((*encoder, "-o", OUT)),
        "atlas": Case((*atlas, "-o", OUT), shards=False),
    }
