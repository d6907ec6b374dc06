"""LSE's part of the tour: a head from 8 labelled images, images with a wanted label map, one edit by a stroke."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from gantk.lse.claims import with_worst
from gantk.runs.claims import measured, percent
from gantk.runs.reporting import load_result
from gantk.tour.results import Chapter
from gantk.tour.tour import Step, Tour

if TYPE_CHECKING:
    from gantk.lse.image_results import EditResult, SampleResult
    from gantk.lse.results import FewshotResult

FEWSHOT, SAMPLED, EDITED = "fewshot", "sampled", "edited"
SHOTS = 8
# Of a tour that is not full:
FRESH = 48  # images the head is scored on
SEARCH = ("2", "2", "96", "20")  # wanted maps, samples of each, codes to begin from, steps
STEPS_OF_EDIT = "30"
STROKE = ("mountain", (24, 4, 36, 30))  # class and box (top, left, bottom, right), in pixels of 64


def head_of(tour: Tour) -> str:
    """The few-shot head of the tour."""
    return str(tour.folder(FEWSHOT) / "heads" / f"n{SHOTS}-r0.safetensors")


def fewshot(tour: Tour) -> Chapter:
    """Fit a head and score it against what labels the images."""
    num = 1000 if tour.full else FRESH
    words = ["lse", "fewshot", tour.model, "--shots", str(SHOTS), "--held-out", str(num), "--seed", str(tour.seed)]
    tour.call([*words, "-o", str(tour.folder(FEWSHOT))])
    result = cast("FewshotResult", load_result(tour.folder(FEWSHOT)))
    row = result.shots[0]
    judge = "the true classes" if result.judge == "truth" else f"the segmenter `{result.judge}`"
    assert row.scores is not None
    miou = row.scores.paper_miou
    time = "" if row.seconds is None else f" in {row.seconds:.1f} s"
    low, high = row.scores.intervals[0]
    tour.finds(
        f"A linear head fitted to {SHOTS} labelled images has a mIoU of **{measured(miou, low, high)}** on {num} fresh "
        f"ones, against {judge}."
    )
    return Chapter(
        title=f"Segmentation from {SHOTS} labelled images",
        text=f"A linear head that reads the generator's own maps was fitted to {SHOTS} labelled images{time}: mIoU "
        f"{miou:.2f} on {num} fresh ones.",
        picture=next((tour.image(FEWSHOT, image) for image in result.sheet), None),
        alt="A fresh image, its labels, and the head's classes",
        page=f"{FEWSHOT}/lse-fewshot.html",
    )


def sampling(tour: Tour) -> Chapter:
    """Images that have wanted label maps, found with the few-shot head."""
    size = ("8", "4", "1024", "50") if tour.full else SEARCH
    targets, samples, bank, steps = size
    words = ["lse", "sample", tour.model, head_of(tour), "--num-targets", targets, "--per-target", samples]
    words += ["--bank", bank, "--steps", steps, "--seed", str(tour.seed), "-o", str(tour.folder(SAMPLED))]
    tour.call(words)
    result = cast("SampleResult", load_result(tour.folder(SAMPLED)))
    return Chapter(
        title="Images with a wanted label map",
        text="Codes were optimised until the head reads the wanted label map from their images. As "
        f"{result.judge} labels them, {percent(result.scores.accuracy)} of the pixels are as wanted; "
        f"they have {with_worst(result.scores, result.class_names)}.",
        picture=tour.image(SAMPLED, result.targets[0].wanted),
        alt="A wanted label map",
        page=f"{SAMPLED}/lse-sample.html",
    )


def editing(tour: Tour) -> Chapter:
    """One image edited by one stroke."""
    name, box = STROKE
    shape = ",".join(str(edge * tour.generator.spec.resolution // 64) for edge in box)
    words = ["lse", "edit", tour.model, head_of(tour), "--shape", f"{name}:{shape}", "--index", "5"]
    words += ["--seed", str(tour.seed), "--steps", "60" if tour.full else STEPS_OF_EDIT]
    tour.call([*words, "-o", str(tour.folder(EDITED))])
    result = cast("EditResult", load_result(tour.folder(EDITED)))
    assert result.followed is not None
    before, after = result.followed
    return Chapter(
        title="An edit by a stroke",
        text=f"A {name} was painted onto an image and its code was optimised to follow: of the stroke's pixels "
        f"{percent(before)} were {name} before and {percent(after)} are now, by the head's labels; pixels outside the "
        f"stroke changed by {result.changed:.2f} (RMS, of a range of 2).",
        picture=tour.image(EDITED, result.after),
        alt="The image after the edit",
        page=f"{EDITED}/lse-edit.html",
    )


STEPS = (
    Step("few-shot head", fewshot),
    Step("sampling by labels", sampling),
    Step("editing by a stroke", editing),
)
