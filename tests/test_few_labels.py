"""Predictors from few labels: the probe against slow definitions, files and labels of every kind of wrong.

Shape legend: N images, D features, A attributes.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from generator_cases import codes, tiny
from test_imagenet import published_state

from gantk.errors import GantkError, UsageError
from gantk.predictors.efficientnet_lite import ImageNet
from gantk.predictors.few_label_files import write_few_labels
from gantk.predictors.few_labels import FewLabels, fitted, train_on_codes
from gantk.predictors.label_files import read_labels
from gantk.predictors.linear_probe import SHRINKAGES, area, fit_probe, suggest, wilson
from gantk.predictors.load import load_predictor
from gantk.predictors.probe_features import all_blocks, code_blocks, image_blocks


def problem(n: int = 40, width: int = 60, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Two blocks of features, a class and a number that both depend on the first block's first feature."""
    random = np.random.default_rng(seed)
    blocks = [random.standard_normal((n, width)) * 3 + 1, random.standard_normal((n, 5)) * 0.1]
    blocks[0][:, 0] *= 4
    truth = blocks[0][:, 0] / 12
    classes = (truth + 0.2 * random.standard_normal(n) > 0.8).astype(float)
    return blocks, classes, 7 + 2 * truth


def slow_ridge(x: np.ndarray, y: np.ndarray, weight: np.ndarray, damping: float) -> tuple[np.ndarray, float]:
    """Weighted ridge with a free intercept, by its normal equations in the space of features."""
    mean, middle = np.average(x, axis=0, weights=weight), np.average(y, weights=weight)
    c, t = x - mean, y - middle
    w = np.linalg.solve(c.T @ (weight[:, None] * c) + damping * np.eye(x.shape[1]), c.T @ (weight * t))
    return w, float(middle - mean @ w)


def slow_worth(x: np.ndarray, groups: list[list[int]], y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The square of each group's agreement with the labels, over pairs of images."""
    t = weight * (y - np.average(y, weights=weight))
    c = x - np.average(x, axis=0, weights=weight)
    worth = np.zeros(x.shape[1])
    for group in groups:
        gram = c[:, group] @ c[:, group].T
        pairs = sum(t[i] * t[j] * gram[i, j] for i in range(len(t)) for j in range(len(t)) if i != j)
        worth[group] = max(pairs / (weight * np.diag(gram)).sum(), 0) ** 2
    return np.asarray(worth / worth.max())


def test_probe_is_ridge_of_weighed_places_and_its_left_out_scores_are_those_of_refits() -> None:
    flat, classes, _ = problem()
    blocks, n = [flat[0].reshape(40, 12, 5), flat[1]], len(classes)  # 12 channels at 5 places
    found = fit_probe(blocks, classes[:, None], ["a"])
    groups = [[*range(place, 60, 5)] for place in range(5)] + [[*range(60, 65)]]
    x = np.concatenate([(b - b.mean(0)) / b.std(0) / math.sqrt(2 * b.shape[1]) for b in flat], 1)
    y = 2 * classes - 1
    weight = np.where(y > 0, n / (2 * (y > 0).sum()), n / (2 * (y < 0).sum()))

    def refits(rows: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """One for each shrinkage."""
        root = np.sqrt(slow_worth(x[rows], groups, y[rows], weight[rows]))
        seen = x[rows] * root
        made = [slow_ridge(seen, y[rows], weight[rows], share * float((seen * seen).sum())) for share in SHRINKAGES]
        return [(root * w, b) for w, b in made]

    def left_out_one_by_one(rows: np.ndarray) -> int:
        """Which shrinkage's scores go best with the labels; the worth of places has seen them all."""
        root = np.sqrt(slow_worth(x[rows], groups, y[rows], weight[rows]))
        seen = x[rows] * root
        total = float((seen * seen).sum())
        fits = []
        for share in SHRINKAGES:
            score = np.empty(len(rows))
            for i in range(len(rows)):
                rest = np.arange(len(rows)) != i
                w, b = slow_ridge(seen[rest], y[rows][rest], weight[rows][rest], share * total)
                score[i] = seen[i] @ w + b
            centred, target = (v - np.average(v, weights=weight[rows]) for v in (score, y[rows]))
            size = (weight[rows] * centred**2).sum() * (weight[rows] * target**2).sum()
            fits.append(float((weight[rows] * centred * target).sum() / math.sqrt(size)))
        return int(np.argmax(fits))

    whole = np.arange(n)
    best = left_out_one_by_one(whole)
    assert np.isclose(found.cards[0].shrinkage, SHRINKAGES[best])
    w, b = refits(whole)[best]
    score = np.concatenate(flat, 1) @ found.weight_AD[0] + found.bias_A[0]
    line = np.polyfit(x @ w + b, score, 1)  # the scale is that of the calibration
    assert np.allclose(np.polyval(line, x @ w + b), score, atol=1e-6) and line[0] > 0
    order = np.argsort(y, kind="stable")
    for fold in (7,):
        out = order[fold::10]
        rest = np.setdiff1d(whole, out)
        w, b = refits(rest)[left_out_one_by_one(rest)]
        assert np.allclose(np.polyval(line, x[out] @ w + b), found.left_out_NA[out, 0], atol=1e-6)


def test_a_place_that_tells_the_labels_is_found_among_many() -> None:
    random = np.random.default_rng(7)
    block = random.standard_normal((400, 20, 64))
    has = (block[:, :, 37].sum(1) > 3).astype(float)
    label = np.where(np.arange(400) < 100, has, np.nan)[:, None]
    by_place, flat = (fit_probe([x], label, ["a"]) for x in (block, block.reshape(400, -1)))
    told = [area((block.reshape(400, -1) @ found.weight_AD[0])[100:], has[100:] == 1) for found in (by_place, flat)]
    assert told[0] > 0.85 > 0.75 > told[1]
    weight = np.abs(by_place.weight_AD[0].reshape(20, 64)).sum(0)
    assert weight.argmax() == 37 and weight[37] > 0.5 * weight.sum()


def test_scores_left_out_know_nothing_of_their_labels() -> None:
    """Places are weighed by labels: were those left out among them, noise would seem to be told."""
    random = np.random.default_rng(8)
    block = random.standard_normal((60, 10, 64))
    told = [fit_probe([block], random.permutation(60)[:, None] % 2.0, ["noise"]).cards[0].auc for _ in range(8)]
    assert all(auc is not None for auc in told) and abs(np.mean([auc or 0 for auc in told]) - 0.5) < 0.12


def test_probabilities_are_calibrated_and_their_slope_is_held_by_a_prior() -> None:
    random = np.random.default_rng(5)
    features = random.standard_normal((3000, 2))
    has = (random.random(3000) < 1 / (1 + np.exp(3 - 2 * features[:, 0]))).astype(float)
    found = fit_probe([features], has[:, None], ["rare"])
    p = 1 / (1 + np.exp(-found.left_out_NA[:, 0]))
    assert abs(p.mean() - has.mean()) < 0.01
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.6)):
        inside = (p >= low) & (p < high)
        assert abs(has[inside].mean() - p[inside].mean()) < 0.06
    noise = fit_probe([random.standard_normal((20, 30))], (np.arange(20) % 2).astype(float)[:, None], ["nothing"])
    logit = noise.left_out_NA[:, 0]
    assert 0.5 < logit.std() < 2.5, "twenty labels cannot turn the slope over"


def test_cards_say_what_left_out_labels_say() -> None:
    blocks, classes, numbers = problem(80)
    label = np.stack([classes, numbers], 1)
    label[60:, 0] = np.nan
    found = fit_probe(blocks, label, ["class", "number"])
    score, known = found.left_out_NA[:60, 0], classes[:60]
    card, other = found.cards
    assert (card.labels, card.positives) == (60, int(known.sum()))
    assert np.isclose(card.accuracy, np.mean((score > 0) == (known == 1)))
    assert 0 < card.low < card.accuracy < card.high < 1
    pairs = score[known == 1][:, None] - score[known == 0][None]
    assert np.isclose(card.auc, (pairs > 0).mean())
    assert card.auc > 0.7, "a class that one feature tells is found"
    assert np.isnan(found.left_out_NA[60:, 0]).all()
    assert not other.is_class and other.accuracy > 0.5 and other.low < other.balanced**2 < other.high
    predicted = np.concatenate(blocks, 1) @ found.weight_AD[1] + found.bias_A[1]
    assert abs(predicted.mean() - numbers.mean()) < 0.1, "numbers come in their own units"
    assert "60 labels" in card.sentence() and "R2" in other.sentence()


def test_what_a_mirror_keeps_is_learned_from_sums_and_what_it_turns_from_differences() -> None:
    random = np.random.default_rng(4)
    same, other = random.standard_normal((2, 90, 40))  # what a mirror keeps of the features, and what it turns round
    image, mirror = [same + other], [same - other]
    smile, left = ((part[:, :4].sum(1) > 0).astype(float) for part in (same, other))
    found = fit_probe(image, np.stack([smile, left], 1), ["smile", "left"], mirror)
    alone = fit_probe(image, np.stack([smile, left], 1), ["smile", "left"])
    for column, sign in enumerate((1, -1)):
        straight, turned = np.split(found.weight_AD[column], 2)
        assert np.corrcoef(straight, sign * turned)[0, 1] > 0.7, "by sums where they tell it, else by differences"
        card, before = found.cards[column], alone.cards[column]
        assert card.mirrored and not before.mirrored
        assert card.auc and before.auc and card.auc > before.auc + 0.03
    score = np.concatenate([*image, *mirror], 1) @ found.weight_AD.T + found.bias_A
    assert ((score > 0) == (np.stack([smile, left], 1) == 1)).mean() > 0.95


def test_labels_that_say_nothing_are_told_apart_from_those_that_do() -> None:
    blocks, classes, _ = problem(60)
    mixed = np.random.default_rng(3).permutation(classes)
    found = fit_probe(blocks, np.stack([classes, mixed], 1), ["real", "mixed"])
    assert found.cards[0].auc > 0.8 > 0.7 > found.cards[1].auc


def test_features_that_never_vary_do_no_harm() -> None:
    blocks, classes, _ = problem()
    dead = [np.concatenate([blocks[0], np.full((40, 3), 2.0)], 1), blocks[1]]
    found = fit_probe(dead, classes[:, None], ["a"])
    assert np.isfinite(found.weight_AD).all() and not found.weight_AD[0, 60:63].any()
    assert found.cards[0].auc > 0.8


def test_intervals_areas_and_suggestions() -> None:
    low, high = wilson(8, 10)
    assert np.allclose([low, high], [0.4901625, 0.9433178], atol=1e-6)  # by the closed formula
    assert abs(wilson(0, 5)[0]) < 1e-12 and abs(wilson(5, 5)[1] - 1) < 1e-12
    assert area(np.array([1.0, 1.0, 2.0]), np.array([True, False, True])) == 0.75
    score, known = np.array([0.3, -0.1, 0.05, -2.0, 0.2]), np.array([False, False, True, False, False])
    assert suggest(score, 2) == [2, 1]
    assert suggest(score, 9, known) == [1, 4, 0, 3]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ([1, 0, 1], "at least 4"),
        ([1, 1, 1, 1, 1], "both classes"),
        ([0, 0, 0, 0, 1], "1 label of one class"),
        ([2.5, 2.5, 2.5, 2.5], "both classes"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(label: list[float], words: str) -> None:
    column = np.full(40, np.nan)
    column[: len(label)] = label
    with pytest.raises(GantkError, match=words):
        fit_probe(problem()[0], column[:, None], ["a"])


def test_features_that_are_not_finite_are_refused() -> None:
    blocks, classes, _ = problem()
    blocks[1][3, 2] = np.inf
    with pytest.raises(GantkError, match="not finite"):
        fit_probe(blocks, classes[:, None], ["a"])


# --- as predictors ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> ImageNet:
    return ImageNet(published_state())


def toy_images(n: int = 24, side: int = 40) -> tuple[torch.Tensor, np.ndarray]:
    """Noise; half of it with a bright square in a corner."""
    image = torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(0)) - 0.5
    has = np.arange(n) % 2
    image[has == 1, :, :12, :12] += 0.5
    return image.clamp(-1, 1), has.astype(float)


def test_a_predictor_of_images_is_saved_and_read(
    network: ImageNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, has = toy_images()
    label = np.where(np.arange(24) < 18, has, np.nan)
    with torch.inference_mode():
        blocks = all_blocks([image_blocks(network, image)])
    made = fitted(blocks, {"square": label}, "corner", network=network)[0]
    score = made.attributes(image)
    assert score.shape == (24, 1) and made.attribute_names == ("square",)
    assert float(score.min()) >= 0 and float(score.max()) <= 1
    assert ((score[18:, 0] > 0.5).numpy() == (has[18:] == 1)).all(), "images that had no label are told right"
    assert not hasattr(made, "attributes_of_codes"), "it reads images"
    assert set(made.suggest(score, 3)) < set(range(24))
    path = write_few_labels(tmp_path / "corner.safetensors", made.info, made.weight_AD.numpy(), made.bias_A.numpy())
    monkeypatch.setattr(ImageNet, "from_file", classmethod(lambda cls, path=None: network))
    again = load_predictor(path)
    assert isinstance(again, FewLabels) and again.info == made.info
    assert torch.equal(again.attributes(image), score)
    data = bytearray(path.read_bytes())
    path.write_bytes(data[:-40])
    with pytest.raises(GantkError, match=r"damaged|cut|bytes"):
        load_predictor(path)


def test_a_predictor_of_maps_needs_no_images_and_knows_its_generator(tmp_path: Path) -> None:
    generator = tiny("pggan")
    wp = codes(generator, 30)
    name = generator.layers[3].name
    label = (generator.trace(wp, [name], image=False)[1][name].mean((1, 2, 3)).numpy() > 0).astype(float)
    label = label if 4 < label.sum() < 26 else (np.arange(30) % 2).astype(float)
    made = train_on_codes(generator, wp, {"bright": label})
    score = made.attributes_of_codes(wp)
    assert score.shape == (30, 1)
    assert len(code_blocks(generator, wp, made.info.taps)) == len(made.info.taps), "maps are not mirrored"
    assert not made.info.mirrored
    with pytest.raises(GantkError, match="not images"):
        made.attributes(torch.zeros(1, 3, 16, 16))
    path = write_few_labels(tmp_path / "bright.safetensors", made.info, made.weight_AD.numpy(), made.bias_A.numpy())
    again = load_predictor(path, generator=generator)
    assert isinstance(again, FewLabels)
    assert torch.allclose(again.attributes_of_codes(wp), score, rtol=1e-5, atol=1e-6)
    loose = load_predictor(path)
    assert isinstance(loose, FewLabels)
    with pytest.raises(UsageError, match="bind"):
        loose.attributes_of_codes(wp)
    for other in ("pggan-last-rgb", "stylegan2-skip"):
        with pytest.raises(GantkError, match="another generator|lacks"):
            load_predictor(path, generator=tiny(other))


def test_images_and_maps_together(network: ImageNet) -> None:
    generator = tiny("stylegan2-skip")
    wp = codes(generator, 12)
    made = train_on_codes(generator, wp, {"odd": (np.arange(12) % 2).astype(float)}, "both", network=network)
    width = made.weight_AD.shape[1]
    assert width > sum(64 * c for c in (24, 40, 112)) + 1280
    assert made.attributes_of_codes(wp).shape == (12, 1)
    blocks = code_blocks(generator, wp, made.info.taps, network)
    half = len(blocks) // 2
    turned = image_blocks(network, generator.synthesize(wp).flip(3), mirror=False)
    assert half == len(turned) + len(made.info.taps)
    for mirrored, expected in zip(blocks[half:], [*turned, *blocks[len(turned) : half]], strict=True):
        assert torch.allclose(mirrored, expected, atol=1e-5), "images are mirrored, maps are not"
    assert width == sum(block[0].numel() for block in blocks)
    with pytest.raises(UsageError, match="maps or both"):
        train_on_codes(generator, wp, {"odd": np.zeros(12)}, "imagenet")


# --- labels ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    from PIL import Image

    folder = tmp_path / "pictures"
    folder.mkdir()
    image, _ = toy_images(10)
    for i, part in enumerate(image):
        pixels = ((part + 1) * 127.5).byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).resize((40 + i, 40)).save(folder / f"{i:02d}.png")
    return folder


def written(folder: Path, text: str) -> Path:
    path = folder.parent / "labels.csv"
    path.write_text(text)
    return path


def test_tables_are_read(pictures: Path) -> None:
    table = read_labels(written(pictures, "image,smile, hat\n05,?,\n00,yes,1\n01.png,No,\n\n07.png,?,0\n"), pictures)
    assert table.names == ("smile", "hat")
    assert [file.name for file in table.files[:3]] == ["00.png", "01.png", "07.png"] and len(table.files) == 10
    assert np.array_equal(table.label_NA[:3], [[1, 1], [0, np.nan], [np.nan, 0]], equal_nan=True)
    assert np.isnan(table.label_NA[3:]).all()


def test_labels_of_one_and_minus_one_are_classes_and_counts_stay_numbers(pictures: Path) -> None:
    table = read_labels(written(pictures, "image,a,b\n00,-1,0\n01,1,2\n02,-1,1\n"), pictures)
    assert table.label_NA[:3].tolist() == [[0, 0], [1, 2], [0, 1]]
    rated = "".join(f"{i:02d},{i % 2},{i if i < 3 else '?'}\n" for i in range(10))  # three are, one of them with 2
    assert read_labels(written(pictures, "image,a,stars\n" + rated), pictures).label_NA[2, 1] == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image\n00.png\n", "must name its columns"),
        ("image,a,a\n00.png,1,0\n", "name of its own"),
        ("image,a\n00.png,1,0\n", "3 values where 2"),
        ("image,a\n00.png,yess\n", "Line 2 .* says a is 'yess'"),
        ("image,a\n00.png,nan\n", "says a is 'nan'"),
        ("image,a\n0x.png,1\n", "is not there"),
        ("image,a\n../labels.csv,1\n", "is not there"),
        ("image,a\n00.png,1\n00,0\n", "again"),
        ("image,a\n", "no labels below"),
        ("image,a\n00.png,\n", "no labels below"),
        ("00.png,1\n01.png,0\n", "first line .* is 00.png's"),
        ("00.png,1,1\n01.png,0,1\n", "first line .* is 00.png's"),
        ("image,a\n00,1\n01,0\n02,11\n03,0\n04,0\n05,1\n", "a of 02.png .* is 11, and nearly all"),
    ],
)
def test_wrong_tables_are_one_sentence(pictures: Path, text: str, words: str) -> None:
    with pytest.raises(GantkError, match=words) as caught:
        read_labels(written(pictures, text), pictures)
    assert "\n" not in str(caught.value)


def test_two_folders(pictures: Path) -> None:
    root = pictures.parent / "sorted"
    for name, numbers in (("smile", (0, 1, 2)), ("no_smile", (3, 4))):
        (root / name).mkdir(parents=True)
        for i in numbers:
            (pictures / f"{i:02d}.png").rename(root / name / f"{i:02d}.png")
    table = read_labels(root)
    assert table.names == ("smile",) and table.label_NA[:, 0].tolist() == [1, 1, 1, 0, 0]
    table = read_labels(root, pictures)
    assert len(table.files) == 10 and table.labelled == 5 and np.isnan(table.label_NA[5:]).all()
    (root / "no_smile" / "00.png").write_bytes((root / "smile" / "00.png").read_bytes())
    with pytest.raises(GantkError, match=r"00\.png is in both"):
        read_labels(root)
    (root / "third").mkdir()
    with pytest.raises(GantkError, match="two folders"):
        read_labels(root)
    with pytest.raises(UsageError, match="no labels"):
        read_labels(root / "absent.csv")
