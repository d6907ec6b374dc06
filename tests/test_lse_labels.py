"""Metrics, label maps, teachers and tables: hand-made maps whose scores are known, and every bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from generator_cases import codes, tiny
from PIL import Image
from torch import Tensor

import gantk
from gantk.errors import GantkError, UsageError
from gantk.lse.label_rules import ADE, FACE, FACE_19, SCENES, scene_classes
from gantk.lse.metrics import bootstrap, confusion, image_iou, scores
from gantk.lse.tables import classes_latex, comparison_latex, scores_csv, side_by_side
from gantk.lse.teachers import FolderTeacher, PredictorTeacher, load_teacher, merge_faces
from gantk.pictures.label_maps import (
    check_ids,
    class_number,
    colour_map,
    draw,
    label_png,
    read_label_map,
    write_label_map,
)
from gantk.predictors.base import Predictor

NAMES = ("other", "sky", "tree")


def u8(rows: list[list[int]]) -> np.ndarray:
    return np.array(rows, np.uint8)


# --- metrics ---------------------------------------------------------------------------------------------------------


def test_the_papers_metric_by_hand() -> None:
    """Class 0 is left out of the mean but counts in the unions; an absent class is no zero; images are averaged."""
    target = np.stack([u8([[1, 1], [0, 0]]), u8([[1, 0], [0, 0]])])
    said = np.stack([u8([[1, 0], [0, 1]]), u8([[1, 0], [0, 2]])])
    counts = confusion(said, target, 4)
    iou = image_iou(counts)
    assert iou[0].tolist() == [1 / 3, 1 / 3, -1, -1]
    assert iou[1].tolist() == [2 / 3, 1.0, 0.0, -1]  # one false pixel of class 2 in an image without it: nought
    found = scores(counts, with_first=False)
    assert found.paper_K.tolist() == [0.5, 2 / 3, 0.0, -1]
    assert found.paper_miou == pytest.approx((2 / 3 + 0) / 2)
    # all pixels at once: class 1 has 2 hits, 2 false, 1 missed -> 2 / 4; class 0 has 3 hits, 1 false, 2 missed
    assert found.dataset_K.tolist() == [3 / 6, 2 / 4, 0.0, -1]
    assert found.dataset_miou == pytest.approx(0.25) and scores(counts, True).dataset_miou == pytest.approx(1 / 3)
    assert found.accuracy == 5 / 8


def test_unlabelled_pixels_do_not_count() -> None:
    counts = confusion(u8([[1, 2]]), u8([[1, 255]]), 3)
    assert counts.sum() == 1 and scores(counts[None]).accuracy == 1.0
    with pytest.raises(GantkError, match="one size is needed"):
        confusion(u8([[1, 2]]), u8([[1]]), 3)


def test_intervals_hold_the_score_and_shrink() -> None:
    random = np.random.default_rng(0)
    target = random.integers(0, 3, (200, 8, 8)).astype(np.uint8)
    said = np.where(random.random(target.shape) < 0.7, target, 0).astype(np.uint8)
    counts = confusion(said, target, 3)
    few, many = bootstrap(counts[:20]), bootstrap(counts)
    for key in ("paper_miou", "dataset_miou", "accuracy"):
        (low, high), (low_few, high_few) = getattr(many, key), getattr(few, key)
        assert low < getattr(scores(counts), key) < high
        assert high - low < high_few - low_few
    assert bootstrap(counts) == many


# --- label maps ------------------------------------------------------------------------------------------------------


def test_label_maps_round_trip(tmp_path: Path) -> None:
    label = u8([[0, 1], [2, 255]])
    path = write_label_map(tmp_path / "x.png", label, [(0, 0, 0), (255, 0, 0), (0, 255, 0)])
    assert np.array_equal(read_label_map(path, 3, 2), label)
    with Image.open(path) as image:
        assert image.convert("RGB").getpixel((1, 0)) == (255, 0, 0)
    assert label_png(label, []) == label_png(label, [])
    Image.fromarray(label).save(tmp_path / "grey.png")
    Image.fromarray(np.repeat(label[..., None], 3, 2)).save(tmp_path / "rgb.png")
    for name in ("grey.png", "rgb.png"):
        assert np.array_equal(read_label_map(tmp_path / name, 3), label)
    assert (
        colour_map(label, [(1, 2, 3)])[0, 0].tolist() == [1, 2, 3] and colour_map(label, [])[1, 1].tolist() == [128] * 3
    )


def test_classes_as_floats_are_whole(tmp_path: Path) -> None:
    """Programs of maps and of geography write class numbers as floats; others are refused, not rounded."""
    label = np.array([[0, 1], [2, 255]], np.float32)
    Image.fromarray(label).save(tmp_path / "x.tif")
    np.save(tmp_path / "x.npy", label.astype(np.float64))
    for name in ("x.tif", "x.npy"):
        assert np.array_equal(read_label_map(tmp_path / name, 3, 2), label)
    for value in (0.5, np.nan, np.inf):
        Image.fromarray(np.where(label == 1, np.float32(value), label)).save(tmp_path / "x.tif")
        with pytest.raises(GantkError, match="where whole numbers of classes are expected"):
            read_label_map(tmp_path / "x.tif", 3)
    for value, said in ((-1, "class -1"), (300, "class 300")):
        Image.fromarray(np.where(label == 1, np.float32(value), label)).save(tmp_path / "x.tif")
        with pytest.raises(GantkError, match=f"has {said}, and the classes are 0 to 2"):
            read_label_map(tmp_path / "x.tif", 3)


@pytest.mark.parametrize("names", ["sky\nland\n", "sky, land", "\ufeffsky\r\n\r\nland", "sky ,land\n"])
def test_classes_of_a_folder(names: str, tmp_path: Path) -> None:
    write_label_map(tmp_path / "000000.png", u8([[0, 1]]), [])
    (tmp_path / "classes.txt").write_text(names, encoding="utf-8")
    generator = gantk.load_generator("demo-oracle")
    assert load_teacher(str(tmp_path), generator).class_names == ("sky", "land")
    for text in ("sky\nland\nsky", "sky,sky"):
        (tmp_path / "classes.txt").write_text(text)
        with pytest.raises(UsageError, match="has the class 'sky' twice: name every class once"):
            load_teacher(str(tmp_path), generator)
    with pytest.raises(UsageError, match="classes has a class without a name"):
        load_teacher(str(tmp_path), generator, classes="sky,,land")


def test_bad_label_maps_are_refused(tmp_path: Path) -> None:
    write_label_map(tmp_path / "x.png", u8([[0, 1], [2, 255]]), [])
    with pytest.raises(GantkError, match="is 2 x 2 pixels where 4 x 4 are expected"):
        read_label_map(tmp_path / "x.png", 3, 4)
    with pytest.raises(GantkError, match=r"has class 2, and the classes are 0 to 1 \(255: not labelled\)"):
        read_label_map(tmp_path / "x.png", 2, 2)
    Image.new("RGB", (2, 2), (10, 200, 3)).save(tmp_path / "colour.png")
    with pytest.raises(GantkError, match="is a colour picture"):
        read_label_map(tmp_path / "colour.png", 3)
    (tmp_path / "no.png").write_bytes(b"nothing")
    for name, message in (("no.png", "cannot be read"), ("absent.png", "does not exist")):
        with pytest.raises(GantkError, match=message):
            read_label_map(tmp_path / name, 3)
    check_ids(u8([[0, 255]]), 1, "x")


def test_drawing() -> None:
    label = draw(["sky:0,0,2,8", "2:5,4,2"], NAMES, 8)
    assert (label[:2] == 1).all() and (label[4:6, 3:5] == 2).all() and label[7, 7] == 255 and (label == 2).sum() == 12
    assert (draw(["other:0,0,1,1"], NAMES, 8, label)[0, 0], label[0, 0]) == (0, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sky:0,0,2,9", "reaches outside the image: coordinates run from 0 to 8"),
        ("sky:20,20,3", "reaches outside"),
        ("sky:1,1,1,1", "covers no pixel of the image"),
        ("ski:0,0,1,1", "no class 'ski'. Did you mean 'sky'?"),
        ("9:0,0,1,1", "There is no class '9'"),
        ("sky", "is no shape: write CLASS:TOP,LEFT,BOTTOM,RIGHT"),
        ("sky:1,2", "is no shape"),
    ],
)
def test_bad_strokes_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        draw([text], NAMES, 8)
    assert message in str(error.value)
    assert class_number("tree", NAMES) == 2


# --- teachers --------------------------------------------------------------------------------------------------------


def test_lists_of_classes() -> None:
    assert len(FACE) == 15 and {merged for _, merged in FACE_19} == set(FACE)
    counts = {name: len(words.split()) for name, words in SCENES.items()}
    assert counts == {
        "stylegan2_bedroom": 16, "stylegan2_church": 11, "stylegan_bedroom": 19, "stylegan_church": 10,
        "pggan_bedroom": 13, "pggan_church": 6,
    }  # fmt: skip
    names, channels = scene_classes("pggan_church")
    assert names == ("other", "building", "sky", "tree", "road", "grass", "signboard")
    assert channels == (1, 2, 4, 6, 9, 43) and len(set(ADE.values())) == len(ADE)
    assert merge_faces(u8([[4, 5, 17, 255]])).tolist() == [[4, 4, 13, 255]]


class Fixed(Predictor):
    """Three channels that say the same of every image: -1, 2 and -3 on the left, all negative on the right."""

    name = "fixed"
    class_names = ("a", "b", "c")

    def segment(self, image_NCHW: Tensor) -> Tensor:
        logits = torch.full((len(image_NCHW), 3, *image_NCHW.shape[-2:]), -1.0)
        logits[:, 1, :, :8] = 2.0
        logits[:, 2] = -3.0
        return logits


def test_scenes_are_other_where_every_chosen_logit_is_negative() -> None:
    generator = tiny("stylegan2-skip")
    wp = codes(generator, 1)
    image = generator.synthesize(wp)
    rule = PredictorTeacher(Fixed(), "fixed", ("other", "b", "c"), ((0, 0, 0),) * 3, (1, 2))
    label = rule.label(generator, wp, image, 16)
    assert label[0, :, :8].unique().tolist() == [1] and label[0, :, 8:].unique().tolist() == [0]
    plain = PredictorTeacher(Fixed(), "fixed", ("a", "b", "c"), ((0, 0, 0),) * 3)
    assert plain.label(generator, wp, image, 16)[0, :, 8:].unique().tolist() == [0]  # a is the largest there
    assert rule.has_other and not plain.has_other


def test_teachers_by_name(tmp_path: Path) -> None:
    oracle = tiny("demo-oracle")
    oracle.bundled = "demo-oracle"
    wp = codes(oracle, 2)
    truth = load_teacher(None, oracle)
    label = truth.label(oracle, wp, oracle.synthesize(wp), 16)
    assert torch.equal(label.long(), oracle.true_masks(wp).argmax(1))  # type: ignore[operator]
    some = load_teacher("truth", oracle, "sky,tree")
    assert some.class_names == ("other", "sky", "tree")
    with pytest.raises(UsageError, match="no teacher for this model"):
        load_teacher(None, tiny("stylegan2-skip"))
    with pytest.raises(UsageError, match=r"names 'skyy', which is neither a class"):
        load_teacher("truth", oracle, "skyy")
    with pytest.raises(UsageError, match="needs a teacher of 15 classes"):
        load_teacher("truth", oracle, "face")
    with pytest.raises(UsageError, match="ADE20K's 150"):
        load_teacher("truth", oracle, "pggan_church")
    folder = tmp_path / "labels"
    folder.mkdir()
    write_label_map(folder / "000000.png", np.zeros((16, 16), np.uint8), [])
    with pytest.raises(UsageError, match="do not say what their numbers mean"):
        load_teacher(str(folder), oracle)
    (folder / "classes.txt").write_bytes("B\u00e4ume".encode("latin-1"))
    with pytest.raises(GantkError, match="The names of classes in .*classes.txt cannot be read"):
        load_teacher(str(folder), oracle)
    (folder / "classes.txt").write_text("ground\nsky\n")
    own = load_teacher(str(folder), oracle)
    assert isinstance(own, FolderTeacher) and own.class_names == ("ground", "sky")
    assert own.label(oracle, wp[:1], oracle.synthesize(wp[:1]), 16).sum() == 0
    Image.fromarray(np.full((16, 16), 5, np.uint8)).save(folder / "000000.png")
    faces = load_teacher(str(folder), oracle, "face19")
    assert faces.class_names == FACE
    assert faces.label(oracle, wp[:1], oracle.synthesize(wp[:1]), 16).unique().tolist() == [FACE.index("eye")]
    with pytest.raises(GantkError, match=r"000001.png does not exist"):
        own.label(oracle, wp, oracle.synthesize(wp), 16)
    with pytest.raises(GantkError, match="has labels of its own images only"):
        own.logits(oracle, wp, oracle.synthesize(wp), 16)


# --- tables ----------------------------------------------------------------------------------------------------------


def test_tables() -> None:
    latex = comparison_latex({"a_b": {"LSE": 0.5, "NSE-1": 0.625}, "c": {"LSE": 0.25}}, ("LSE", "NSE-1"))
    assert "a\\_b" in latex and "50.0 (-20.0)" in latex and "\\textbf{62.5}" in latex and "--" in latex
    assert "sky & -- & 50.0" in classes_latex(["sky"], {"x": [-1.0], "y": [0.5]})
    row = {"model": "m", "head": "LSE", "paper_miou": 0.5, "dataset_miou": 0.5, "accuracy": 0.9}
    row |= {"paper_miou_low": 0.4, "paper_miou_high": 0.6, "a": 0.25, "b": None}
    lines = scores_csv([row], ["a", "b"]).decode().splitlines()
    assert lines[1] == "m,LSE,0.500000,0.500000,0.900000,0.400000,0.600000,0.250000,"
    picture = side_by_side([np.zeros((8, 8, 3), np.uint8), np.ones((4, 4), np.uint8)], [(0, 0, 0), (9, 9, 9)])
    assert picture.shape == (128, 258, 3) and picture[0, -1].tolist() == [9, 9, 9]
