"""The page of `gantk train-predictor`."""

from __future__ import annotations

from collections.abc import Sequence

from gantk.fewlabels.claims import best_first, larger_share
from gantk.fewlabels.results import FILE, SUGGESTED, Learned, Seen, TrainedPredictor
from gantk.reports.answer import answer
from gantk.reports.numbers import show_number
from gantk.reports.page import Page
from gantk.reports.sections import CellValue, Column, Link, Links, Picture, Prose, Section, Sheet, Table
from gantk.runs.claims import counted

ABOUT = (
    "The predictor is a linear probe on features of several stages of an ImageNet network. Accuracy is by "
    "ten-fold cross-validation: each label is predicted by a probe that was fitted without it."
)
LEFT_OUT = "How well each attribute is predicted on labels that the probe was fitted without."
NUMBERS = "For numbers R2 stands in place of the accuracy, and the correlation in place of the balanced accuracy."
SHOWN = 4  # images of either end on the first screen
CELL = 104  # pixels: eight fit side by side, as many as are shown
COLUMNS = (
    Column("attribute"),
    Column("labels", "Number of labelled images", 0),
    Column("positive", "How many of them have it", 0, "positives"),
    Column("accuracy", "Share predicted right by cross-validation"),
    Column("from", "Lower end of its 95 % interval"),
    Column("to", "Upper end of its 95 % interval"),
    Column("balanced accuracy", "Mean of the shares of both classes predicted right", field="balanced"),
    Column("AUC", "How often one that has it scores above one that has not", field="auc"),
)


def page(result: TrainedPredictor) -> Page:
    """Cards, images to label next, doubted labels, and both ends of what has no label."""
    rows: list[list[CellValue]] = []
    for card in (each.card for each in result.attributes):
        positives = card.positives if card.is_class else None
        rows.append([card.name, card.labels, positives, card.accuracy, card.low, card.high, card.balanced, card.auc])
    caption = LEFT_OUT if all(each.card.is_class for each in result.attributes) else f"{LEFT_OUT} {NUMBERS}"
    sections: list[Section] = answer(result, _ends(result), _numbers(result))
    sections += [Table(COLUMNS, rows, "Attributes", caption), Prose(ABOUT)]
    for each in result.attributes:
        sections += _attribute(each)
    links = [Link(FILE, FILE, "Every command takes it as --predictor.")]
    if any(each.suggested for each in result.attributes):
        links.append(Link(SUGGESTED, SUGGESTED, "A table of the images to label next, to fill in."))
    sections.append(Links(links, "Files"))
    attributes, labelled = counted(len(result.attributes), "attribute"), counted(result.labelled, "labelled image")
    others = f"; {counted(result.unlabelled)} {'has' if result.unlabelled == 1 else 'have'} no label"
    subtitle = (
        f"How well can attributes be told from few labels? {result.name}: {attributes} from {labelled}"
        f"{others if result.unlabelled else ''}."
    )
    return Page("Predictor from few labels", subtitle, sections)


def _numbers(result: TrainedPredictor) -> list[tuple[object, str, str]]:
    """Of the attribute that is told best: accuracy with its interval beside the larger class, and AUC."""
    card = best_first(result)[0].card
    low, high = (show_number(value, 2) for value in (card.low, card.high))
    interval = f"95 % interval {low} to {high}, cross-validation of {card.labels} labels"
    if not card.is_class:
        return [(show_number(card.accuracy, 2), f"R2 of {card.name}", interval)]
    items: list[tuple[object, str, str]] = [
        (show_number(card.accuracy, 2), f"accuracy of {card.name}", interval),
        (show_number(larger_share(card), 2), "larger class", "accuracy of always naming it"),
        (show_number(card.balanced, 2), "balanced accuracy", "mean of both classes; 0.5 by chance"),
    ]
    if card.auc is not None:
        items.append((show_number(card.auc, 2), "AUC", "0.5 by chance"))
    return items


def _ends(result: TrainedPredictor) -> list[Section]:
    """Images without a label that the best attribute scores lowest and highest."""
    best = best_first(result)[0]
    name, unit = best.card.name, _unit(best)
    count = min(len(best.least), len(best.most), SHOWN)
    if not count:
        return []
    pictures = _pictures([*best.least[:count], *best.most[:count]], name, unit)
    caption = (
        f"Images without a label: {counted(count, 'image')} with the lowest {unit} of {name}, then "
        f"{counted(count, 'image')} with the highest."
    )
    return [Sheet(pictures, "", caption, 136, count)]


def _unit(each: Learned) -> str:
    return "probability" if each.card.is_class else "score"


def _attribute(each: Learned) -> list[Section]:
    name = each.card.name
    unit = _unit(each)
    sheets = (
        (each.suggested, f"{name}: label these next", "The least certain first, of images without a label."),
        (each.doubted, f"{name}: doubted labels",
         "A probe that was fitted without these labels predicts otherwise: rare cases, or typing errors."),
        (each.most, f"{name}: highest scores", "Images without a label that score highest."),
        (each.least, f"{name}: lowest scores", "Images without a label that score lowest."),
    )  # fmt: skip
    return [Sheet(_pictures(seen, name, unit), title, text, CELL) for seen, title, text in sheets if seen]


def _pictures(seen: Sequence[Seen], name: str, unit: str) -> list[Picture]:
    found = []
    for each in seen:
        label = "" if each.label is None else f", label {each.label:g}"
        said = f"{each.score:.2f}{label}"
        found.append(Picture(each.image.source, f"{each.file}: {unit} of {name} {said}", f"{each.file} {said}"))
    return found
