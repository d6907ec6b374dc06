"""`gantk lse` as it is typed, on the oracle, whose classes are known: results, shards, resuming, pages, bad input."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generator_cases import tiny
from PIL import Image

import gantk
from gantk.errors import GantkError, UsageError
from gantk.lse.editing import EditSettings, Stroke, class_weights, edit
from gantk.lse.metrics import bootstrap, confusion, scores
from gantk.lse.search import Search, best_starts, matches, search_codes, shrink, start_codes
from gantk.lse.session import EditSession
from gantk.pictures.label_maps import draw, read_label_map, write_label_map
from gantk.predictors.head_files import load_head
from gantk.store.files import load_npy
from gantk.world.renderer import CLASSES

Gantk = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head of the oracle."""
    from gantk.cli.main import cli

    folder = tmp_path_factory.mktemp("lse") / "trained"
    words = ["lse", "train", "demo-oracle", "--num", "12", "--held-out", "4", "--steps", "6", "--size", "32"]
    cli.main(args=[*words, "--chunk", "8", "-o", str(folder)], prog_name="gantk", standalone_mode=False)
    return folder


@pytest.fixture
def head(trained: Path) -> str:
    return str(trained / "heads" / "LSE.safetensors")


def result_of(folder: Path, command: str) -> Any:
    return gantk.load_result(folder / f"lse-{command}.result.json")


# --- train -----------------------------------------------------------------------------------------------------------


def test_the_oracles_classes_are_found(trained: Path) -> None:
    found = result_of(trained, "train")
    (entry,) = found.trainings
    assert entry.scores.accuracy > 0.97 and entry.passes == 12 * (1 + 7)
    assert "mIoU" in found.sentence() and found.table()[0]["sky"] > 0.9 and found.class_share.sum() == pytest.approx(1)
    assert load_npy(trained / "labels.npy").shape == (16, 32, 32) and load_npy(trained / "z.npy").shape == (16, 31)
    page = (trained / "lse-train.html").read_text()
    assert "Segmentation heads" in page and "Figure 1" in page and ", 4 held-out images" in page
    generator = gantk.load_generator("demo-oracle")
    predictor = gantk.load_predictor(trained / "heads" / "LSE.safetensors", generator=generator)
    assert predictor.class_names == CLASSES
    wp = generator.expand(generator.map(generator.sample_z(2, seed=9)))
    said = predictor.segment_codes(generator, wp, size=64).argmax(1)
    truth = generator.true_masks(wp).argmax(1)  # type: ignore[operator]
    assert float((said == truth).float().mean()) > 0.95
    wp = generator.expand(generator.map(torch.from_numpy(np.array(found.z[12:]))))
    said = predictor.segment_codes(generator, wp, size=32).argmax(1).numpy().astype(np.uint8)
    counts = confusion(said, found.labels[12:], len(CLASSES))
    assert scores(counts).paper_miou == pytest.approx(entry.scores.paper_miou, abs=1e-6)
    assert bootstrap(counts).paper_miou == pytest.approx(entry.intervals.paper_miou, abs=1e-6)
    assert found.held_out == 4 and found.table()[0]["paper_miou_low"] == entry.intervals.paper_miou[0]


def test_shards_give_the_same_head(gantk_command: Gantk, trained: Path, tmp_path: Path) -> None:
    words = ["lse", "train", "demo-oracle", "--num", "12", "--held-out", "4", "--steps", "6", "--size", "32"]
    for shard in ("0/2", "1/2"):
        code, _, err = gantk_command(*words, "--chunk", "8", "--shard", shard, "-o", tmp_path / "parts")
        assert code == 0, err
    code, _, err = gantk_command("merge", tmp_path / "parts")
    assert code == 0, err
    assert (tmp_path / "parts" / "lse-train.html").is_file()
    for name in ("moments.npy", "labels.npy", "z.npy"):
        assert (tmp_path / "parts" / name).read_bytes() == (trained / name).read_bytes()
    a, b = (load_head(folder / "heads" / "LSE.safetensors") for folder in (tmp_path / "parts", trained))
    assert torch.equal(a.network.weight_KD, b.network.weight_KD)  # type: ignore[arg-type]


def test_an_interrupted_solution_goes_on(
    gantk_command: Gantk, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gantk.lse import solving

    words = ["lse", "train", "demo-oracle", "--num", "12", "--held-out", "4", "--steps", "6", "--size", "32"]
    taken, real = [], solving.step

    def halting(*arguments: object, **options: object) -> object:
        taken.append(1)
        if len(taken) == 5:
            raise KeyboardInterrupt
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(solving, "step", halting)
    assert gantk_command(*words, "--chunk", "8", "-o", tmp_path / "run")[0] == 130
    code, _, err = gantk_command(*words, "--chunk", "8", "-o", tmp_path / "run")
    assert code == 0 and len(taken) == 5 + 2, err
    for name in ("heads/LSE.safetensors", "lse-train.result.json", "sheet/00.png"):
        assert (tmp_path / "run" / name).read_bytes() == (trained / name).read_bytes()
    assert not list((tmp_path / "run").glob("*.pt"))


def test_a_damaged_state_of_the_solution_is_said(
    gantk_command: Gantk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gantk.lse import solving

    def halted(*arguments: object) -> object:
        raise KeyboardInterrupt

    words = ["lse", "train", "demo-oracle", "--num", "4", "--held-out", "2", "--size", "16", "-o", tmp_path]
    monkeypatch.setattr(solving, "step", halted)
    assert gantk_command(*words)[0] == 130
    monkeypatch.undo()
    (tmp_path / solving.STATE).write_bytes(b"nonsense")
    code, _, err = gantk_command(*words)
    assert code == 1 and "cannot be read" in err and "--overwrite" in err
    assert gantk_command(*words, "--overwrite")[0] == 0


@pytest.mark.parametrize("solver", ["ridge", "adam"])
def test_other_solvers(solver: str, gantk_command: Gantk, tmp_path: Path) -> None:
    words = ["--num", 8, "--held-out", 4, "--size", 32, "--epochs", 4, "--epoch-images", 16, "--solver", solver]
    kinds = ["--kind", "LSE"] if solver == "ridge" else ["--kind", "LSE", "--kind", "NSE-1", "--kind", "NSE-2"]
    code, _, err = gantk_command("lse", "train", "demo-oracle", *kinds, *words, "-o", tmp_path)
    assert code == 0, err
    found = result_of(tmp_path, "train").trainings
    assert [each.passes for each in found] == ([8] if solver == "ridge" else [64] * 3)
    if solver == "ridge":
        assert found[0].scores.accuracy > 0.9


def test_nonlinear_heads_beside_the_convex_one(gantk_command: Gantk, tmp_path: Path) -> None:
    words = ["--num", 8, "--held-out", 4, "--size", 32, "--steps", 3, "--epochs", 2]
    code, _, err = gantk_command(
        "lse", "train", "demo-oracle", "--kind", "NSE-1", "--kind", "LSE", *words, "-o", tmp_path
    )
    assert code == 0, err
    found = result_of(tmp_path, "train")
    assert [each.name for each in found.trainings] == [each.info.name for each in found.heads] == ["NSE-1", "LSE"]


# --- evaluate --------------------------------------------------------------------------------------------------------


def test_evaluate(gantk_command: Gantk, trained: Path, head: str, tmp_path: Path) -> None:
    words = ["lse", "evaluate", "demo-oracle", trained, "--num", 20, "--also", f"demo-oracle={head}"]
    code, out, err = gantk_command(*words, "--batch-size", 4, "-o", tmp_path)
    assert code == 0, err
    assert "mIoU" in out and "all pixels" in out
    first, second = result_of(tmp_path, "evaluate").scores
    assert first.scores.paper_miou == second.scores.paper_miou and first.intervals == second.intervals
    assert load_npy(tmp_path / "confusion-0.npy").shape == (20, 1, 10, 10)
    assert (tmp_path / "scores.csv").read_text().count("\n") == 3 and "tabular" in (tmp_path / "scores.tex").read_text()
    page = (tmp_path / "lse-evaluate.html").read_text()
    assert "known exactly" in page and "Classes of the teacher and of the head" in page
    for shard in ("0/2", "1/2"):
        assert gantk_command(*words, "--batch-size", 4, "--shard", shard, "-o", tmp_path / "parts")[0] == 0
    assert gantk_command("merge", tmp_path / "parts")[0] == 0
    assert (tmp_path / "parts" / "scores.csv").read_bytes() == (tmp_path / "scores.csv").read_bytes()


# --- few shots -------------------------------------------------------------------------------------------------------


def test_fewshot_rises_with_shots(gantk_command: Gantk, head: str, tmp_path: Path) -> None:
    words = ["--shots", "1,8", "--repeats", 2, "--held-out", 12, "--size", 32, "--full", head]
    code, out, err = gantk_command("lse", "fewshot", "demo-oracle", *words, "-o", tmp_path)
    assert code == 0, err
    found = result_of(tmp_path, "fewshot")
    one, eight = found.shots
    assert one.scores.paper_miou < eight.scores.paper_miou and eight.scores.of_full > 0.85
    assert "of the full head" in out and found.best().info.name == "n8-r0" and eight.seconds > 0
    assert "Cross entropy of left-out images" in (tmp_path / "lse-fewshot.html").read_text()
    before = (tmp_path / "heads" / "n8-r0.safetensors").stat().st_mtime_ns
    assert gantk_command("lse", "fewshot", "demo-oracle", *words, "-o", tmp_path)[0] == 0
    assert (tmp_path / "heads" / "n8-r0.safetensors").stat().st_mtime_ns == before
    for shard in ("0/2", "1/2"):
        code, _, err = gantk_command(
            "lse", "fewshot", "demo-oracle", *words, "--batch-size", 2, "--shard", shard, "-o", tmp_path / shard[0]
        )
        assert code == 0, err
    code, _, err = gantk_command("merge", tmp_path / "0", tmp_path / "1", "-o", tmp_path / "joined")
    assert code == 0, err
    joined = result_of(tmp_path / "joined", "fewshot")
    assert joined.shots[1].seconds is None
    assert [row.scores.each for row in joined.shots] == [row.scores.each for row in found.shots]
    for name in ("n1-r1", "n8-r0"):
        file = f"heads/{name}.safetensors"
        assert (tmp_path / "joined" / file).read_bytes() == (tmp_path / file).read_bytes()


def test_fewshot_from_a_folder(gantk_command: Gantk, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "classes.txt").write_text("\n".join(CLASSES))
    for place, label in enumerate(load_npy(trained / "labels.npy")[:2]):
        write_label_map(folder / f"{place:06d}.png", label, [])
    shared = ["--teacher", folder, "--shots", "2", "--size", 32]
    code, _, err = gantk_command("lse", "fewshot", "demo-oracle", *shared, "-o", tmp_path / "a")
    assert code == 2 and "is a folder and cannot judge fresh images: give --judge, or --held-out 0" in err
    options = ["--held-out", 8, "--judge", "truth", "--allow-empty"]
    code, _, err = gantk_command("lse", "fewshot", "demo-oracle", *shared, *options, "-o", tmp_path / "b")
    assert code == 0, err
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(folder / "000001.png")
    code, _, err = gantk_command("lse", "fewshot", "demo-oracle", *shared, *options, "-o", tmp_path / "c")
    assert code == 1 and "is 16 x 16 pixels where 32 x 32 are expected" in err
    Image.fromarray(np.full((32, 32), 77, np.uint8)).save(folder / "000001.png")
    code, _, err = gantk_command("lse", "fewshot", "demo-oracle", *shared, *options, "-o", tmp_path / "d")
    assert code == 1 and "has class 77, and the classes are 0 to 9" in err
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(folder / "000000.png")
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(folder / "000001.png")
    code, _, err = gantk_command("lse", "fewshot", "demo-oracle", *shared, *options[:-1], "-o", tmp_path / "e")
    assert code == 1 and "no pixel is labelled 'sky'" in err and not (tmp_path / "e" / "heads").exists()


def test_the_papers_fewshot(gantk_command: Gantk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gantk.lse import adam

    monkeypatch.setattr(adam, "paper_fewshot", lambda n: adam.Schedule(2, 8, 1, ((0, n),), layer_weights="none"))
    words = ["--solver", "adam", "--shots", "2", "--held-out", 4, "--size", 16]
    code, _, err = gantk_command("lse", "fewshot", "demo-oracle", *words, "-o", tmp_path)
    assert code == 0, err


# --- sampling --------------------------------------------------------------------------------------------------------


def test_starts_are_the_best_of_the_bank() -> None:
    random = np.random.default_rng(0)
    bank = random.integers(0, 4, (40, 8, 8)).astype(np.uint8)
    target = np.stack([bank[13], bank[22]])
    target[0, :2] = 255
    found = matches(bank, target, 4, rows=7)
    wanted = [[((b == t) & (t != 255)).sum() for t in target] for b in bank]
    np.testing.assert_array_equal(found, wanted)
    starts = best_starts(found, 4)
    assert starts.shape == (2, 4) and starts[0, 13 % 4] == 13 and starts[1, 22 % 4] == 22
    assert all(len(set(row)) == 4 for row in starts.tolist())
    assert np.array_equal(shrink(bank, 4)[0], bank[0][1::2, 1::2])


@pytest.mark.parametrize("space", ["z", "mixed", "w"])
def test_samples_come_nearer_to_their_labels(space: str, head: str) -> None:
    from gantk.lse.codes import CodeStream

    generator = gantk.load_generator("demo-oracle")
    reads = load_head(head, generator)
    with torch.no_grad():
        label = reads.segment_codes(generator, CodeStream(generator, 5).wp(0, 1)).argmax(1).to(torch.uint8)
    start, class_N = start_codes(CodeStream(generator), np.array([3, 4]), space)
    search = Search(2, space, 12, 0.05)
    found = search_codes(
        generator, lambda wp: reads.segment_codes(generator, wp), start, label.repeat(2, 1, 1), search, None, class_N
    )
    assert (found.curve_TN.min(0).values < 0.9 * found.curve_TN[0]).all()
    assert found.wp.shape == (2, 8, 31)
    paper = Search.paper_exact(2, "z", 3)
    assert (paper.steps, paper.rate, paper.keep, paper.prior, paper.paper) == (50, 0.01, 1e-3, 1e-3, True)


def test_sample_command(gantk_command: Gantk, head: str, tmp_path: Path) -> None:
    words = ["lse", "sample", "demo-oracle", head, "--num-targets", 2, "--shape", "sky:0,0,8,32", "--per-target", 2]
    words += ["--bank", 16, "--steps", 5, "--batch-size", 4]
    code, out, err = gantk_command(*words, "-o", tmp_path / "whole")
    assert code == 0, err
    assert "mIoU" in out
    found = result_of(tmp_path / "whole", "sample")
    assert len(found.targets) == len(found.table()) // 2 == 3 and found.codes.shape == (6, 8, 31)
    assert load_npy(tmp_path / "whole" / "wp.npy").shape == (3, 2, 8, 31)
    assert (tmp_path / "whole" / "samples" / "002-01.png").is_file()
    assert "Samples by label map" in (tmp_path / "whole" / "lse-sample.html").read_text()
    for shard in ("0/2", "1/2"):
        code, _, err = gantk_command(*words, "--shard", shard, "-o", tmp_path / "parts")
        assert code == 0, err
    assert gantk_command("merge", tmp_path / "parts")[0] == 0
    for name in ("wp.npy", "lse-sample.result.json", "samples/002-01.png"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_sample_by_the_paper_and_through_the_teacher(gantk_command: Gantk, head: str, tmp_path: Path) -> None:
    words = ["lse", "sample", "demo-oracle", head, "--num-targets", 1, "--per-target", 1]
    code, _, err = gantk_command(*words, "--compat", "--starts", 3, "--space", "z", "-o", tmp_path / "a")
    assert code == 0, err
    assert load_npy(tmp_path / "a" / "curve.npy").shape == (1, 1, 51)
    code, _, err = gantk_command(*words, "--through", "teacher", "--steps", 2, "--bank", 4, "-o", tmp_path / "b")
    assert code == 0, err
    code, _, err = gantk_command(*words, "--compat", "-o", tmp_path / "c")
    assert code == 2 and "--compat moves z" in err
    code, _, err = gantk_command(*words, "--shape", "sky:0,0,8,99", "-o", tmp_path / "d")
    assert code == 2 and "reaches outside the image" in err and not (tmp_path / "d").exists()
    write_label_map(tmp_path / "big.png", np.zeros((64, 64), np.uint8), [])
    code, _, err = gantk_command(*words, "--target", tmp_path / "big.png", "-o", tmp_path / "e")
    assert code == 1 and "is 64 x 64 pixels where 32 x 32 are expected" in err


# --- editing ---------------------------------------------------------------------------------------------------------


def test_an_edit_follows_its_stroke_and_keeps_the_rest(head: str) -> None:
    generator = gantk.load_generator("demo-oracle")
    reads = load_head(head, generator)
    session = EditSession(generator, reads)
    view = session.generate(0, 1)
    label = draw(["sun:5,24,2.5"], CLASSES, 32)
    found = session.edit(label, settings=EditSettings(steps=25))
    assert found.followed[1] > max(0.8, found.followed[0]) and found.changed < 0.3
    assert min(found.losses) < 0.5 * found.losses[0]
    assert session.view is not view
    assert session.undo() is view
    assert np.array_equal(session.redo().label, found.label_after)
    assert session.uncertainty() > 0
    with pytest.raises(UsageError, match="nothing to redo"):
        session.redo()


def test_the_papers_edit(head: str) -> None:
    generator = gantk.load_generator("demo-oracle")
    session = EditSession(generator, load_head(head, generator))
    z = session.generate(0, 1).z
    found = session.edit(draw(["sun:5,24,2.5"], CLASSES, 32), settings=EditSettings(procedure="paper"))
    assert found.z is not None and z is not None and found.z.shape == z.shape == (1, 8, 31)
    assert len(found.losses) == 51 and session.view.z is found.z
    session.show(found.after)
    with pytest.raises(UsageError, match="moves z, which is not known"):
        session.edit(draw(["sun:5,24,2"], CLASSES, 32), settings=EditSettings(procedure="paper"))


@pytest.mark.parametrize("name", ["stylegan2-orig", "biggan-deep"])
def test_the_papers_edit_begins_with_the_samples_own_class(name: str) -> None:
    generator = tiny(name)
    session = EditSession(generator)
    view = session.generate(0, 1)
    label = np.zeros(view.label.shape, np.uint8)
    label[:4] = 1
    session.annotate(label)
    session.fit(["a", "b"])
    found = session.edit(label, settings=EditSettings(procedure="paper"))
    torch.testing.assert_close(found.before, view.wp)
    assert session.view.class_1 is view.class_1 is not None


def test_colour_strokes_and_presets(head: str) -> None:
    generator = gantk.load_generator("demo-oracle")
    reads = load_head(head, generator)
    session = EditSession(generator, reads)
    wp = session.generate(0, 2).wp
    colour, painted = np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), bool)
    colour[:6], painted[:6] = (20, 20, 60), True
    found = edit(generator, reads, wp, Stroke(None, colour, painted), EditSettings(steps=15, schedule="colour"))
    assert torch.equal(found.after[:, :5], wp[:, :5]) and not torch.equal(found.after[:, 6:], wp[:, 6:])
    target = torch.tensor([20.0, 20, 60]).view(1, 3, 1, 1) / 127.5 - 1
    apart = [float((image[:, :, :12] - target).square().mean()) for image in (found.image_before, found.image_after)]
    assert apart[1] < apart[0]
    weight = class_weights(np.array([[1, 1, 1], [2, 255, 255]], np.uint8))
    assert weight.sum() == pytest.approx(1) and weight[0, 0] == pytest.approx(1 / 6) and weight[1, 0] == 0.5


def test_bad_strokes(head: str) -> None:
    generator = gantk.load_generator("demo-oracle")
    session = EditSession(generator, load_head(head, generator))
    with pytest.raises(UsageError, match="no image yet"):
        session.edit(np.zeros((32, 32), np.uint8))
    session.generate()
    for stroke, message in (
        (np.zeros((16, 16), np.uint8), "16 x 16 pixels where 32 x 32"),
        (np.full((32, 32), 10, np.uint8), "has class 10, and the classes are 0 to 9"),
        (np.full((32, 32), 255, np.uint8), "The stroke is empty"),
    ):
        with pytest.raises(GantkError, match=message):
            session.edit(stroke)
    with pytest.raises(UsageError, match="nothing to undo"):
        session.undo()
    with pytest.raises(UsageError, match="schedule 'odd'"):
        EditSettings(schedule="odd")


def test_a_session_from_annotations_to_a_zip(tmp_path: Path) -> None:
    generator = gantk.load_generator("demo-oracle")
    session = EditSession(generator)
    with pytest.raises(GantkError, match="Nothing is annotated"):
        session.fit(("low", "high"))
    for index in range(3):
        wp = session.generate(1, index).wp
        truth = generator.true_masks(wp).argmax(1)[0]  # type: ignore[operator]
        label = (truth == 1).to(torch.uint8).numpy()
        label[0, :5] = 255
        assert session.annotate(label) == index + 1
    with pytest.raises(GantkError, match="use one size"):
        session.annotate(np.zeros((8, 8), np.uint8))
    with pytest.raises(UsageError, match="no head to edit with"):
        session.edit(label)
    with pytest.raises(GantkError, match="'third'"):
        session.fit(("rest", "sky", "third"))
    head = session.fit(("rest", "sky"))
    said = head.segment_codes(generator, session.view.wp).argmax(1)[0]
    assert float((said == (truth == 1)).float().mean()) > 0.95
    session.generate(2, 0)
    with zipfile.ZipFile(session.export(tmp_path / "out.zip")) as archive:
        assert sorted(archive.namelist()) == ["image.png", "label.png", "session.json", "wp.npy"]
        archive.extract("label.png", tmp_path)
    assert np.array_equal(read_label_map(tmp_path / "label.png", 2, 64), session.view.label)


def test_edit_command(gantk_command: Gantk, head: str, tmp_path: Path) -> None:
    words = ["lse", "edit", "demo-oracle", head, "--steps", 8, "--frames", 3]
    code, out, err = gantk_command(*words, "--shape", "sun:5,24,2.5", "--colour", "#204080:0,0,4,32", "-o", tmp_path)
    assert code == 0, err
    assert "of its pixels before" in out and load_npy(tmp_path / "wp.npy").shape == (2, 8, 31)
    assert "An edit by strokes" in (tmp_path / "lse-edit.html").read_text()
    np.save(tmp_path / "one.npy", load_npy(tmp_path / "wp.npy")[0])
    code, _, err = gantk_command(
        *words, "--shape", "sun:5,24,2.5", "--code", tmp_path / "one.npy", "-o", tmp_path / "b"
    )
    assert code == 0, err
    for options, message in (
        ([], "There is no stroke"),
        (["--shape", "sun:5,30,9"], "reaches outside the image"),
        (["--colour", "red:0,0,2,2"], "is not understood"),
        (["--shape", "son:5,24,2"], "no class 'son'"),
        (["--shape", "sun:5,24,2", "--index", 3, "--seeds", 85], "--seeds 85 and --index 3 each name a sample"),
        (["--shape", "sun:5,24,2", "--index", 3, "--code", tmp_path / "one.npy"], "--index 3 names a sample"),
    ):
        code, _, err = gantk_command(*words, *options, "-o", tmp_path / "c")
        assert code == 2 and message in err and not (tmp_path / "c").exists()


def test_heads_of_another_generator_are_refused(gantk_command: Gantk, head: str, tmp_path: Path) -> None:
    for words in (["edit", "demo", head, "--shape", "sun:5,9,2"], ["sample", "demo", head], ["evaluate", "demo", head]):
        code, _, err = gantk_command("lse", *words, "-o", tmp_path / "x")
        assert code == 1 and "belongs to another generator" in err and not (tmp_path / "x").exists()


def test_bad_train_options(gantk_command: Gantk, tmp_path: Path) -> None:
    for options, message in (
        (["--kind", "SVM"], "'SVM' is not one of 'LSE', 'NSE-1', 'NSE-2'"),
        (["--solver", "ridge", "--kind", "NSE-1"], "is for the linear head"),
        (["--taps", "nowhere"], "no index, range or layer name"),
        (["--teacher", "nobody"], "There is no predictor 'nobody'"),
        (["--label", "3"], "is not conditional"),
    ):
        code, _, err = gantk_command("lse", "train", "demo-oracle", *options, "-o", tmp_path / "x")
        assert code == 2 and message in err, err
        assert not (tmp_path / "x").exists()


def test_the_margin_of_a_stroke_follows_the_heads_map() -> None:
    from gantk.lse.editing import margin_of

    assert [margin_of(size) for size in (16, 32, 64, 128, 512)] == [2, 2, 2, 4, 16]
