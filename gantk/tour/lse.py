"""LSE's part of the tour: a head from 8 labelled images, images with a wanted label map, one edit by a stroke."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from gantk.runs.results import load_result
from gantk.tour.tour import Chapter, Step, Tour

if TYPE_CHECKING:
    from gantk.lse.image_results import EditResult, SampleResult
    from gantk.lse.results import FewshotResult

FEWSHOT, SAMPLED, EDITED = "fewshot", "sampled", "edited"
SHOTS = 8
STROKE = ("mountain", (24, 4, 36, 30))  # class and box (top, left, bottom, right), in pixels of 64


def head_of(tour: Tour) -> str:
    """The few-shot head of the tour."""
    return str(tour.folder(FEWSHOT) / "heads" / f"n{SHOTS}-r0.safetensors")


def fewshot(tour: Tour) -> Chapter:
    """Fit a head and score it against what labels the images."""
    num = 1000 if tour.full else 48
    words = ["lse", "fewshot", tour.model, "--shots", str(SHOTS), "--num-eval", str(num), "--seed", str(tour.seed)]
    tour.call([*words, "-o", str(tour.folder(FEWSHOT))])
    result = cast("FewshotResult", load_result(tour.folder(FEWSHOT)))
    row = result.shots[0]
    judge = "the true classes" if result.judge == "truth" else f"the segmenter `{result.judge}`"
    assert row.scores is not None
    miou = row.scores.paper_miou
    time = "" if row.seconds is None else f" in {row.seconds:.1f} s"
    tour.found.setdefault("findings", []).append(
        f"{SHOTS} labelled images teach a linear head the classes of every pixel with a mIoU of **{miou:.3f}**."
    )
    return {
        "title": "Where each class is, from eight labelled images",
        "text": f"The generator's own maps know where things are: a linear head that reads them was fitted to {SHOTS} "
        f"labelled images{time} and scored on {num} fresh ones against {judge}.",
        "headline": [
            {"value": miou, "name": "mIoU", "note": f"from {SHOTS} labelled images"},
            {"value": row.scores.dataset_miou, "name": "mIoU, all pixels", "note": "of the summed confusion matrix"},
        ],
        "images": [tour.relative(FEWSHOT, image.name) for image in result.sheet[:4]],
        "alt": "Image, labels, and what the head sees",
        "caption": "From left to right: a fresh image, its labels, and what the head sees.",
        "page": tour.relative(FEWSHOT, "lse-fewshot.html"),
        "link": "The head, class by class",
    }


def sampling(tour: Tour) -> Chapter:
    """Images that have wanted label maps, found with the few-shot head."""
    size = ("8", "4", "1024", "50") if tour.full else ("2", "2", "96", "20")
    targets, samples, bank, steps = size
    words = ["lse", "sample", tour.model, head_of(tour), "--num-targets", targets, "--samples", samples]
    words += ["--bank", bank, "--steps", steps, "--seed", str(tour.seed), "-o", str(tour.folder(SAMPLED))]
    tour.call(words)
    result = cast("SampleResult", load_result(tour.folder(SAMPLED)))
    target = result.targets[0]
    return {
        "title": "Images with a wanted label map",
        "text": "The head turns the question round: codes are moved until their images have the label map that was "
        f"asked for. Looked at again, {result.scores.accuracy:.0%} of the pixels are as wanted.",
        "images": [tour.relative(SAMPLED, image.name) for image in (target.wanted, *target.samples)],
        "alt": "A wanted label map, or a sample beside its labels",
        "caption": "First the wanted labels, then samples beside the labels they have.",
        "page": tour.relative(SAMPLED, "lse-sample.html"),
        "link": "All targets and samples",
    }


def editing(tour: Tour) -> Chapter:
    """One image edited by one stroke."""
    name, box = STROKE
    shape = ",".join(str(edge * tour.generator.spec.resolution // 64) for edge in box)
    words = ["lse", "edit", tour.model, head_of(tour), "--shape", f"{name}:{shape}", "--index", "5"]
    words += ["--seed", str(tour.seed), "--steps", "60" if tour.full else "30"]
    tour.call([*words, "-o", str(tour.folder(EDITED))])
    result = cast("EditResult", load_result(tour.folder(EDITED)))
    assert result.followed is not None
    before, after = result.followed
    shown = (result.before, result.stroke, result.after, result.change)
    return {
        "title": "An edit by a stroke",
        "text": f"A mountain was painted onto an image and its code changed accordingly: of the stroke's pixels "
        f"{before:.0%} were mountain before and {after:.0%} are now, as the head sees them; pixels outside the stroke "
        f"changed by {result.changed:.2f} (RMS, of a range of 2).",
        "images": [tour.relative(EDITED, image.name) for image in shown],
        "alt": "The image before, the stroke, the image after, and the change",
        "caption": "Before, the stroke, after, and where the image changed.",
        "page": tour.relative(EDITED, "lse-edit.html"),
        "link": "The edit with its slider",
    }


STEPS = (
    Step("few-shot head", fewshot),
    Step("sampling by labels", sampling),
    Step("editing by a stroke", editing),
)
