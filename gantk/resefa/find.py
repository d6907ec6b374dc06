"""The run of `gantk resefa directions`: solve, save, measure on held-out codes, draw.

A region that is finished is in the manifest; a run that is continued goes on with the next one.

Legend: N samples, K directions, d free coordinates, L rows of wp, D width of a code, S x S pixels of the working size.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gantk.codes.directions import Direction, save_direction
from gantk.codes.latents import parse_truncation
from gantk.codes.source import CodeSource
from gantk.comparators.lowrank import low_rank_directions
from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.generators.probe import probe
from gantk.generators.rows import parse_layers
from gantk.pictures.images import to_uint8
from gantk.resefa.accumulate import Accumulated, JacobianPlan, Source, sample_jacobian
from gantk.resefa.compat import compat_directions, compat_name
from gantk.resefa.jacobian import Output
from gantk.resefa.leading import Products, leading_directions
from gantk.resefa.measure import LEVELS, REACH, HeldOut, Score, Walk, score, step_grid, walk
from gantk.resefa.pictures import enlarged, heat, outlined, overlay_name, rms_change, write_overlays
from gantk.resefa.reduce import Reduced, reduce_to
from gantk.resefa.regions import Regions
from gantk.resefa.rivals import Rivals
from gantk.resefa.solve import SIGN_RULE, TAU, Solution, alike, oriented, rates, solve
from gantk.resefa.variables import Variable, choose
from gantk.runs.run import Run, progress, save_image, save_npy
from gantk.runs.walks import symmetric_steps

SHOWN_CHANGE = 0.1  # root mean square change inside at the ends of a slider, to first order
SPREAD_CODES = 512

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Search:
    """What `find_directions` does; see the options of `gantk resefa directions`."""

    regions: tuple[str, ...]
    count: int = 32
    tau: float = 1e-3
    layers: str | None = None
    space: str | None = None
    low_rank: bool = False
    held_out: int = 16
    seed: int = 1
    shown: int = 5
    samples: int = 3
    steps: int = 9
    against: tuple[str, ...] = ()
    batch_size: int = 16


def variable_of(found: Accumulated, generator: Generator) -> Variable:
    """The variable that a run's Gram matrices are of."""
    made = found.arguments
    return choose(generator, made["space"], tuple(made["layers"]), made["part"])


def reduced_of(found: Accumulated, generator: Generator, layers: str | None, space: str | None) -> Reduced:
    """The variable that ``--layers`` and ``--space`` choose out of a run's.

    Raises:
        UsageError: the run has no such rows.
    """
    truncation = parse_truncation(found.arguments["truncation"], generator.spec)
    rows = parse_layers(layers, generator.spec.num_layers, {e.name: e.row for e in generator.layers})
    return reduce_to(generator, variable_of(found, generator), truncation, space, rows if layers else None)


def find_directions(
    run: Run, generator: Generator, found: Accumulated, search: Search, regions: Regions | None
) -> Iterator[str]:
    """Write a direction file per region, measure and draw; yields a line about each.

    Args:
        regions: where they are in fresh images; needed to measure.
    """
    reduced = reduced_of(found, generator, search.layers, search.space)
    rivals = Rivals(generator, reduced.variable, seed=search.seed)
    reach = REACH * spread(generator, reduced.variable, search.seed)
    names = list(found.arguments["names"])
    own_probe = probe(generator)
    entries: list[Any] = []
    mark = _mark(found)
    if run.results.get("grams") != mark:
        run.record("regions", [])
        run.record("grams", mark)
    finished = _finished(run, "regions")
    for name in search.regions:
        if name in finished:
            entries.append(finished[name])
            yield f"{name}: found before, kept"
            continue
        place = names.index(name)
        try:
            inside, outside = (reduced.gram(part) for part in found.grams.pair(place))
            solution = _solve(inside, outside, reduced.vector(found.grams.brightness[place]), search)
        except UsageError as error:
            raise UsageError(f"Region {name!r}: {error}") from None
        scales = [min(step_grid(rate, reach, (SHOWN_CHANGE,))[3], reach) for rate in solution.change]
        about = {
            "region": name,
            "region_text": found.arguments["regions"][place],
            "tau": search.tau,
            "method": "lowrankgan" if search.low_rank else "resefa",
            "eigenvalues": solution.eigenvalues,
            "quotients": solution.quotients,
            "change": solution.change,
            "scales": scales,
            "condition": solution.condition,
            "sign": SIGN_RULE,
            "samples": int(found.arguments["num"]),
            "truncation": found.arguments["truncation"],
            "channels": found.arguments["channels"],
            "size": found.arguments["size"],
            "margin": found.arguments["margin"],
            "seed": found.arguments["seed"],
            "jacobian": found.command_line,
        }
        direction = _direction(name, solution.vectors, reduced.variable, scales, own_probe, about, generator)
        save_direction(run.output(f"{name}.safetensors", f"directions of {name}"), direction)
        entry: dict[str, Any] = {
            "name": name, "text": about["region_text"], "file": f"{name}.safetensors", "space": direction.space,
            "layers": direction.layers, "eigenvalues": solution.eigenvalues, "quotients": solution.quotients,
            "scales": scales, "condition": solution.condition, "alike": alike(solution.vectors[: search.shown]),
        }  # fmt: skip
        if search.held_out and regions is not None:
            held = held_out(generator, found, search, regions, place)
            mine = {"resefa": solution.vectors[: search.shown]}
            for method in search.against:
                if method != "resefa":
                    steps = rivals.directions(method, inside, outside, search.shown, search.tau)
                    if steps is not None:
                        mine[method] = steps
            entry |= _measure(held, mine, reduced.variable, inside, reach, generator)
            entry["pictures"] = _draw(run, held, direction, scales, entry, search)
        entries.append(entry)
        run.record("regions", entries)
        run.save()
        yield _line(entry)
    run.record("levels", LEVELS)


def _mark(found: Accumulated) -> str:
    """CRC-32 of the Gram matrices: regions found in others, which `--overwrite` has replaced since, are not kept."""
    grams = found.grams
    parts = (grams.total, grams.inside, grams.margin, grams.rows, grams.brightness)
    crc = 0
    for part in parts:
        crc = crc if part is None else zlib.crc32(np.ascontiguousarray(part).tobytes(), crc)
    return f"{crc:08x}"


def _finished(run: Run, key: str) -> dict[str, Any]:
    """Regions by name that an earlier attempt at this run finished."""
    return {entry["name"]: entry for entry in run.results.get(key, []) if run.path(entry["file"]).is_file()}


def _solve(inside: Array, outside: Array, bright: Array, search: Search) -> Solution:
    solution = solve(inside, outside, search.tau, search.count, bright)
    if not search.low_rank:
        return solution
    found = low_rank_directions(inside, outside, count=search.count)
    vectors = oriented(found.vectors, bright)
    above, below = rates(vectors, inside), rates(vectors, outside)
    ridge = below + search.tau * float(np.trace(outside))
    return Solution(vectors, above / ridge, above / np.maximum(below, 1e-300), np.sqrt(above), solution.condition)


def _direction(
    name: str,
    vectors_Kd: Array,
    variable: Variable,
    scales: list[float],
    own_probe: Any,
    about: dict[str, Any],
    generator: Generator,
) -> Direction:
    """Steps [K, d] as a direction of the variable's space and rows."""
    full = variable.embed(torch.from_numpy(np.ascontiguousarray(vectors_Kd))).numpy().astype(np.float32)
    every = variable.layers == tuple(range(generator.spec.num_layers))
    layers = None if every or variable.space == "z" else variable.layers
    scale = float(np.median(scales[:8])) if scales else 3.0
    return Direction(name, "direction", variable.space, full, None, layers, scale, own_probe, about)


def spread(generator: Generator, variable: Variable, seed: int) -> float:
    """Root mean square distance of codes from their mean, in the free coordinates of the variable."""
    with torch.no_grad():
        z_ND = generator.sample_z(SPREAD_CODES, seed=seed)
        label = generator.sample_label(SPREAD_CODES, seed=seed)
        if variable.space == "z":
            code = z_ND
        else:
            w_ND = generator.map(z_ND, label)
            code = generator.expand(w_ND) if variable.space == "wp" else w_ND
        free_Nd = variable.restrict(code)
        return float((free_Nd - free_Nd.mean(0)).square().sum(1).mean().sqrt())


def held_out(generator: Generator, found: Accumulated, search: Search, regions: Regions, place: int) -> HeldOut:
    """Fresh codes, their images and where one region is in them."""
    count, made = search.held_out, found.arguments
    truncation = parse_truncation(made["truncation"], generator.spec)
    with torch.inference_mode(False), torch.no_grad():
        z_ND = generator.sample_z(count, seed=search.seed)
        label = fresh_labels(generator, count, search.seed, made.get("label"))
        wp_NLD = generator.expand(generator.map(z_ND, label), truncation).contiguous()
        parts = [generator.synthesize(wp, noise=made["noise"]).cpu() for wp in wp_NLD.split(search.batch_size)]
    inside, ring = regions.sides(regions.masks(generator, wp_NLD))
    mask, around = inside[:, place], ring[:, place]
    if not mask.any():
        raise UsageError(f"Region {regions.names[place]!r} is empty in all held-out samples: give --held-out more.")
    return HeldOut(
        generator, truncation, z_ND, wp_NLD, torch.cat(parts), mask, ~mask & ~around,
        Output(int(made["size"])), label, made["noise"], search.batch_size,
    )  # fmt: skip


def fresh_labels(generator: Generator, count: int, seed: int, given: str | None) -> torch.Tensor | None:
    """Labels for fresh codes of a run with ``--label``: the same class; random ones where it read them from a file."""
    label = "random" if given is not None and given.endswith(".npy") else given
    return CodeSource(generator, count, seed, label=label).labels(0, count)


def _measure(
    held: HeldOut, methods: dict[str, Array], variable: Variable, inside: Array, reach: float, generator: Generator
) -> dict[str, Any]:
    """Walk every method's directions and score them at the same change inside."""
    scores: list[Score] = []
    own: list[Walk] = []
    total = sum(len(steps) for steps in methods.values())
    with progress(total, "measure", unit="direction") as bar:
        for method, steps_Kd in methods.items():
            walks = []
            direction = _direction(method, steps_Kd, variable, [], None, {}, generator)
            for row, rate in enumerate(np.sqrt(rates(steps_Kd, inside))):
                walks.append(walk(held, direction, row, step_grid(float(rate), reach)))
                bar.update(1)
            scores += score(method, walks)
            own = walks if method == "resefa" else own
    each = []
    for row, walked in enumerate(own):
        found = [walked.at(level) for level in LEVELS]
        keys = ("distance", "outside", "roir")
        each.append({"row": row, "levels": [dict(zip(keys, values, strict=True)) for values in found]})
    return {"scores": scores, "walks": each, "share": float(held.inside_NSS.mean())}


def _draw(
    run: Run, held: HeldOut, direction: Direction, scales: list[float], entry: dict[str, Any], search: Search
) -> list[dict[str, Any]]:
    """Strips of a few samples along the first directions, and where they change, at the end of each strip."""
    rows = slice(0, min(search.samples, len(held.wp_NLD)))
    base = held.image_NCHW[rows]
    folder = f"{entry['name']}_steps"
    run.output(folder, f"{entry['name']} along its directions")
    for sample, picture in enumerate(to_uint8(base)):
        save_image(run.path(f"{folder}/region_{sample}.png"), outlined(picture, held.inside_NSS[sample]))
    drawn = []
    for row in range(min(search.shown, len(direction))):
        distances = symmetric_steps(scales[row], search.steps)
        frames: list[list[str]] = [[] for _ in range(len(base))]
        changes = []
        for step, distance in enumerate(distances):
            images = base if distance == 0 else held.edited(direction, row, distance, rows)
            for sample, picture in enumerate(to_uint8(images)):
                frames[sample].append(f"{folder}/{row:02d}_{sample}_{step:02d}.png")
                save_image(run.path(frames[sample][-1]), picture)
            if step in (0, len(distances) - 1):
                changes.append(rms_change(images, base))
        change_NHW = np.maximum(*changes) if len(changes) == 2 else changes[0]
        limit = float(np.quantile(change_NHW, 0.995))
        heats = []
        for sample, change_HW in enumerate(change_NHW):
            heats.append(f"{folder}/{row:02d}_{sample}_heat.png")
            save_image(run.path(heats[-1]), enlarged(heat(change_HW, limit)))
        drawn.append({
            "row": row, "distances": distances, "frames": frames, "heat": heats, "limit": limit,
        })  # fmt: skip
    return drawn


def _line(entry: dict[str, Any]) -> str:
    """What the command says about a region."""
    text = f"{entry['name']}: quotients {', '.join(f'{value:.3g}' for value in entry['quotients'][:3])}"
    scores = [part for part in entry.get("scores", []) if part.level == LEVELS[1]]
    found = [f"{part.method} {part.roir:.2f}" for part in scores if np.isfinite(part.roir)]
    return text + (f"; ROIR on held-out codes: {', '.join(found)}" if found else "")


def find_leading(run: Run, source: Source, regions: Regions, plan: JacobianPlan, count: int) -> None:
    """Write the leading directions of every region without its Gram matrices: for codes of thousands of coordinates."""
    generator, total = source.generator, source.total
    reach = REACH * spread(generator, plan.variable, int(run.manifest["arguments"]["seed"]))
    jacobians, inside, outside = [], [], []
    for sample in range(total):
        jacobian, wp_1LD = sample_jacobian(source, sample, plan)
        mask_1RSS, ring_1RSS = regions.sides(regions.masks(generator, wp_1LD, sample))
        jacobians.append(jacobian)
        inside.append(mask_1RSS[0])
        outside.append(~mask_1RSS[0] & ~ring_1RSS[0])
        if sample < plan.preview:
            write_overlays(run, generator, wp_1LD, mask_1RSS[0], regions.names, sample)
    run.output("regions", "the samples and their regions")
    own_probe, finished = probe(generator), _finished(run, "leading")
    entries: list[Any] = []
    for place, name in enumerate(progress(regions.names, "leading", unit="region")):
        if name in finished:
            entries.append(finished[name])
            continue
        products = Products(jacobians, [mask[place] for mask in inside], [mask[place] for mask in outside])
        found = leading_directions(products, min(count, plan.variable.dim))
        scales = [min(step_grid(rate, reach, (SHOWN_CHANGE,))[3], reach) for rate in found.change]
        about = {"region": name, "method": "resefa, matrix-free", "eigenvalues": found.eigenvalues, "tau": TAU}
        about |= {"quotients": found.quotients, "change": found.change, "scales": scales, "samples": total}
        direction = _direction(name, found.vectors, plan.variable, scales, own_probe, about, generator)
        save_direction(run.output(f"{name}.safetensors", f"leading directions of {name}"), direction)
        share = float(np.mean([mask[place].mean() for mask in inside]))
        entries.append({
            "name": name, "text": regions.items[place].text, "share": share, "eigenvalues": found.eigenvalues,
            "quotients": found.quotients, "scales": scales, "passes": products.passes, "file": f"{name}.safetensors",
            "pictures": [overlay_name(sample, name) for sample in range(min(plan.preview, total))],
        })  # fmt: skip
        run.record("leading", entries)
        run.save()


def write_compat(
    run: Run, found: Accumulated, regions: tuple[str, ...], full_rank: bool, tau: float, count: int | None, name: str
) -> None:
    """Each sample's directions as the released script finds them, under its file names."""
    names = list(found.arguments["names"])
    entries = []
    for region in regions:
        place = names.index(region)
        for sample, grams in enumerate(found.samples):
            try:
                pair = grams.pair(place)
            except UsageError as error:
                raise UsageError(f"Region {region!r} of sample {sample}: {error}") from None
            try:
                vectors, values = compat_directions(*pair, full_rank, tau)
            except np.linalg.LinAlgError:
                raise UsageError(
                    f"The background's Gram matrix of sample {sample} is singular, and the released script inverts it: "
                    "give --full-rank."
                ) from None
            file = compat_name(sample, region, name)
            save_npy(run.output(file, "as the released script writes it"), vectors[:count])
            entries.append({"name": region, "sample": sample, "file": file, "eigenvalues": values[:32]})
    run.record("compat", entries)
