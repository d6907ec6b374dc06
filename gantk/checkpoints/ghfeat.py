"""The encoder in GH-Feat's TensorFlow pickles: the first network of the tuple (E, G, D, Gs).

Nothing is scaled at run time: weights are used as stored. All sizes follow from the variables.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from gantk.checkpoints.checkpoint import Checkpoint, Raw, Row, convert, count_while
from gantk.checkpoints.stylegan2 import hwio, transposed
from gantk.errors import GantkError

FAMILY = "ghfeat-encoder"
SOURCE = "tensorflow-ghfeat"
HEADS = ("HighLevel", "MidLevel", "LowLevel")
UNITS: dict[tuple[int, ...], tuple[int | None, int | None]] = {
    (2, 2, 2, 2): (18, None),
    (3, 4, 6, 3): (34, 50),
    (3, 4, 23, 3): (None, 101),
}  # with basic blocks, bottlenecks
ROWS = 14  # of wp: the original's split is hard-wired to a generator of 256 pixels
_NORM = {"running_mean": "moving_mean", "running_var": "moving_variance", "weight": "gamma", "bias": "beta"}


def read_encoder(path: str | Path) -> Checkpoint:
    """The encoder of a pickle, as a `ghfeat-encoder`; nothing in the file is executed.

    Raises:
        GantkError: no TensorFlow pickle, one without an encoder, or one whose variables do not fit together.
    """
    from gantk.checkpoints.reading import open_networks

    networks = open_networks(path)
    if "E" not in networks:
        raise GantkError(f"{path} holds a generator (G, D, Gs) and no encoder; GH-Feat's files hold (E, G, D, Gs)")
    return read(networks["E"])


def read(raw: Raw) -> Checkpoint:
    """The encoder of an opened file."""
    has = raw.entries.__contains__
    stages = count_while(lambda stage: has(f"stage{stage + 1}_unit1/Conva/weight"))
    counts = tuple(
        count_while(lambda unit, stage=stage: has(f"stage{stage + 1}_unit{unit + 1}/Conva/weight"))  # type: ignore[misc]
        for stage in range(stages)
    )
    bottleneck = has("stage1_unit1/Convc/weight")
    depth = UNITS.get(counts, (None, None))[bottleneck]
    if depth is None or not has("stage5/Conva/weight"):
        raise raw.refuse(f"an encoder with {counts} units", "and only depths 18, 34, 50 and 101 are known")
    names = [(f"stages.{s}.{u}", f"stage{s + 1}_unit{u + 1}", bottleneck) for s in range(4) for u in range(counts[s])]
    names.append(("stages.4.0", "stage5", True))
    rows = [Row("stem.weight", "Conv0/weight", hwio), *_norm("stem_norm", "Conv0")]
    for target, source, three in names:
        if has(f"{source}/Shortcut/weight"):
            rows.append(Row(f"{target}.shortcut.conv.weight", f"{source}/Shortcut/weight", hwio))
            rows += _norm(f"{target}.shortcut.norm", f"{source}/Shortcut")
        for index, part in enumerate(("Conva", "Convb", "Convc")[: 2 + three]):
            rows += _conv(f"{target}.convs.{index}", f"{source}/{part}")
            rows += _norm(f"{target}.norms.{index}", f"{source}/{part}")
    for index in range(3):
        rows += _conv(f"laterals.{index}", f"fpn/lconv_{index + 3}")
        rows += _conv(f"outputs.{index}", f"fpn/fconv_{index}")
        rows += _conv(f"fusions.{index}", f"fuse_conv_{index}")
        head = HEADS[index]
        rows += [
            Row(f"heads.{index}.dense.weight", f"{head}/weight", transposed),
            Row(f"heads.{index}.dense.bias", f"{head}/bias"),
            *_norm(f"heads.{index}.norm", head),
        ]
    state = convert(raw, rows)
    return Checkpoint(FAMILY, _config(raw, state, depth), state, SOURCE)


def _config(raw: Raw, state: dict[str, Tensor], depth: int) -> dict[str, object]:
    """Sizes; the side of the last map (4 at 256 pixels) follows from the rows of a head's matrix."""
    aligned = int(state["fusions.2.bias"].numel())
    side = (state["heads.0.dense.weight"].shape[1] / aligned) ** 0.5
    if side != 4:
        raise raw.refuse(
            f"an encoder for images of {64 * side:g} pixels", "and the original's only works at 256, as gantk reads it"
        )
    code = int(state["heads.0.dense.bias"].numel()) // 4
    widths = (code,) * 8 + (code // 2,) * 2 + (code // 4,) * 2 + (code // 8,) * 2
    if int(state["heads.2.dense.bias"].numel()) != sum(widths[8:]):
        raise raw.refuse("a fine head of another width", "and only the original's split of its layers is known")
    last = [max(k for k in state if k.startswith(f"stages.{s}.0.convs.") and k.endswith("bias")) for s in range(5)]
    return {
        "resolution": 256,
        "widths": widths,
        "rows": tuple(range(ROWS)),
        "channels": (int(state["stem_norm.bias"].numel()), *(int(state[name].numel()) for name in last)),
        "depth": depth,
        "pyramid": int(state["laterals.0.bias"].numel()),
        "aligned": aligned,
        "stem": 4,
        "padding": "tf-same",
        "rank": 0,
        "head_norm": "batch",
        "image_channels": int(state["stem.weight"].shape[1]),
    }


def _conv(target: str, source: str) -> list[Row]:
    return [Row(f"{target}.weight", f"{source}/weight", hwio), Row(f"{target}.bias", f"{source}/bias")]


def _norm(target: str, source: str) -> list[Row]:
    return [Row(f"{target}.{mine}", f"{source}/batch_norm/{theirs}") for mine, theirs in _NORM.items()]
