"""How good the bundled encoder is, on scenes whose factors are known.

Reconstruction of held-out renders against the picture of the mean code, and what is kept of every factor: the predictor
on the reconstruction against the predictor on the original (the bar), and against the truth. Which level of the codes
knows which factor, by cross-validated linear probes, beside pixels and a backbone. How well the styles behind the
generator's own samples are found again. How far a local edit reaches. What optimisation adds to the encoder, and what
it finds on demo-oracle, whose every code is known.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from truths._tables import table

from gantk.generators.base import Generator
from gantk.ghfeat.encoder import Encoder
from gantk.predictors.base import Predictor
from gantk.runs.claims import listed
from gantk.world.renderer import FACTOR_NAMES, FACTORS, render, sample_scene

RENDER_SEED, PROBE_SEED, SAMPLE_SEED = 34_000, 35_000, 36_000  # no training has seen these
MSE_BAR, RECOVERY_BAR = 4.0, 0.8
GROUPS = ("layout", "objects", "attributes")
EDIT_ROWS = ((2,), (4,), (6,), (8,))


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="demo")
    parser.add_argument("--encoder", default=None, help="a file; default: the one that ships for the model")
    parser.add_argument("--num", type=int, default=1000, help="renders that are made again")
    parser.add_argument("--probed", type=int, default=600, help="scenes that are probed")
    parser.add_argument("--refined", type=int, default=8, help="renders that are refined by optimisation")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from gantk import load_generator
    from gantk.ghfeat.files import load_encoder
    from gantk.predictors.load import load_predictor

    generator = load_generator(arguments.model)
    loaded = load_encoder(arguments.encoder or arguments.model, generator)
    predictor = load_predictor("demo")
    encoder = loaded.encoder.folded()
    return {
        "model": arguments.model,
        "sha256": loaded.sha256,
        "parameters": sum(p.numel() for p in loaded.encoder.parameters()),
        "reconstruction": reconstruction(generator, encoder, predictor, arguments.num),
        "probes": probing(encoder, arguments.probed),
        "styles": style_error(generator, encoder, 200),
        "local": local_edits(generator, encoder, 24),
        "refined": refined(generator, encoder, predictor, arguments.refined),
        "oracle": oracle(8),
    }


def renders(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Factors [N, F] and images as files hold them, [N, 3, 64, 64]."""
    from gantk.pictures.images import as_saved

    scene = sample_scene(count, seed)
    pairs = zip(scene.factors_NF.split(100), scene.nuisance_NM.split(100), strict=True)
    return scene.factors_NF, as_saved(torch.cat([render(f, n).image_NCHW for f, n in pairs]))


def reconstruction(generator: Generator, encoder: Encoder, predictor: Predictor, count: int) -> dict[str, Any]:
    """Errors, and R2 of every factor three ways."""
    from gantk.ghfeat.losses import PredictorDistance
    from gantk.ghfeat.metrics import decode, encode, figures_of, r2
    from gantk.ghfeat.train_run import mean_code_mse

    truth, image = renders(count, RENDER_SEED)
    made = decode(generator, encode(encoder, image))
    figures = figures_of(image, made, PredictorDistance(predictor), predictor)
    with torch.inference_mode():
        read = [torch.cat([predictor.attributes(x) for x in images.split(100)]) for images in (image, made)]
    mean = mean_code_mse(generator, image)
    return {
        **dataclasses.asdict(figures),
        "mean_code_mse": mean,
        "ratio": mean / figures.mse,
        "truth_of_original": {n: r2(truth[:, i], read[0][:, i]) for i, n in enumerate(FACTOR_NAMES)},
        "truth_of_reconstruction": {n: r2(truth[:, i], read[1][:, i]) for i, n in enumerate(FACTOR_NAMES)},
    }


def probing(encoder: Encoder, count: int) -> dict[str, Any]:
    """R2 of every factor from every level; and what the paper probes besides."""
    from gantk.ghfeat.features import Backbone, baselines, level_features, probe_all, small_pixels
    from gantk.ghfeat.labels import world
    from gantk.ghfeat.metrics import encode

    scenes = world(count, PROBE_SEED)
    factors, nuisance = torch.from_numpy(scenes.factors_NF), torch.from_numpy(scenes.nuisance_NM)
    image = torch.cat([render(f, n).image_NCHW for f, n in zip(factors.split(100), nuisance.split(100), strict=True)])
    styles = [style.numpy() for style in encode(encoder, image)]
    backbone = Backbone.of()
    sets = level_features(styles, encoder.config.rows)
    sets += baselines(small_pixels(image).numpy(), backbone(image).numpy(), backbone.name)
    found = probe_all(sets, scenes.labels, 5, 0, levels=False)
    assert found.regression is not None
    values = np.maximum(found.regression.values[: encoder.config.num_rows], 0)
    centre = {}
    for group in GROUPS:
        columns = [i for i, factor in enumerate(FACTORS) if factor.group == group]
        weight = values[:, columns].mean(1)
        # against the row's mean over all factors: which levels know more of this group than of the others
        share = weight / np.maximum(values.mean(1), 1e-9)
        centre[group] = {"best_row": int(weight.argmax()), "share": share.tolist()}
    return {**plain(found), "groups": centre}


def plain(value: Any) -> Any:
    """A part of a result as JSON has it; nan is null."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def style_error(generator: Generator, encoder: Encoder, count: int) -> list[float]:
    """Mean squared error of the styles behind samples of the generator, in units of their variance, per row of wp."""
    from gantk.ghfeat.calibration import sample_styles
    from gantk.ghfeat.metrics import decode, encode

    with torch.inference_mode():
        styles = sample_styles(generator, count, SAMPLE_SEED)
        found = encode(encoder, decode(generator, styles).clamp(-1, 1))
    rows: dict[int, list[float]] = {}
    for row, a, b in zip(encoder.config.rows, found, styles, strict=True):
        rows.setdefault(row, []).append((a - b).square().mean().item() / b.var(0).mean().item())
    return [float(np.mean(rows[row])) for row in sorted(rows)]


def local_edits(generator: Generator, encoder: Encoder, count: int) -> list[dict[str, Any]]:
    """Changes inside the region, outside it and beyond the reach, for edits at coarse and fine layers."""
    from gantk.ghfeat.local import edit_locally, editable_layers
    from gantk.ghfeat.metrics import encode
    from gantk.ghfeat.mixing import box_mask

    _, image = renders(2 * count, RENDER_SEED + 1)
    styles = encode(encoder, image)
    base, other = [s[:count] for s in styles], [s[count:] for s in styles]
    box = box_mask("0.45,0.3,0.85,0.7", generator.spec.resolution)
    result = []
    for rows in EDIT_ROWS:
        names = [layer.name for layer in editable_layers(generator, rows)]
        changes = edit_locally(generator, base, other, box, rows).changes()
        result.append({"rows": list(rows), "layers": names, **changes})
    return result


def refined(generator: Generator, encoder: Encoder, predictor: Predictor, count: int) -> dict[str, Any]:
    """The error of the encoder alone, after 30 and 100 steps from its code, and of 100 steps without it."""
    from gantk.ghfeat.losses import PredictorDistance
    from gantk.ghfeat.metrics import encode
    from gantk.ghfeat.projection import ProjectionPlan, project

    _, image = renders(count, RENDER_SEED + 2)
    perception = PredictorDistance(predictor)
    start = [s.clone() for s in encode(encoder, image)]
    result: dict[str, Any] = {"images": count}
    for steps in (0, 30, 100):
        plan = ProjectionPlan("s", steps, rate=0.02, prior=1e-4, frames=0)
        found = project(generator, image, plan, perception, start)
        result[f"encoder, {steps} steps"] = (found.image_NCHW - image).square().mean().item()
    found = project(generator, image, ProjectionPlan("wp", 100, frames=0), perception)
    result["no encoder, 100 steps in wp"] = (found.image_NCHW - image).square().mean().item()
    return result


def oracle(count: int) -> dict[str, Any]:
    """Codes of demo-oracle found by optimisation, against the true ones: the error of every factor, and of pixels."""
    from gantk import load_generator
    from gantk.ghfeat.projection import ProjectionPlan, project
    from gantk.world.oracle import ROWS, DemoOracle

    generator = load_generator("demo-oracle")
    assert isinstance(generator, DemoOracle)
    wp = generator.expand(generator.map(generator.sample_z(count, SAMPLE_SEED)))
    target, truth = generator.synthesize(wp).detach(), generator.factors(wp)
    found = project(generator, target, ProjectionPlan("s", 150, rate=0.1, frames=0))
    rows = torch.zeros_like(wp)
    for index, style in enumerate(found.codes):
        rows[:, index] = style @ generator.rotation[:, ROWS[index].columns].t()
    span = torch.tensor([factor.high - factor.low for factor in FACTORS])
    error = (generator.factors(rows) - truth).abs() / span
    return {
        "images": count,
        "start_mse": found.losses[0].mean().item(),
        "mse": (found.image_NCHW - target).square().mean().item(),
        "median_error": {name: error[:, i].median().item() for i, name in enumerate(FACTOR_NAMES)},
    }


# --- for people ------------------------------------------------------------------------------------------------------


def show(result: dict[str, Any]) -> str:
    parts = [_bars(result), _kept(result["reconstruction"]), _probes(result["probes"]), _others(result["probes"])]
    return "\n\n".join([*parts, _styles(result["styles"]), _local(result["local"]), _refined(result)])


def _bars(result: dict[str, Any]) -> str:
    r = result["reconstruction"]
    asked = [factor.name for factor in FACTORS if factor.group in ("layout", "attributes")]
    worst = min(asked, key=lambda name: r["recovery"][name])
    beyond = max(entry["beyond_reach"] for entry in result["local"])
    rows = [
        ["MSE of the mean code over that of reconstructions", f">= {MSE_BAR:g}", f"{r['ratio']:.2f}",
         _verdict(r["ratio"] >= MSE_BAR)],
        ["R2 of layout and attribute factors, reconstruction against original", f">= {RECOVERY_BAR:g}",
         f"{r['recovery'][worst]:.3f} at worst ({worst})", _verdict(r["recovery"][worst] >= RECOVERY_BAR)],
        ["largest change beyond the reach of a local edit", "0", f"{beyond:g}", _verdict(beyond == 0)],
    ]  # fmt: skip
    text = (
        f"{result['parameters']:,} parameters. Reconstructions of held-out renders: MSE {r['mse']:.4f} (mean code "
        f"{r['mean_code_mse']:.4f}), {r['psnr']:.1f} dB, SSIM {r['ssim']:.3f}, feature distance {r['perceptual']:.3f}."
    )
    return f"{table(['', 'bar', 'measured', ''], rows)}\n\n{text}"


def _verdict(passed: bool) -> str:
    return "pass" if passed else "FAIL"


def _kept(r: dict[str, Any]) -> str:
    rows = [
        [f.name, f.group, f"{r['recovery'][f.name]:.3f}", f"{r['truth_of_reconstruction'][f.name]:.3f}",
         f"{r['truth_of_original'][f.name]:.3f}"]
        for f in FACTORS
    ]  # fmt: skip
    head = ["factor", "group", "reconstruction against original", "reconstruction against truth",
            "original against truth"]  # fmt: skip
    return f"*What reconstructions keep*, R2 of what the predictor reads.\n\n{table(head, rows)}"


def _probes(found: dict[str, Any]) -> str:
    scores = found["regression"]
    rows = [
        [entry["name"], *(f"{max(value, 0):.2f}" for value in values)]
        for entry, values in zip(found["features"], scores["values"], strict=True)
    ]
    best = listed([f"{found['groups'][group]['best_row']} for {group}" for group in GROUPS])
    text = (
        "*What each level knows*: R2 of every factor from the codes of one level alone, cross-validated; below them "
        f"from all levels together and from the baselines. The best row is {best}."
    )
    return f"{text}\n\n{table(['features', *scores['columns']], rows)}"


def _others(found: dict[str, Any]) -> str:
    head = ["features", *(f"{name}: accuracy" for name in found["classification"]["columns"]),
            *(f"{name}: precision at 5" for name in found["retrieval"]["columns"]), "points, % of the image",
            "verification", "area"]  # fmt: skip
    checks = {entry["name"]: entry for entry in found["verification"]}
    rows = []
    for i, entry in enumerate(found["features"]):
        if entry["kind"] == "level":
            continue
        check = checks[entry["name"]]
        rows.append([
            entry["name"], *(f"{v:.2f}" for v in found["classification"]["values"][i]),
            *(f"{v:.2f}" for v in found["retrieval"]["values"][i]), f"{100 * found['landmarks']['values'][i][0]:.1f}",
            f"{check['accuracy']:.3f}", f"{check['area']:.3f}",
        ])  # fmt: skip
    vote = checks["vote of the levels"]
    text = (
        "*Classes, points, and whether two scenes show the same house* at another time and season. A vote of the "
        f"levels tells {vote['accuracy']:.3f} of the pairs right."
    )
    return f"{text}\n\n{table(head, rows)}"


def _styles(errors: Sequence[float]) -> str:
    shown = ", ".join(f"{value:.2f}" for value in errors)
    return (
        "*Styles of the generator's own samples found again*: squared error over variance (from 1 on no better than "
        f"the mean style) for each row of wp, coarsest first: {shown}."
    )


def _local(entries: Sequence[dict[str, Any]]) -> str:
    rows = [
        [
            ", ".join(e["layers"]),
            f"{e['inside']:.4f}",
            f"{e['outside']:.5f}",
            f"{e['beyond_reach']:g}",
            f"{e['reach']:.2f}",
        ]
        for e in entries
    ]
    head = ["exchanged at", "change inside", "outside", "beyond its reach", "share of the image in reach"]
    return f"*Local edits*: mean absolute change of pixels in [-1, 1].\n\n{table(head, rows)}"


def _refined(result: dict[str, Any]) -> str:
    r, o = result["refined"], result["oracle"]
    parts = listed([f"{value:.4f} ({name})" for name, value in r.items() if name != "images"])
    median = float(np.median(list(o["median_error"].values())))
    return (
        f"*Optimisation*: the MSE on {r['images']} renders is {parts}. On demo-oracle 150 steps bring the MSE of "
        f"{o['images']} samples from {o['start_mse']:.4f} to {o['mse']:.4f}; the median error is then within "
        f"{median:.3f} of the range for half of the factors."
    )
