"""Make everything again that ships and is computed: hashes, boundaries, pictures, tables of the documents.

    python scripts/artifacts.py                    all of it, in this order
    python scripts/artifacts.py --only boundaries images
    python scripts/artifacts.py --skip truth
    python scripts/artifacts.py --only encoder     an hour; continues where it stopped

encoder     gantk/world/weights/demo-stylegan2-encoder.safetensors and its hash; only when named
sums        gantk/world/weights/SHA256SUMS
boundaries  boundaries/demo/: a boundary of the bundled generator for each factor, with its rows of wp and a card
weights     directions/demo/: weight directions of one of its convolutions, with a card
regions     directions/demo/: what changes one region of its images, with cards
images      docs/images/: samples beside renders, every family's samples, and what the boundaries do
truth       docs/truth.md: the tables of scripts/truth.py
parity      docs/parity.md: the reference checkpoints, where they lie beside the checkout (else left as it is)

Boundaries and pictures come out of ordinary gantk commands, which the cards repeat; their run directories stay in
runs/artifacts.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from gantk.resefa.results import DirectionsResult

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "gantk" / "world" / "weights"
IMAGES = ROOT / "docs" / "images"
WORK = Path("runs/artifacts")
ENCODER_RUN = Path("runs/encoder")
MODEL, SEED = "demo", 0
SAMPLES = int(os.environ.get("GANTK_ARTIFACT_SAMPLES", "8000"))  # fewer to try this script out
RESCORED = max(4, SAMPLES // 125)
WEIGHTS_LAYER = "32x32/conv1"
SHARE = 0.8  # of a boundary's effect that its rows must hold
REGION_ROWS = {"house": "5-9", "sky": "0-4", "tree": "2-6", "ground": "3-7"}
TRUTHS = ("world", "families", "higan", "resefa", "lse", "navigan", "ghfeat")


def gantk(*words: object) -> None:
    """Run a command as it is typed; its run directory keeps the line."""
    from gantk.cli.demo import call_command

    call_command([str(word) for word in words])


def sums() -> None:
    """Hashes of the bundled weights, which are compared whenever one is loaded."""
    files = sorted(WEIGHTS.glob("*.safetensors"))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (WEIGHTS / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def encoder() -> None:
    """Train the bundled generator's encoder of images, with the settings of configs/ghfeat-demo.toml."""
    gantk("--config", "ghfeat-demo", "ghfeat", "train", MODEL, "--data", "renderer", "-o", ENCODER_RUN)
    shutil.copyfile(ENCODER_RUN / "encoder.safetensors", WEIGHTS / "demo-stylegan2-encoder.safetensors")
    sums()


# --- boundaries ------------------------------------------------------------------------------------------------------


def boundaries() -> None:
    """Sample, train, rescore layer by layer; then each boundary gets the rows that carry its factor, and its card."""
    from gantk.world.renderer import FACTOR_NAMES

    shutil.rmtree(WORK, ignore_errors=True)
    samples, trained, rescored = WORK / "samples", WORK / "boundaries", WORK / "rescore"
    words = ["--num", SAMPLES, "--seed", SEED, "--latents", "w", "--generate-prediction", "--preview", 0]
    gantk("synthesize", MODEL, *words, "--batch-size", 32, "-o", samples)
    words = ["--model", MODEL, "--chosen", 0.25, "--resamples", 5, "--seed", SEED]
    gantk("train-boundary", samples / "w.npy", samples / "attribute.npy", *words, "-o", trained)
    words = [
        "--layerwise-rescoring",
        "--num",
        RESCORED,
        "--random",
        4,
        "--seed",
        SEED + 1,
        "--distance",
        typical(trained),
    ]
    gantk("rescore", MODEL, trained / "boundary_list.txt", *words, "--batch-size", 32, "-o", rescored)
    folder = ROOT / "boundaries" / MODEL
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lines = [
        argv_of(samples, "synthesize"),
        argv_of(trained, "train-boundary"),
        argv_of(rescored, "rescore"),
    ]
    found = effects(rescored, samples)
    for name in FACTOR_NAMES:
        ship(name, trained, folder, lines, found[name])
    index(folder, found)


def typical(trained: Path) -> str:
    """Two standard deviations of the samples along a boundary, the median over boundaries: their scale is three."""
    import numpy as np

    from gantk.codes.kept_directions import load_direction

    scales = [load_direction(path).scale for path in sorted(trained.glob("*_boundary.safetensors"))]
    return f"{2 / 3 * float(np.median(scales)):.3g}"


def argv_of(folder: Path, command: str) -> str:
    from gantk.runs.manifest import read_manifest

    return read_manifest(folder / f"{command}.run.json")["argv"]


def effects(rescored: Path, samples: Path) -> dict[str, dict[str, Any]]:
    """For each boundary, the change of its own factor on all rows and on each alone, in standard deviations of
    the samples, and the factor that moves most beside it."""
    import numpy as np

    from gantk.higan.gains import deviations
    from gantk.higan.rescored import RescoreResult
    from gantk.runs.results import read_result
    from gantk.store.files import load_npy

    result = read_result(RescoreResult, rescored)
    scale_F = result.deviations / deviations(load_npy(samples / "attribute.npy"))  # of those moved, and of all
    names = list(result.attributes)
    found = {}
    for change_PF, entry in zip(result.change * scale_F, result.boundaries, strict=True):
        own = names.index(entry.attribute)
        rows = shortest_range(np.maximum(change_PF[1:, own], 0), SHARE)
        others = np.abs(change_PF[0]).copy()
        others[own] = 0
        beside = int(others.argmax())
        found[entry.name] = {
            "rows": rows,
            "row_names": [result.layer_names[row] for row in rows],
            "change": float(change_PF[0, own]),
            "beside": names[beside],
            "beside_change": float(change_PF[0, beside]),
        }
    return found


def shortest_range(effect_L: np.ndarray, share: float) -> tuple[int, ...]:
    """The shortest run of rows that holds this share of the effect; of equally short ones the strongest."""
    count, total = len(effect_L), float(effect_L.sum())
    if total <= 0:
        return tuple(range(count))
    for length in range(1, count + 1):
        held = [float(effect_L[start : start + length].sum()) for start in range(count - length + 1)]
        best = max(range(len(held)), key=lambda start: held[start])
        if held[best] >= share * total - 1e-12:
            return tuple(range(best, best + length))
    return tuple(range(count))


def ship(name: str, trained: Path, folder: Path, lines: Sequence[str], effect: dict[str, Any]) -> None:
    """One boundary with its rows, and its card."""
    from gantk.codes.kept_directions import load_direction, save_direction

    direction = load_direction(trained / f"{name}_boundary.safetensors")
    meta = {**direction.meta, "commands": list(lines), "layers_hold": SHARE}
    save_direction(folder / f"{name}.safetensors", direction.replace(layers=effect["rows"], meta=meta))
    rows = ", ".join(f"{row} ({title})" for row, title in zip(effect["rows"], effect["row_names"], strict=True))
    facts = [
        ("generator", f"`{MODEL}` (compared by its probe)"),
        ("space", f"{direction.space}, {direction.width} wide"),
        ("rows of wp", f"{rows}: the shortest range that holds {SHARE:.0%} of the effect"),
        ("worth looking at", f"distances from -{direction.scale:g} to {direction.scale:g}"),
        ("solver", f"{meta['solver']}, C = {meta['C']:.4g}, seed {meta['seed']}"),
    ]
    titles = {
        "accuracy_val": "validation accuracy",
        "accuracy_remaining": "accuracy between the ends",
        "auc": "area under the ROC curve",
        "correlation": "correlation with the score",
        "stability": "stability (cosine over resampled splits)",
    }
    facts += [(title, f"{meta[key]:.4f}") for key, title in titles.items() if key in meta]
    facts.append(("own change, all rows", f"{effect['change']:+.2f} standard deviations"))
    facts.append(("moves most beside it", f"{effect['beside']}, {effect['beside_change']:+.2f}"))
    table = "\n".join(f"| {key} | {value} |" for key, value in facts)
    commands = "\n".join(f"    {line}" for line in lines)
    text = (
        f"# {name}\n\nA boundary of the bundled generator: `{name}.safetensors`. What the images show was read by "
        f"the predictor `demo`.\n\n    gantk manipulate {MODEL} {name}\n\n| | |\n|---|---|\n{table}\n\n"
        f"Made by `make artifacts` with\n\n{commands}\n\nwhich measure the effect of each row too; its rows were "
        "chosen from that.\n"
    )
    (folder / f"{name}.md").write_text(text, encoding="utf-8")


def index(folder: Path, found: dict[str, dict[str, Any]]) -> None:
    """The folder's own page: a line for each boundary."""
    rows = "\n".join(
        f"| [{name}]({name}.md) | {span(part['rows'])} | {part['change']:+.2f} | {part['beside']} "
        f"({part['beside_change']:+.2f}) |"
        for name, part in found.items()
    )
    text = (
        f"# Boundaries of `{MODEL}`\n\nChange of the factor along its boundary in standard deviations, as the "
        f"predictor reads it, and of the one that moves most beside it.\n\n"
        "| factor | rows of wp | own change | beside it |\n"
        f"|---|---|---|---|\n{rows}\n"
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def span(rows: Sequence[int]) -> str:
    return str(rows[0]) if len(rows) == 1 else f"{rows[0]}-{rows[-1]}"


# --- weight directions -----------------------------------------------------------------------------------------------


def weights() -> None:
    """Leading Hessian eigenvectors of one convolution, with recommended strengths, and a card."""
    from gantk.navigan.files import save
    from gantk.navigan.results import HessianResult
    from gantk.runs.results import read_result

    found = WORK / "weights"
    words = ["--conv", WEIGHTS_LAYER, "-k", 6, "--num", 32, "--batch-size", 8, "--seed", SEED, "--shown", 0]
    gantk("navigan", "hessian", MODEL, *words, "--overwrite", "-o", found)
    folder, name = ROOT / "directions" / MODEL, f"weights_{WEIGHTS_LAYER.replace('/', '_')}"
    folder.mkdir(parents=True, exist_ok=True)
    result = read_result(HessianResult, found)
    directions, exact = result.weights, result.spectrum.exact
    assert exact is not None and exact.captured is not None and exact.agreement is not None
    save(folder / f"{name}.safetensors", directions.replace(name=name))
    rows = "\n".join(
        f"| {row} | {value:.4g} | {directions.scale(row):.3g} |" for row, value in enumerate(result.eigenvalues)
    )
    text = (
        f"# {name}\n\nWeight directions of the bundled generator: leading eigenvectors of the perceptual distance's "
        f"Hessian in the weights of `{WEIGHTS_LAYER}`, in `{name}.safetensors`. They hold "
        f"{100 * exact.captured:.0f} % of its trace; the two halves of the samples agree in "
        f"{100 * exact.agreement:.0f} % of them.\n\n    gantk navigan apply {MODEL} {name} --pick 0-3\n\n"
        f"| direction | eigenvalue | recommended strength |\n|---|---|---|\n{rows}\n\n"
        f"Made by `make artifacts` with\n\n    {argv_of(found, 'navigan-hessian')}\n"
    )
    (folder / f"{name}.md").write_text(text, encoding="utf-8")


# --- region directions -----------------------------------------------------------------------------------------------


def regions() -> None:
    """One Jacobian of every row of wp by itself; of each region the directions on its rows, and a card."""
    from gantk.codes.kept_directions import load_direction, save_direction
    from gantk.resefa.results import DirectionsResult
    from gantk.runs.results import read_result

    made, folder = WORK / "regions", ROOT / "directions" / MODEL
    folder.mkdir(parents=True, exist_ok=True)
    words = ["--space", "wp", "--num", max(2, SAMPLES // 1000), "--seed", SEED, "--preview", 0]
    gantk("resefa", "jacobian", MODEL, *words, "--overwrite", "-o", made)
    for name, rows in REGION_ROWS.items():
        found = WORK / f"region_{name}"
        words = ["--region", name, "--space", "w", "--rows", rows, "--components", 4, "--shown", 3]
        words += ["--held-out", 8, "--samples", 1, "--step", 3, "--overwrite", "-o", found]
        gantk("resefa", "directions", made, *words, "--against", "lowrankgan,sefa,ganspace,random")
        direction = load_direction(found / f"{name}.safetensors")
        lines = [argv_of(made, "resefa-jacobian"), argv_of(found, "resefa-directions")]
        meta = {**direction.meta, "commands": lines}
        save_direction(folder / f"region_{name}.safetensors", direction.replace(name=f"region_{name}", meta=meta))
        result = read_result(DirectionsResult, found)
        (folder / f"region_{name}.md").write_text(region_card(name, rows, result, lines), encoding="utf-8")


def region_card(name: str, rows: str, result: DirectionsResult, lines: Sequence[str]) -> str:
    """What a region's directions change, and how local they are beside those of other methods."""
    entry, level = result[0], result.middle
    place = result.levels.index(level)
    table = []
    for number, reached in enumerate(entry.reached):
        roir = reached[place].roir
        shown = "not reached" if roir is None else f"{roir:.2f}"
        table.append(f"| {number} | {entry.quotients[number]:.2f} | {entry.scales[number]:.2f} | {shown} |")
    scores = {score.method: score.roir for score in entry.scores if score.level == level}
    others = ", ".join(f"{method} {value:.2f}" for method, value in scores.items() if value is not None)
    commands = "\n".join(f"    {line}" for line in lines)
    return (
        f"# region_{name}\n\nDirections of the bundled generator that change its {name} ({entry.text}) and little "
        f"else, moved on rows {rows} of wp: `region_{name}.safetensors`.\n\n    gantk manipulate {MODEL} region_{name} "
        "--pick 0-1\n\n| direction | quotient | scale | ROIR |\n|---|---|---|---|\n" + "\n".join(table) + "\n\n"
        "Quotient: mean squared change per pixel inside over outside, to first order, on the codes they were found on. "
        "Scale: the distance at which the inside changes by 0.1. ROIR: on codes that were not used, the norm of the "
        f"change outside over that inside, where the inside changes by {level}; means of every method's first three: "
        f"{others}.\n\n"
        f"Made by `make artifacts` with\n\n{commands}\n"
    )


# --- pictures and documents ------------------------------------------------------------------------------------------


def images() -> None:
    """docs/images/samples.png, docs/images/families.png and docs/images/edits.png."""
    from artifact_pictures import edits, families, sheet

    IMAGES.mkdir(parents=True, exist_ok=True)
    sheet(MODEL, SEED).save(IMAGES / "samples.png", optimize=True)
    families(SEED).save(IMAGES / "families.png", optimize=True)
    edits(MODEL, SEED).save(IMAGES / "edits.png", optimize=True)


def truth() -> None:
    """The tables of docs/truth.md, each by a process of its own."""
    words = [[sys.executable, "scripts/truth.py", name, "--docs"] for name in TRUTHS]
    running = [subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL) for line in words]
    failed = [" ".join(line) for line, process in zip(words, running, strict=True) if process.wait() != 0]
    if failed:
        raise SystemExit(f"this failed: {', '.join(failed)}")


def parity() -> None:
    """The table of docs/parity.md; it needs the reference checkpoints, which do not ship."""
    reference = Path(os.environ.get("GANTK_REFERENCE") or ROOT.parent / "shared" / "reference")
    if reference.is_dir():
        words = [sys.executable, "scripts/parity.py", "--reference", str(reference), "--markdown", "docs/parity.md"]
        subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    else:
        print("there are no reference checkpoints beside the checkout: docs/parity.md stays", file=sys.stderr)


LONG = ("encoder",)  # made only when named
STEPS: dict[str, Callable[[], None]] = {
    "encoder": encoder,
    "sums": sums,
    "boundaries": boundaries,
    "weights": weights,
    "regions": regions,
    "images": images,
    "truth": truth,
    "parity": parity,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=STEPS, default=[s for s in STEPS if s not in LONG])
    parser.add_argument("--skip", nargs="+", choices=STEPS, default=[])
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    arguments = parser.parse_args()
    os.chdir(ROOT)  # the lines on the cards name files as seen from here
    sys.path.insert(0, str(ROOT))

    import torch

    torch.set_num_threads(arguments.threads)
    for name, make in STEPS.items():
        if name in arguments.only and name not in arguments.skip:
            began, cpu = time.perf_counter(), sum(os.times()[:4])
            make()
            spent = sum(os.times()[:4]) - cpu
            print(f"{name}: {time.perf_counter() - began:.0f} s, {spent:.0f} s of CPU time", file=sys.stderr)


if __name__ == "__main__":
    main()
