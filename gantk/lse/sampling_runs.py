"""A run of semantic-conditional sampling: the bank in chunks, then targets in chunks, then scores and pictures.

Shape legend: T targets, n samples of each, B codes of the bank, K classes, S side of the labels, L rows of wp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.lse.codes import CodeStream
from gantk.lse.label_maps import read_label_map
from gantk.lse.metrics import confusion, image_iou, scores
from gantk.lse.sampling import Search, best_starts, diversity, label_codes, matches, sample, shrink, start_codes
from gantk.lse.tables import side_by_side
from gantk.lse.teachers import Teacher
from gantk.predictors.grids import resize_grid
from gantk.predictors.heads import Head
from gantk.runs.run import CONCATENATE, Run, progress
from gantk.store.files import load_npy, save_image

Labels = npt.NDArray[np.uint8]
BANK, BANK_SIDE = "bank", 64
ARRAYS = ("codes", "wp", "counts", "curve", "spread", "start")
TARGETS = 3_000_000  # number of the first sample that becomes a target


@dataclass(frozen=True, eq=False)
class Work:
    """What is sampled, from what, and what judges it.

    `through` is what the loss sees: the head, or the judge through the image (the paper's baseline).
    """

    head: Head
    stream: CodeStream
    judge: Teacher
    search: Search
    bank: int
    batch: int
    through: str = "head"

    @property
    def size(self) -> int:
        return self.head.info.size

    def logits(self, wp: Tensor) -> Tensor:
        generator = self.stream.generator
        if self.through == "head":
            return self.head.segment_codes(generator, wp)
        return self.judge.logits(generator, wp, generator.synthesize(wp), self.size)


def read_targets(paths: Sequence[str], work: Work) -> tuple[list[str], list[Labels]]:
    """Targets from index PNGs and folders of them."""
    files: list[Path] = []
    for text in paths:
        path = Path(text)
        files += sorted(path.glob("*.png")) if path.is_dir() else [path]
        if path.is_dir() and not any(path.glob("*.png")):
            raise UsageError(f"The folder {path} has no label maps (*.png) in it.")
    found = [read_label_map(file, len(work.head.class_names), work.size) for file in files]
    return [file.stem for file in files], found


@torch.inference_mode()
def drawn_targets(work: Work, num: int) -> tuple[list[str], list[Labels]]:
    """Label maps of fresh samples, as the judge sees them: targets that the generator can reach."""
    generator = work.stream.generator
    stream = CodeStream(generator, work.stream.seed, work.stream.truncation, False, work.stream.label, TARGETS)
    wp = stream.wp(0, num)
    label = work.judge.label(generator, wp, generator.synthesize(wp), work.size).cpu().numpy()
    return [f"sample {TARGETS + place}" for place in range(num)], list(label)


def make_bank(run: Run, work: Work) -> Labels:
    """Label maps [B, P, P] of the bank's codes; of a shard's run, each shard makes it for itself."""
    side = min(BANK_SIDE, work.size)
    path = run.path(f"{BANK}.npy")
    if path.is_file() and load_npy(path, mmap=True).shape == (work.bank, side, side):
        found: Labels = load_npy(path, mmap=True)
        return found
    parts = []
    with run.timed("bank"), progress(work.bank, "bank", unit="code") as bar, torch.inference_mode():
        for start in range(0, work.bank, work.batch):
            stop = min(start + work.batch, work.bank)
            parts.append(label_codes(work.head, work.stream.wp(start, stop), side, work.stream.generator))
            bar.update(stop - start)
    bank = np.concatenate(parts)
    run.save_npy(f"{BANK}.npy", bank, "label maps of the codes that samples start from")
    return bank


def sample_targets(run: Run, work: Work, targets: Labels) -> None:
    """Codes for every target, chunk by chunk of as many as fit a batch."""
    search = work.search
    chunk = max(1, work.batch // search.samples)
    ledger = run.ledger(dict.fromkeys(ARRAYS, CONCATENATE), len(targets), chunk)
    missing = ledger.missing()
    bank = None if search.paper or not missing else make_bank(run, work)
    with run.timed("sampling"), progress(len(missing) * chunk, "sample", unit="target") as bar:
        for index in missing:
            start, stop = ledger.grid.bounds(index)
            ledger.write(index, _chunk(work, targets[start:stop], start, bank))
            bar.update(stop - start)
    run.assemble(ledger)


def _chunk(work: Work, target_TSS: Labels, first: int, bank: Labels | None) -> dict[str, npt.NDArray[Any]]:
    search, stream = work.search, work.stream
    generator, count, n = stream.generator, len(target_TSS), search.samples
    if bank is None:
        chosen = np.stack([_fresh_starts(work, target, first + place) for place, target in enumerate(target_TSS)])
    else:
        wanted = shrink(target_TSS, bank.shape[-1])
        chosen = best_starts(matches(bank, wanted, len(work.head.class_names)), n)
    start, class_N = start_codes(stream, chosen.ravel(), search.space)
    label_NSS = torch.from_numpy(np.repeat(target_TSS, n, 0)).to(generator.device)
    found = sample(generator, work.logits, start, label_NSS, search, stream.truncation, class_N)
    with torch.inference_mode():
        image = generator.synthesize(found.wp)
        judged = work.judge.label(generator, found.wp, image, work.size).cpu().numpy()
    classes = len(work.head.class_names)
    counts = confusion(judged, np.repeat(target_TSS, n, 0), classes)
    spread = [
        list(diversity(found.wp[t * n : t * n + n], judged[t * n : t * n + n], image[t * n : t * n + n]).values())
        for t in range(count)
    ]
    curve = found.curve_TN.T.cpu().numpy()
    padded = np.concatenate([curve, np.repeat(curve[:, -1:], search.steps + 1 - curve.shape[1], 1)], 1)
    return {
        "codes": found.codes.unflatten(0, (count, n)).cpu().numpy(),
        "wp": found.wp.unflatten(0, (count, n)).cpu().numpy(),
        "counts": counts.reshape(count, n, classes, classes),
        "curve": padded.reshape(count, n, -1).astype(np.float32),
        "spread": np.array(spread, np.float32),
        "start": chosen,
    }


def _fresh_starts(work: Work, target: Labels, place: int) -> npt.NDArray[np.int64]:
    """The released program: for every sample so many fresh codes, of which the best is kept."""
    search, stream = work.search, work.stream
    chosen = []
    for sample_number in range(search.samples):
        first = (place * search.samples + sample_number) * search.starts
        best, most = first, -1.0
        for start in range(first, first + search.starts, work.batch):
            stop = min(start + work.batch, first + search.starts)
            with torch.inference_mode():
                found = label_codes(work.head, stream.wp(start, stop), work.size, stream.generator)
            match = ((found == target) & (target != 255)).sum((1, 2))
            if match.max() > most:
                best, most = start + int(match.argmax()), float(match.max())
        chosen.append(best)
    return np.array(chosen, np.int64)


def record(run: Run, work: Work, names: Sequence[str], targets: Labels) -> None:
    """Scores, diversity, and pictures of every sample beside its target."""
    classes = work.head.class_names
    counts = load_npy(run.path("counts.npy"))
    flat = counts.reshape(-1, len(classes), len(classes))
    found = scores(flat, with_first=not work.judge.has_other)
    spread, curve = load_npy(run.path("spread.npy")), load_npy(run.path("curve.npy"))
    iou = image_iou(flat)
    each = np.array([row[1:][row[1:] >= 0].mean() if (row[1:] >= 0).any() else np.nan for row in iou])
    accuracy = np.trace(flat, axis1=1, axis2=2) / np.maximum(flat.sum((1, 2)), 1)
    shape = counts.shape[:2]
    run.record("paper_miou", found.paper_miou)
    run.record("accuracy", found.accuracy)
    run.record("classes", found.paper_K)
    run.record("class_names", classes)
    run.record("class_colours", work.head.class_colours)
    run.record("judge", work.judge.name)
    run.record("diversity", dict(zip(("codes", "labels", "pixels"), spread.mean(0), strict=True)))
    run.record("curve", {"mean": curve.mean((0, 1)), "low": curve.min((0, 1)), "high": curve.max((0, 1))})
    pictures = _pictures(run, work, targets)
    rows = []
    for t, name in enumerate(names):
        rows.append(
            {
                "name": name,
                "miou": each.reshape(shape)[t],
                "accuracy": accuracy.reshape(shape)[t],
                "diversity": spread[t],
                "start": load_npy(run.path("start.npy"))[t],
                **pictures[t],
            }
        )
    run.record("targets", rows)


@torch.inference_mode()
def _pictures(run: Run, work: Work, targets: Labels) -> list[dict[str, Any]]:
    from gantk.pictures.images import to_rgb8

    generator, wp = work.stream.generator, load_npy(run.path("wp.npy"), mmap=True)
    colours = work.head.class_colours
    found = []
    for t, target in enumerate(targets):
        codes = torch.from_numpy(np.array(wp[t])).to(generator.device)
        image = generator.synthesize(codes)
        judged = work.judge.label(generator, codes, image, work.size).cpu().numpy()
        drawn = to_rgb8(resize_grid(image.float(), work.size))
        files = [f"samples/{t:03d}-{n:02d}.png" for n in range(len(drawn))]
        for file, picture, label in zip(files, drawn, judged, strict=True):
            save_image(run.path(file), side_by_side([picture, label], colours))
        empty = np.full((*target.shape, 3), 235, np.uint8)  # as wide as a sample and its labels
        save_image(run.path(f"samples/{t:03d}-target.png"), side_by_side([empty, target], colours))
        found.append({"target": f"samples/{t:03d}-target.png", "samples": files})
    run.output("samples", "targets, and samples beside their label maps")
    return found
