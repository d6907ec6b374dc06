"""What the page of `gantk train-predictor` says, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.runs.claims import Claims, advise, counted, doubt, found, listed, percent

if TYPE_CHECKING:
    from gantk.fewlabels.results import Learned, TrainedPredictor
    from gantk.predictors.linear_probe import AttributeCard

MOST_SAID = 3  # attributes whose figures stand in the sentence


def larger_share(card: AttributeCard) -> float:
    """Share of the labels that the larger class has: what always naming it would tell right."""
    return max(card.positives, card.labels - card.positives) / max(card.labels, 1)


def best_first(result: TrainedPredictor) -> list[Learned]:
    """Attributes by how well they are told: by the balanced accuracy, or the correlation for numbers."""
    return sorted(result.attributes, key=lambda each: -each.card.balanced)


def _learned(result: TrainedPredictor) -> str:
    told = " ".join(each.card.sentence() for each in best_first(result)[:MOST_SAID])
    rest = len(result.attributes) - MOST_SAID
    return told + (f" The table has {counted(rest, 'more attribute')}." if rest > 0 else "")


def _classes(result: TrainedPredictor) -> list[AttributeCard]:
    return [each.card for each in result.attributes if each.card.is_class]


def _useful(result: TrainedPredictor) -> list[str]:
    """Attributes told right more often than always naming the larger class would, whole interval and all."""
    return [card.name for card in _classes(result) if card.low > larger_share(card)]


def _useless(result: TrainedPredictor) -> list[AttributeCard]:
    return [card for card in _classes(result) if card.low <= larger_share(card)]


def _weak(result: TrainedPredictor) -> str:
    names = listed([f"{card.name} (larger class {percent(larger_share(card))})" for card in _useless(result)])
    return (
        f"Always naming the larger class may be right as often for {names}: the interval of the accuracy does not lie "
        "above that class's share. Label more images, above all of the rarer class."
    )


TRAIN_PREDICTOR: Claims[TrainedPredictor] = (
    found(_learned),
    found(
        lambda r: (
            f"{listed(_useful(r))} {'is' if len(_useful(r)) == 1 else 'are'} told right more often than by always "
            "naming the larger class."
        ),
        lambda r: bool(_useful(r)),
    ),
    doubt(_weak, lambda r: bool(_useless(r))),
    advise(
        "Label the images of `RUN/label-next.csv`, which the predictor is least sure of, append them to the labels, "
        "and run `gantk train-predictor` again.",
        lambda r: any(each.suggested for each in r.attributes),
    ),
    advise(
        "`gantk synthesize MODEL --generate-prediction --predictor RUN/predictor.safetensors` scores samples by these "
        "attributes, which `gantk train-boundary` turns into directions."
    ),
)
