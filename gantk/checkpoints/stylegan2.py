"""StyleGAN2 as five programs spell it: one list of parts, one `Spelling` per source, sizes inferred from shapes.

The target names and orientations are those of gantk/generators/stylegan2.py: convolutions [out, in, k, k], the
up-convolution's kernel as a transposed convolution uses it (not flipped), the affine's bias with its +1, noise [R, R].
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gantk.checkpoints.checkpoint import NO_AVERAGE, Change, Checkpoint, Raw, Row, convert, count_while, same
from gantk.store.json_values import JsonView

Part = tuple[str, Change]  # suffix in the source, transformation
DEFAULT_TAPS = (0.125, 0.375, 0.375, 0.125)


def scalar(tensor: Tensor) -> Tensor:
    return tensor.reshape(())


def square(tensor: Tensor) -> Tensor:
    """A noise map [1, 1, R, R] as [R, R]."""
    return tensor.reshape(tensor.shape[-2:])


def first(tensor: Tensor) -> Tensor:
    """Drop a leading dimension of size one."""
    return tensor.squeeze(0)


def flat(tensor: Tensor) -> Tensor:
    return tensor.reshape(-1)


def transposed(tensor: Tensor) -> Tensor:
    """TensorFlow's dense [in, out] as [out, in]."""
    return tensor.t()


def plus_one(tensor: Tensor) -> Tensor:
    return tensor + 1


def flipped(tensor: Tensor) -> Tensor:
    return tensor.flip(2, 3)


def hwio(tensor: Tensor) -> Tensor:
    """A kernel [k, k, in, out] as [out, in, k, k]."""
    return tensor.permute(3, 2, 0, 1)


def hwio_flipped(tensor: Tensor) -> Tensor:
    return hwio(tensor).flip(2, 3)


@dataclass(frozen=True)
class Spelling:
    """How one program names the parts of a StyleGAN2.

    Attributes:
        dense, conv, rgb, skip: prefix of mapping layer i; of convolution `conv0` or `conv1` at a level (4 x 4 is 0);
            of the level's ToRGB; of its shortcut (resnet).
        noise: the noise map of a convolution (not always under its prefix).
        dense_parts, conv_parts, rgb_parts: target suffix -> (source suffix, transformation).
        up_weight: transformation of conv0's kernel, where it differs from conv1's.
        strength: (suffix, transformation) of the noise strength.
        const, average: names of the constant input and the mean code.
        embeddings: candidates for the label embedding: (label rule, name, transformation, name of the bias or None).
    """

    dense: Callable[[int], str]
    conv: Callable[[int, str], str]
    rgb: Callable[[int], str]
    skip: Callable[[int], str]
    noise: Callable[[int, str], tuple[str, Change]]
    dense_parts: dict[str, Part]
    conv_parts: dict[str, Part]
    rgb_parts: dict[str, Part]
    up_weight: Change
    strength: Part
    const: tuple[str, Change]
    average: str | None
    skip_weight: Part = (".weight", same)
    embeddings: tuple[tuple[str, str, Change, str | None], ...] = field(default=())


def index(level: int, part: str) -> int:
    """Number of a convolution, 4x4 first: 0, then 2k - 1 (conv0) and 2k (conv1) at level k."""
    return 2 * level - (part == "conv0")


def table(
    spelling: Spelling,
    levels: int,
    depth: int,
    rule: str,
    images: Iterable[int],
    shortcuts: Iterable[int],
    noisy: bool,
) -> list[Row]:
    """The conversion table of one network.

    Args:
        levels, depth: number of resolutions and of mapping layers.
        rule: the label rule, one of the spelling's or "none".
        images, shortcuts: the levels that have a ToRGB, and a shortcut.
        noisy: whether its convolutions have noise inputs.
    """
    rows = [Row("synthesis.const", *spelling.const)]
    if spelling.average is not None:
        rows.append(Row("w_avg", spelling.average))
    for _, name, change, bias in [entry for entry in spelling.embeddings if entry[0] == rule][:1]:
        rows.append(Row("mapping.embed.weight", name, change))
        rows += [] if bias is None else [Row("mapping.embed.bias", bias)]
    for i in range(depth):
        rows += parts_rows(f"mapping.dense{i}.", spelling.dense(i), spelling.dense_parts)
    for level in range(levels):
        block = f"synthesis.b{4 << level}."
        for part in ("conv0", "conv1")[level == 0 :]:
            prefix = spelling.conv(level, part)
            parts = dict(spelling.conv_parts)
            if part == "conv0":
                parts["weight"] = (parts["weight"][0], spelling.up_weight)
            rows += parts_rows(f"{block}{part}.", prefix, parts)
            if noisy:
                rows.append(Row(f"{block}{part}.noise_strength", prefix + spelling.strength[0], spelling.strength[1]))
                rows.append(Row(f"{block}{part}.noise_const", *spelling.noise(level, part)))
        if level in images:
            rows += parts_rows(f"{block}torgb.", spelling.rgb(level), spelling.rgb_parts)
        if level in shortcuts:
            suffix, change = spelling.skip_weight
            rows.append(Row(f"{block}skip.weight", spelling.skip(level) + suffix, change))
    return rows


def parts_rows(target: str, prefix: str, parts: dict[str, Part]) -> list[Row]:
    """The parts of one layer: target suffix -> (source suffix, transformation)."""
    return [Row(target + name, prefix + suffix, change) for name, (suffix, change) in parts.items()]


def read(
    raw: Raw,
    spelling: Spelling,
    source: str,
    *,
    dead: Iterable[str] = (),
    assumed: Iterable[str] = (),
    **settings: JsonView,
) -> Checkpoint:
    """Convert a StyleGAN2 whose parts `spelling` names.

    Args:
        dead: entries that were checked elsewhere.
        assumed: keys of facts.py that this program's files do not show.
        settings: the configuration that the tensors do not show.
    """
    has = raw.entries.__contains__
    weight = spelling.conv_parts["weight"][0]
    levels = count_while(lambda level: has(spelling.conv(level, "conv1") + weight))
    depth = count_while(lambda i: has(spelling.dense(i) + spelling.dense_parts["weight"][0]))
    present = [entry for entry in spelling.embeddings if has(entry[1]) and (entry[3] is None or has(entry[3]))]
    if present:  # the first candidate that the file has
        spelling = dataclasses.replace(spelling, embeddings=tuple(present[:1]))
    rule = present[0][0] if present else "none"
    images = [level for level in range(levels) if has(spelling.rgb(level) + spelling.rgb_parts["weight"][0])]
    shortcuts = [level for level in range(levels) if has(spelling.skip(level) + spelling.skip_weight[0])]
    noisy = has(spelling.conv(0, "conv1") + spelling.strength[0])
    rows = table(spelling, levels, depth, rule, images, shortcuts, noisy)
    notes: list[str] = []
    shape = raw.shape(spelling.average) if spelling.average and has(spelling.average) else ()
    if len(shape) > 1:
        rows = [dataclasses.replace(row, change=average_code) if row.target == "w_avg" else row for row in rows]
    if spelling.average not in raw.entries:
        rows = [row for row in rows if row.target != "w_avg"]
        notes.append(NO_AVERAGE)
    silent = [row for row in rows if row.target.endswith("noise_const") and not has(row.source)]
    if silent and len(silent) == 2 * levels - 1:  # early snapshots of rosinality's code
        rows = [row for row in rows if row not in silent]
        notes.append("the file has no noise maps; they are zero here")
    state = convert(raw, rows, dead)
    for row in silent if notes else ():
        level = next(level for level in range(levels) if row.target.startswith(f"synthesis.b{4 << level}."))
        height, width = state["synthesis.const"].shape[-2:]
        state[row.target] = torch.zeros(height << level, width << level)
    config = {**infer(raw, state, rule), **settings}
    if len(shape) > 1:
        several = state["w_avg"].ndim == 2
        config |= {"average_rows": int(state["w_avg"].shape[0])} if several else {}
        kept = "one for each row of wp, as truncation uses it" if several else "of equal rows, of which one is kept"
        notes.append(f"its mean code has the shape {list(shape)}: {kept}")
    return Checkpoint("stylegan2", config, state, source, tuple(notes), assumed=tuple(assumed))


def average_code(tensor: Tensor) -> Tensor:
    """A mean code [1, D], [L, D] or [1, L, D] as [D] where all rows are equal, as [L, D] where they differ."""
    rows = tensor.reshape(-1, tensor.shape[-1])
    return rows[0] if torch.equal(rows, rows[:1].expand_as(rows)) else rows


def infer(raw: Raw, state: dict[str, Tensor], rule: str) -> dict[str, JsonView]:
    """The configuration that shapes show, from a state dict under gantk's names."""
    levels = count_while(lambda level: f"synthesis.b{4 << level}.conv1.weight" in state)
    depth = count_while(lambda i: f"mapping.dense{i}.weight" in state)
    if levels == 0:
        raise raw.source.damaged("a StyleGAN2 without a 4x4 convolution")
    channels = tuple(int(state[f"synthesis.b{4 << level}.conv1.bias"].numel()) for level in range(levels))
    top = f"synthesis.b{4 << (levels - 1)}"
    if f"{top}.torgb.weight" not in state or state[f"{top}.torgb.weight"].ndim != 4:
        raise raw.source.damaged(f"a StyleGAN2 without a ToRGB at {4 << (levels - 1)}x{4 << (levels - 1)}")
    label_width, label_dim = _two(raw, state, "mapping.embed.weight") if rule != "none" else (0, 0)
    w_dim = _two(raw, state, "synthesis.b4.conv1.affine.weight")[1]
    z_dim = _two(raw, state, "mapping.dense0.weight")[1] - label_width if depth else w_dim - label_width
    skips = sum(f"synthesis.b{4 << level}.skip.weight" in state for level in range(levels))
    images = sum(f"synthesis.b{4 << level}.torgb.weight" in state for level in range(levels))
    const = state["synthesis.const"]
    if const.ndim != 3:
        raise raw.source.damaged(f"its constant input has the shape {list(const.shape)}")
    base = (int(const.shape[1]), int(const.shape[2]))
    canvas = {} if base == (4, 4) else {"base": base}
    return {
        **canvas,
        "resolution": max(base) << (levels - 1),
        "channels": channels,
        "image_channels": int(state[f"{top}.torgb.weight"].shape[0]),
        "z_dim": z_dim,
        "w_dim": w_dim,
        "label_dim": label_dim,
        "label_rule": rule,
        "label_width": label_width,
        "mapping_layers": depth,
        "mapping_width": _two(raw, state, "mapping.dense0.weight")[0] if depth > 1 else w_dim,
        "architecture": "resnet" if skips else "orig" if images == 1 and levels > 1 else "skip",
        "use_noise": "synthesis.b4.conv1.noise_strength" in state,
    }


def _two(raw: Raw, state: dict[str, Tensor], name: str) -> tuple[int, int]:
    tensor = state[name]
    if tensor.ndim != 2:
        raise raw.source.damaged(f"{name} is no matrix")
    return int(tensor.shape[0]), int(tensor.shape[1])


def check_filters(raw: Raw, names: Iterable[str], total: float) -> tuple[float, ...]:
    """The 1-D taps (sum 1) that every stored filter is the outer product of.

    Args:
        names: the entries that hold filters; they are copies of one.
        total: the sum this program stores them with (its gain included).

    Raises:
        GantkError: a filter is not separable, differs from the others, or has another sum.
    """
    taps: Tensor | None = None
    for name in names:
        kernel = raw.tensor(name)
        if kernel.ndim == 4 and torch.equal(kernel, kernel[:1].expand_as(kernel)):
            kernel = kernel[:1]  # repeated for every channel
        kernel = kernel.squeeze()
        if kernel.ndim not in (1, 2) or not kernel.numel():
            raise raw.refuse(
                f"a resampling filter {name} of shape {list(kernel.shape)}", "and only separable ones are known"
            )
        line = kernel if kernel.ndim == 1 else kernel.sum(0)
        if not torch.isfinite(kernel).all() or abs(float(line.sum()) - total) > 1e-4 * total:
            raise raw.refuse(
                f"a resampling filter {name} whose sum is not {total:g}", "which changes the network's gain"
            )
        line = line / line.sum()
        if kernel.ndim == 2 and not torch.allclose(kernel / total, torch.outer(line, line), atol=1e-6):
            raise raw.refuse(f"a resampling filter {name} that is not separable", "and only separable ones are known")
        if taps is not None and (taps.shape != line.shape or not torch.allclose(taps, line, atol=1e-6)):
            raise raw.refuse(f"a resampling filter {name} unlike its others", "and a StyleGAN2 has one for all layers")
        taps = line if taps is None else taps
    if taps is None:
        return DEFAULT_TAPS
    exact = torch.tensor(DEFAULT_TAPS)
    if taps.shape == exact.shape and torch.allclose(taps, exact, atol=1e-6):
        return DEFAULT_TAPS
    return tuple(taps.tolist())
