"""The page of `gantk train-predictor`."""

from __future__ import annotations

from collections.abc import Sequence

from gantk.fewlabels.results import FILE, SUGGESTED, Learned, Seen, TrainedPredictor
from gantk.reports.page import Page
from gantk.reports.sections import CellValue, Column, Link, Links, Picture, Prose, Section, Sheet, Table

ABOUT = (
    "A linear probe on features of ImageNet, of several stages. Accuracy is by leave-one-out: each label is told by a "
    "probe that did not have it."
)
LEFT_OUT = "Each attribute, told of labels that the probe did not have."
NUMBERS = "For numbers R2 stands in place of the accuracy, and the correlation in place of the balanced accuracy."
CELL = 104  # pixels: eight fit side by side, as many as are shown
COLUMNS = (
    Column("attribute"),
    Column("labels", "Number of labelled images", 0),
    Column("positive", "How many of them have it", 0),
    Column("accuracy", "Share told right by leave-one-out"),
    Column("from", "Lower end of its 95 % interval"),
    Column("to", "Upper end of its 95 % interval"),
    Column("balanced", "Mean of the shares of both classes told right"),
    Column("AUC", "How often one that has it scores above one that has not"),
)


def page(result: TrainedPredictor) -> Page:
    """Cards, images to label next, doubted labels, and both ends of what has no label."""
    rows: list[list[CellValue]] = []
    for card in (each.card for each in result.attributes):
        positives = card.positives if card.is_class else None
        rows.append([card.name, card.labels, positives, card.accuracy, card.low, card.high, card.balanced, card.auc])
    caption = LEFT_OUT if all(each.card.is_class for each in result.attributes) else f"{LEFT_OUT} {NUMBERS}"
    sections: list[Section] = [
        Prose(result.sentence(), tone="finding"), Prose(ABOUT), Table(COLUMNS, rows, "Attributes", caption)
    ]  # fmt: skip
    for each in result.attributes:
        sections += _attribute(each)
    links = [Link(FILE, FILE, "Every command takes it as --predictor.")]
    if any(each.suggested for each in result.attributes):
        links.append(Link(SUGGESTED, SUGGESTED, "A table of the images to label next, to fill in."))
    sections.append(Links(links, "Files"))
    attributes, labelled, others = (
        f"{count} {what}{'' if count == 1 else 's'}"
        for count, what in (
            (len(result.attributes), "attribute"), (result.labelled, "labelled image"), (result.unlabelled, "image")
        )
    )  # fmt: skip
    without = f"{others} {'has' if result.unlabelled == 1 else 'have'} no label."
    subtitle = f"{result.name}: {attributes} from {labelled}; {without}"
    return Page("Predictor from few labels", subtitle, sections)


def _attribute(each: Learned) -> list[Section]:
    name = each.card.name
    unit = "probability" if each.card.is_class else "score"
    sheets = (
        (each.suggested, f"{name}: label these next", "The least sure first: a label of these teaches most."),
        (each.doubted, f"{name}: doubted labels", "Told otherwise by a probe that did not have them: rare ones, or "
         "typing errors."),
        (each.most, f"{name}: most", "Images without a label that score highest."),
        (each.least, f"{name}: least", "Images without a label that score lowest."),
    )  # fmt: skip
    return [Sheet(_pictures(seen, name, unit), title, text, CELL) for seen, title, text in sheets if seen]


def _pictures(seen: Sequence[Seen], name: str, unit: str) -> list[Picture]:
    found = []
    for each in seen:
        label = "" if each.label is None else f", label {each.label:g}"
        said = f"{each.score:.2f}{label}"
        found.append(Picture(each.image.source, f"{each.file}: {unit} of {name} {said}", f"{each.file} {said}"))
    return found
