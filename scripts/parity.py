"""Compare gantk with the outputs that the authors' own programs gave for the reference checkpoints.

    python scripts/parity.py [--reference ../shared/reference] [--markdown docs/parity.md] [--only stylegan2]

Every file is read by `load_generator`; every recorded output is computed again on the CPU in float32 and compared
within the tolerance that the reference's own index gives. tests/parity holds the same comparisons as tests.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gantk.checkpoints.load import load_generator
from gantk.checkpoints.reading import read_checkpoint, read_discriminator
from gantk.errors import GantkError
from gantk.generators.base import Generator, Truncation
from gantk.generators.biggan import BigGAN
from gantk.generators.ops import pixel_norm

CODE_TOLERANCE = 1e-5  # of max(1, largest value), for codes; images have a tolerance per file
TENSORFLOW_TOLERANCE = 5e-5  # of the largest value


@dataclass(frozen=True)
class Comparison:
    """One recorded output: the largest absolute difference, and what it may be."""

    what: str
    error: float
    tolerance: float

    @property
    def ratio(self) -> float:
        return self.error / self.tolerance


def torch_tolerances(reference: Path) -> dict[str, float]:
    """Tolerance of each file of reference/torch, from the last column of its index."""
    rows = re.findall(r"^\| (\S+\.(?:pth|pt|pkl|bin)) .*\| (\S+) \|$", (reference / "INDEX.md").read_text(), re.M)
    return {name: float(tolerance) for name, tolerance in rows}


def checkpoints(reference: Path) -> list[Path]:
    """Every reference checkpoint."""
    torch_files = [reference / "torch" / name for name in torch_tolerances(reference)]
    return torch_files + sorted((reference / "tensorflow").glob("*.pkl"))


def outputs(path: Path) -> dict[str, np.ndarray]:
    """The recorded outputs beside a checkpoint."""
    recorded = path.with_suffix(".npz") if path.suffix != ".bin" else path.parent.with_suffix(".npz")
    with np.load(recorded, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


# Which feature map a sub-module of the original is: (pattern of the recorded name, name of gantk's layer). Groups of
# digits become numbers: {j} of a convolution counted from the 4x4 one, {R} a resolution, {k} rosinality's counts.
FEATURES: dict[str, list[tuple[str, Any]]] = {
    "stylegan2": [
        (r"feat_synthesis_layer(\d+)", lambda j: _conv(int(j))),
        (r"feat_synthesis_output(\d+)", lambda b: f"{4 << int(b)}x{4 << int(b)}/torgb"),
        (r"feat_conv1", lambda: "4x4/conv1"),
        (r"feat_convs_(\d+)", lambda j: _conv(int(j) + 1)),
        (r"feat_to_rgb1", lambda: "4x4/torgb"),
        (r"feat_to_rgbs_(\d+)", lambda i: f"{8 << int(i)}x{8 << int(i)}/torgb"),
        (r"feat_synthesis_b(\d+)", lambda r: f"{r}x{r}/conv1"),
        (r"feat_synthesis_b(\d+)_(conv\d)", lambda r, part: f"{r}x{r}/{part}"),
        (r"rgb_synthesis_b(\d+)", lambda r: f"{r}x{r}/torgb"),
    ],
    "pggan": [
        (r"feat_(?:layer|features_)(\d+)", lambda j: _grown(int(j), "conv0")),
    ],
    "stylegan": [
        (r"feat_synthesis_layer(\d+)", lambda j: _grown(int(j), "const")),
    ],
    "stylegan3": [
        (r"feat_synthesis_input", lambda: "input"),
        (r"feat_synthesis_L(\d+)_\d+_\d+", lambda i: f"L{i}"),
        (r"feat_synthesis_layer(\d+)", lambda i: f"L{i}"),
    ],
}


def _conv(number: int) -> str:
    """Convolution by number, 4x4 first: 0 is 4x4/conv1, 2k - 1 and 2k are conv0 and conv1 of level k."""
    size = 4 << ((number + 1) // 2)
    return f"{size}x{size}/conv{1 if number % 2 == 0 else 0}"


def _grown(number: int, first: str) -> str:
    """Layer of a progressively grown network by number: two at every resolution, the very first named `first`."""
    size = 4 << (number // 2)
    return f"{size}x{size}/" + ("conv1" if number % 2 else "conv0" if number else first)


def _biggan(generator: Generator, recorded: str) -> str | None:
    """Layer of a BigGAN: Hugging Face counts blocks and attention together, the author's code block by block."""
    mapped = [layer for layer in generator.layers if layer.has_map]
    if recorded in ("feat_linear", "feat_generator_gen_z"):
        return mapped[0].name
    if match := re.fullmatch(r"feat_generator_layers_(\d+)", recorded):
        return mapped[1 + int(match[1])].name
    if match := re.fullmatch(r"feat_blocks_(\d+)_(\d)", recorded):
        block = next(i for i, layer in enumerate(mapped) if layer.row == 1 + int(match[1]))
        return mapped[block + int(match[2])].name
    return None


def layer_of(generator: Generator, recorded: str) -> str | None:
    """gantk's name of a recorded feature map, None for other recorded values."""
    if generator.spec.family == "biggan":
        return _biggan(generator, recorded)
    for pattern, name in FEATURES.get(generator.spec.family, []):
        match = re.fullmatch(pattern, recorded)
        if match:
            return str(name(*match.groups()))
    return None


def error_of(got: torch.Tensor, want: np.ndarray) -> float:
    """Largest absolute difference on what was recorded (which may be the first samples or channels only)."""
    cut = got[tuple(slice(0, size) for size in want.shape)].double().numpy()
    if cut.shape != want.shape:
        raise GantkError(f"an output of shape {tuple(got.shape)} cannot be compared with {want.shape}")
    return float(np.abs(cut - want.astype(np.float64)).max()) if want.size else 0.0


# --- torch -----------------------------------------------------------------------------------------------------------


def compare_torch(path: Path, generator: Generator, tolerance: float) -> Iterator[Comparison]:
    """All recorded outputs of a file in reference/torch."""
    want = outputs(path)
    meta = json.loads(str(want.pop("meta")))
    z_ND = torch.from_numpy(want["z"])
    label = torch.from_numpy(want["c"]) if "c" in want else torch.from_numpy(want["label"]) if "label" in want else None
    if "truncation_latent" in want:
        generator.w_avg = torch.from_numpy(want["truncation_latent"])
    w_ND = generator.map(z_ND, label)
    plain_NLD = generator.expand(w_ND)
    psi = Truncation(meta["psi"], meta.get("trunc_layers")) if "psi" in meta else None
    codes = {"w": w_ND, "z_normalised": pixel_norm(w_ND)}
    images = {"image_nonoise": (plain_NLD, "none")}
    if "truncations" not in meta:
        images["image"] = (plain_NLD, "const")
    if psi is not None:
        codes["ws_psi"] = generator.expand(w_ND, psi)
        images["image_psi"] = (codes["ws_psi"], "const")
    if "psi_cut" in meta:
        codes["ws_cut"] = generator.expand(w_ND, Truncation(meta["psi_cut"], meta["cutoff"]))
    if "wp" in want:
        images["image_wp"] = (torch.from_numpy(want["wp"]), "const")
    if "z_mix" in want:
        mixed = generator.expand(generator.map(torch.from_numpy(want["z_mix"]), label)).clone()
        mixed[:, : meta["inject_index"]] = plain_NLD[:, : meta["inject_index"]]
        images["image_mix"] = (mixed, "const")
    if "embed" in want:
        assert isinstance(generator, BigGAN)
        codes["embed"] = generator.class_embedding(label, len(z_ND))
    yield from _compare_settings(generator, plain_NLD, want, meta, tolerance)
    for name, code in codes.items():
        if name in want:
            yield Comparison(name, error_of(code, want[name]), CODE_TOLERANCE * max(1.0, np.abs(want[name]).max()))
    for name, (wp_NLD, noise) in images.items():
        for recorded, step in ((name, 1), (f"{name}_s4", 4)):
            if recorded in want:
                image = generator.synthesize(wp_NLD, noise=noise)[..., ::step, ::step]
                yield Comparison(name, error_of(image, want[recorded]), tolerance)
    taps = {name: layer for name in want if (layer := layer_of(generator, name)) is not None}
    if taps:
        layers = sorted(set(taps.values()))
        if generator.spec.family == "stylegan3":  # recorded with their margins
            _, maps = generator.trace(plain_NLD, layers, crop=False)
        else:
            _, maps = generator.trace(plain_NLD, layers)
        for name, layer in taps.items():
            scale = max(1.0, np.abs(want[name]).max() / np.abs(want["image"]).max())
            found = maps[layer]
            if want[name].ndim == 2:  # a dense layer's output, which Hugging Face orders channels last
                found = (found.permute(0, 2, 3, 1) if name == "feat_generator_gen_z" else found).flatten(1)
            yield Comparison(f"map {layer}", error_of(found, want[name]), tolerance * scale)


def _compare_settings(
    generator: Generator, wp_NLD: torch.Tensor, want: dict[str, np.ndarray], meta: dict[str, Any], tolerance: float
) -> Iterator[Comparison]:
    """Images at other levels of detail (progressive growing) and batch-norm truncations (Hugging Face's BigGAN)."""
    settings: list[tuple[str, float | None, float | None]] = [("image_lod1", 1.0, None), ("image_lod0p5", 0.5, None)]
    for index, truncation in enumerate(meta.get("truncations", [])):
        settings.append((f"image_t{index}" if index else "image", None, truncation))
    for name, lod, bn_truncation in settings:
        for recorded, step in ((name, 1), (f"{name}_s4", 4)):
            if recorded in want:
                image = generator.synthesize(wp_NLD, lod=lod, bn_truncation=bn_truncation)[..., ::step, ::step]
                yield Comparison(name, error_of(image, want[recorded]), tolerance)


# --- TensorFlow ------------------------------------------------------------------------------------------------------


def compare_tensorflow(path: Path, generator: Generator) -> Iterator[Comparison]:
    """All recorded outputs of a file in reference/tensorflow, the truncation its own program applies included."""
    want = outputs(path)

    def comparison(name: str, got: torch.Tensor) -> Comparison:
        return Comparison(name, error_of(got, want[name]), TENSORFLOW_TOLERANCE * np.abs(want[name]).max())

    z_ND = torch.from_numpy(want["z"])
    label = torch.from_numpy(want["labels"]) if want.get("labels", np.zeros((0, 0))).shape[1] else None
    w_ND = generator.map(z_ND, label)
    default_NLD = generator.expand(w_ND, generator.spec.truncation)
    if "w" in want:
        yield comparison("w", w_ND)
    if "wp_default" in want:
        yield comparison("wp_default", default_NLD)
    if "trunc_psi" in want:
        cutoff = int(want["trunc_cutoff"])
        truncation = Truncation(float(want["trunc_psi"]), cutoff if cutoff >= 0 else None)
        yield comparison("wp_trunc", generator.expand(w_ND, truncation))
    name = "images_default" if "images_default" in want else "images"
    if name in want:
        images = generator.synthesize(default_NLD)
        yield comparison(name, images)
        yield comparison_u8(images, want["images_u8"], truncating="wp_default" in want)
    if "images_notrunc" in want:
        yield comparison("images_notrunc", generator.synthesize(generator.expand(w_ND)))
    if "gs_image_crop" in want:  # GH-Feat's generator
        yield comparison("gs_image_crop", generator.synthesize(generator.expand(w_ND))[:, :, 96:160, 96:160])
    if "images_wp" in want:
        yield comparison("images_wp", generator.synthesize(torch.from_numpy(want["wp"])))
    if "images_G" in want:  # the instantaneous network must not be mistaken for its moving average
        distance = error_of(generator.synthesize(default_NLD[:1]), want["images_G"])
        yield Comparison("Gs, not G", float(distance < 0.01), 0.5)
    if "d_scores" in want:
        yield from compare_scores(path, want, name)


def comparison_u8(image_NCHW: torch.Tensor, want: np.ndarray, truncating: bool) -> Comparison:
    """Bytes as the original converts them: at most one step apart, where a value lies on the edge of two."""
    scaled = image_NCHW.numpy() * 127.5 + (128 if truncating else 127.5)
    got = np.clip(scaled if truncating else np.rint(scaled), 0, 255).astype(np.uint8)
    steps = np.abs(got[: len(want)].astype(int) - want.astype(int))
    return Comparison("uint8", float(steps.max() > 1 or (steps > 0).mean() > 1e-3), 0.5)


def compare_scores(path: Path, want: dict[str, np.ndarray], images: str) -> Iterator[Comparison]:
    """The discriminator's scores of the recorded images, and the label's logits where it has some."""
    from gantk.checkpoints.load import fill
    from gantk.generators.progressive_discriminator import ProgressiveDiscriminator, ProgressiveDiscriminatorConfig
    from gantk.generators.stylegan2_discriminator import StyleGAN2Discriminator, StyleGAN2DiscriminatorConfig

    checkpoint = read_discriminator(path)
    critic: ProgressiveDiscriminator | StyleGAN2Discriminator
    if checkpoint.family == "progressive-discriminator":
        critic = ProgressiveDiscriminator(ProgressiveDiscriminatorConfig(**checkpoint.config))
    else:
        critic = StyleGAN2Discriminator(StyleGAN2DiscriminatorConfig(**checkpoint.config))
    fill(critic, checkpoint)
    label = torch.from_numpy(want["labels"]) if want["labels"].shape[1] else None
    image = torch.from_numpy(want[images])
    found = {"d_scores": critic(image, label)[:, None]}
    if "d_labels" in want:
        assert isinstance(critic, ProgressiveDiscriminator)
        found["d_labels"] = critic.outputs(image)[:, 1:]
    for name, scores in found.items():
        tolerance = TENSORFLOW_TOLERANCE * max(np.abs(want[name]).max(), 1.0)
        yield Comparison(name.replace("d_", "D "), error_of(scores, want[name]), tolerance)


def compare(path: Path, reference: Path) -> list[Comparison]:
    """Everything recorded for one checkpoint."""
    generator = load_generator(path if path.suffix != ".bin" else path.parent)
    with torch.no_grad():
        if path.parent.name == "tensorflow":
            return list(compare_tensorflow(path, generator))
        tolerance = torch_tolerances(reference)[str(path.relative_to(reference / "torch"))]
        return list(compare_torch(path, generator, tolerance))


def table(reference: Path, only: str) -> tuple[str, bool]:
    """A markdown table of all comparisons, and whether all are within tolerance."""
    lines = ["| file | read as | outputs compared | worst error / tolerance | where |", "|---|---|---|---|---|"]
    good = True
    for path in checkpoints(reference):
        name = str(path.relative_to(reference))
        try:
            source = read_checkpoint(path if path.suffix != ".bin" else path.parent).source
            results = compare(path, reference) if only in source else []
        except GantkError as error:
            if only not in name:
                continue
            good = False
            lines.append(f"| {name} | not read | | | {str(error)[:90]} |")
            continue
        if results:
            worst = max(results, key=lambda result: result.ratio)
            good &= worst.ratio <= 1
            where = f"{worst.what} ({worst.error:.1e})"
            lines.append(f"| {name} | {source} | {len(results)} | {worst.ratio:.3f} | {where} |")
    return "\n".join(lines), good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--reference", type=Path, default=root.parent / "shared" / "reference", help="reference folder")
    parser.add_argument("--markdown", type=Path, help="write the table there, with a heading")
    parser.add_argument("--only", default="", help="part of a format's name, such as stylegan2")
    arguments = parser.parse_args()
    if not arguments.reference.is_dir():
        print(f"{arguments.reference} does not exist: name the reference folder with --reference", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    text, good = table(arguments.reference, arguments.only)
    if arguments.markdown:
        arguments.markdown.write_text(INTRODUCTION + text + "\n")
    print(text)
    return 0 if good else 1


INTRODUCTION = """# Parity with the original programs

Made by `python scripts/parity.py --markdown docs/parity.md`. The reference checkpoints are tiny networks with random
weights that the authors' own programs saved, with the outputs those programs gave. Each is read by `load_generator` and
run on the CPU in float32. Compared are codes (w, truncated wp), images (plain, truncated, without noise, from given
codes, mixed), recorded feature maps, 8-bit pictures and discriminator scores. A file matches where its largest error is
below the tolerance, so that their quotient is below 1. The tolerances are those of the reference's index, several times
smaller than the error that the smallest mistake makes. The last column names the output with the largest error, and its
absolute error.

"""


if __name__ == "__main__":
    sys.exit(main())
