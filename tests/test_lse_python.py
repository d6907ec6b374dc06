"""`gantk.lse` from Python: the example of its documentation, results that carry heads, label folders of all kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gantk
from gantk.errors import GantkError, UsageError
from gantk.generators import frugal_steps
from gantk.lse.tables import GAP
from gantk.lse.teachers import FolderTeacher, load_teacher
from gantk.pictures.label_maps import read_label_map, read_numbers
from gantk.world.renderer import CLASSES


@pytest.fixture(scope="module")
def few() -> tuple[gantk.Generator, gantk.lse.results.FewshotResult]:
    g, p = gantk.load_generator("demo-oracle"), None
    return g, gantk.lse.fewshot(g, teacher=p, shots=[1, 4], size=32, held_out=4)


def test_the_example_of_the_design_on_demo() -> None:
    g = gantk.load_generator("demo")
    p = gantk.load_predictor("demo")
    wp = g.expand(g.map(g.sample_z(2, seed=5)))
    head = gantk.lse.fewshot(g, teacher=p, shots=8, size=32, held_out=0)
    logits = head.segment(wp)
    assert logits.shape == (2, 10, 32, 32)
    seen = p.segment(g.synthesize(wp)).argmax(1)[:, 1::2, 1::2]
    assert float((logits.argmax(1) == seen).float().mean()) > 0.85
    again = head.segment(g.trace(wp, head.head.info.taps))  # the pair (image, maps)
    torch.testing.assert_close(again, logits)
    with pytest.raises(GantkError, match=r"reads a generator's maps, not images: give it the codes wp"):
        head.segment(g.synthesize(wp))
    assert "8 images" in repr(head) and "<iframe" in head._repr_html_()


@pytest.mark.usefixtures("few_renders")
def test_a_result_is_a_head_wherever_one_is_wanted(few: tuple[gantk.Generator, object], tmp_path: Path) -> None:
    g, found = few
    one, four = found.lines()  # type: ignore[attr-defined]
    assert one.lstrip().startswith("1 shot: mIoU 0.") and four.lstrip().startswith("4 shots: mIoU 0.")
    assert "+-" not in one + four, "one repeat has no spread"
    assert found.head.name == "n4-r0" and [row.shots for row in found.shots] == [1, 4]  # type: ignore[attr-defined]
    scored = gantk.lse.evaluate(g, found, num=4)
    assert [row.head for row in scored.scores] == ["n1-r0", "n4-r0"] and scored.num == 4
    wanted = found.labels_of(g.expand(g.map(g.sample_z(1, seed=3))))  # type: ignore[attr-defined]
    sampled = gantk.lse.sample(g, found, targets=wanted[0], per_target=2, bank=8, steps=3)
    assert sampled.targets[0].name == "target 0" and sampled.codes.shape == (2, 8, 31)
    edited = gantk.lse.edit(g, found, code=sampled.codes[:1], shape=("sun:5,24,2.5",), steps=4, frames=3)
    assert edited.index is None and edited.codes.shape == (1, 8, 31)
    np.testing.assert_allclose(edited.wp[0], sampled.codes.array[0])
    for each in (found, scored, sampled, edited):
        again = gantk.load_result(each.save(tmp_path / type(each).__name__))  # type: ignore[attr-defined]
        assert again.sentence() == each.sentence() and again.table() == each.table()  # type: ignore[attr-defined]
    head = gantk.load_head(tmp_path / "FewshotResult" / "heads" / "n4-r0.safetensors", g)
    wp = g.expand(g.map(g.sample_z(2)))
    assert torch.equal(head.segment(wp), found.segment(wp))  # type: ignore[attr-defined]
    loaded = gantk.load_result(tmp_path / "FewshotResult")
    with pytest.raises(GantkError, match=r"bound to no generator"):
        loaded.segment(wp)  # type: ignore[attr-defined]
    assert torch.equal(loaded.segment(wp, g), found.segment(wp))  # type: ignore[attr-defined]


def test_what_is_no_head_or_teacher_is_said() -> None:
    g = gantk.load_generator("demo-oracle")
    with pytest.raises(UsageError, match="The head is 'head.safetensors': give one of gantk.load_head"):
        gantk.lse.edit(g, "head.safetensors", shape=("sun:5,24,2.5",))
    with pytest.raises(UsageError, match="The teacher is 'demo'"):
        gantk.lse.train(g, "demo", num=2)
    with pytest.raises(UsageError, match="shots x is no list"):
        gantk.lse.fewshot(g, shots="x")


def test_training_in_memory_is_the_run_on_disk(tmp_path: Path) -> None:
    from gantk.cli.main import cli

    words = ["lse", "train", "demo-oracle", "-N", "4", "--held-out", "2", "--steps", "2", "--size", "16"]
    cli.main(args=[*words, "-o", str(tmp_path)], prog_name="gantk", standalone_mode=False)
    g = gantk.load_generator("demo-oracle")
    found = gantk.lse.train(g, num=4, held_out=2, steps=2, size=16)
    kept = gantk.load_result(tmp_path)
    assert found.table() == kept.table() and np.array_equal(found.labels, kept.labels)  # type: ignore[attr-defined]
    assert np.array_equal(found.heads[0].weights[0].array, kept.heads[0].weights[0].array)  # type: ignore[attr-defined]


def test_held_out_images_have_their_own_labels_however_few_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large network few images are: each stands beside its label map all the same."""
    g = gantk.load_generator("demo-oracle")
    sheets = []
    for pixels in (frugal_steps.AT_ONCE, 1):
        monkeypatch.setattr(frugal_steps, "AT_ONCE", pixels)
        found = gantk.lse.train(g, num=4, held_out=3, steps=2, size=16)
        sheets.append([picture.array() for picture in found.sheet])  # type: ignore[attr-defined]
    assert len(sheets[0]) == 3
    side = (sheets[0][0].shape[1] - 2 * GAP) // 3
    teacher = slice(side + GAP, 2 * side + GAP)
    for together, apart in zip(*sheets, strict=True):
        assert np.array_equal(together[:, teacher], apart[:, teacher])
    assert not np.array_equal(sheets[0][0][:, teacher], sheets[0][1][:, teacher])


# --- label folders ---------------------------------------------------------------------------------------------------


def folder_of(path: Path, suffix: str, maps: list[np.ndarray], names: tuple[str, ...]) -> Path:
    path.mkdir()
    (path / "classes.txt").write_text("\n".join(names))
    for place, label in enumerate(maps):
        Image.fromarray(label).save(path / f"{place:06d}{suffix}")
    return path


def labels_of(teacher: object, count: int) -> np.ndarray:
    assert isinstance(teacher, FolderTeacher)
    g = gantk.load_generator("demo-oracle")
    found: np.ndarray = teacher.label(g, torch.zeros(count, 1), torch.zeros(count), 8).numpy()
    return found


def test_suffixes_in_capitals_are_read(tmp_path: Path) -> None:
    g = gantk.load_generator("demo-oracle")
    maps = [np.full((8, 8), place, np.uint8) for place in range(3)]
    folder = folder_of(tmp_path / "upper", ".PNG", maps, ("a", "b", "c"))
    assert np.array_equal(labels_of(load_teacher(str(folder), g), 3), np.stack(maps))


def test_masks_of_0_and_255_are_two_classes(tmp_path: Path) -> None:
    g = gantk.load_generator("demo-oracle")
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5, 2:5] = 255
    folder = folder_of(tmp_path / "masks", ".png", [mask, mask], ("background", "object"))
    assert np.array_equal(labels_of(load_teacher(str(folder), g), 2)[0], mask // 255)
    mask[7, 7] = 1  # a class of its own: 255 is "not labelled" again
    Image.fromarray(mask).save(folder / "000001.png")
    assert labels_of(load_teacher(str(folder), g), 2).max() == 255


def test_jpeg_label_maps_are_refused_with_the_reason(tmp_path: Path) -> None:
    g = gantk.load_generator("demo-oracle")
    folder = folder_of(tmp_path / "jpg", ".jpg", [np.zeros((8, 8), np.uint8)], ("a", "b", "c"))
    with pytest.raises(GantkError, match=r"000000.jpg is a JPEG picture, whose compression changes class numbers"):
        labels_of(load_teacher(str(folder), g), 1)


def test_one_reader_of_label_maps(tmp_path: Path) -> None:
    """The region systems read stacks and arrays through the same door."""
    from gantk.resefa.given_regions import read_label_map as of_regions

    stack = np.arange(2 * 4 * 4).reshape(2, 4, 4) % 3
    np.save(tmp_path / "stack.npy", stack)
    np.save(tmp_path / "floats.npy", stack.astype(np.float32))
    np.save(tmp_path / "shares.npy", stack / 2)
    assert np.array_equal(of_regions(tmp_path / "stack.npy", (4, 4)), stack)
    assert np.array_equal(read_numbers(tmp_path / "stack.npy"), stack)
    assert np.array_equal(of_regions(tmp_path / "floats.npy", (4, 4)), stack)
    with pytest.raises(GantkError, match="whole numbers of classes"):
        of_regions(tmp_path / "shares.npy", (4, 4))
    with pytest.raises(GantkError, match="one label map is two-dimensional"):
        read_label_map(tmp_path / "stack.npy", 3)
    Image.fromarray(stack[0].astype(np.uint8)).save(tmp_path / "one.png")
    assert np.array_equal(of_regions(tmp_path / "one.png", (4, 4)), stack[0])
    assert np.array_equal(read_label_map(tmp_path / "one.png", len(CLASSES), 4), stack[0])
