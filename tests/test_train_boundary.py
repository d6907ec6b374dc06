"""`gantk train-boundary` from files to files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gantk.cli.main import run
from gantk.codes.boundary_list import read_boundary_list
from gantk.codes.directions import Direction
from gantk.codes.given import GivenCodes
from gantk.codes.kept_directions import load_direction, save_direction
from gantk.errors import UsageError
from gantk.higan import train_boundary
from gantk.higan.boundaries import TrainBoundaryResult
from gantk.runs.reporting import load_result

N, D, L = 900, 12, 3


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with z.npy, w.npy, wp.npy, attribute.npy (structured) and higan.npy (pickled), as the cwd."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    z = random.standard_normal((N, D)).astype(np.float32)
    z *= np.sqrt(D) / np.linalg.norm(z, axis=1, keepdims=True)
    w = np.tanh(z @ random.standard_normal((D, D)) / 4).astype(np.float32)
    truth = random.standard_normal((D, 2))
    score = w @ truth + 0.2 * random.standard_normal((N, 2))
    table = np.zeros(N, dtype=[("wood", "f4"), ("open_area", "f4")])
    table["wood"], table["open_area"] = score.T
    np.save("z.npy", z)
    np.save("w.npy", w)
    np.save("wp.npy", np.stack([w] * L, axis=1))
    np.save("attribute.npy", table)
    pickled = np.empty((), dtype=object)
    pickled[()] = {"score": score, "name_to_idx": {"wood": 0, "open_area": 1}, "idx_to_name": {}}
    np.save("higan.npy", pickled, allow_pickle=True)
    np.save("wood.npy", score[:, 0])
    return tmp_path


def test_everything_is_left(samples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train-boundary", "w.npy", "attribute.npy", "-N", "100", "-o", "out"]) == 0
    out = samples / "out"
    shown = capsys.readouterr().out
    assert "wood: validation" in shown and shown.strip().endswith("Train boundary: out")
    names = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    assert names == {
        *(f"{name}_boundary{suffix}" for name in ("wood", "open_area") for suffix in (".safetensors", ".npy", ".md")),
        "boundary_list.txt",
        "boundary.log",
        "train-boundary.html",
        "train-boundary.run.json",
        "train-boundary.result.json",
    }
    entries = read_boundary_list(out / "boundary_list.txt")
    assert [(entry.name, entry.space) for entry in entries] == [("wood", "w"), ("open_area", "w")]
    for entry in entries:
        direction = load_direction(entry.path)
        assert (direction.kind, direction.space, direction.vectors.shape) == ("boundary", "w", (1, D))
        assert direction.meta["solver"] == "ridge" and direction.meta["seed"] == 0
        assert direction.meta["accuracy_val"] > 0.9 and direction.meta["stability"] > 0.9
        assert direction.meta["command"].startswith("gantk train-boundary w.npy attribute.npy")
        assert isinstance(direction.intercept, float) and 0 < direction.scale < 10
        plain = np.load(out / f"{entry.name}_boundary.npy", allow_pickle=False)
        np.testing.assert_array_equal(plain, direction.vectors)
        assert plain.dtype == np.float32
    card = (out / "wood_boundary.md").read_text()
    assert "gantk train-boundary w.npy attribute.npy -N 100 -o out" in card and "validation accuracy" in card
    manifest = json.loads((out / "train-boundary.run.json").read_text())
    assert manifest["state"] == "complete" and manifest["seed"] == 0
    assert manifest["arguments"]["solver"] == "ridge"
    result = load_result(out)
    assert isinstance(result, TrainBoundaryResult)
    assert [each.name for each in result] == ["wood", "open_area"] and result.cosines[0, 0] == pytest.approx(1)
    assert len(result) == 2 and result["wood"].projections is not None and result["wood"].file == "wood_boundary"
    page = (out / "train-boundary.html").read_text()
    assert "wood" in page and "open_area" in page
    assert "wood: validation" in (out / "boundary.log").read_text()


def test_command_line_of_the_original(samples: Path) -> None:
    line = "train_boundary w.npy higan.npy --score_name wood -o out -T linear -N 0.1 -r 0.7 -v -99 -V"
    words = [*line.split(), "--save_name", "my.npy", "--logfile_name", "my.txt", "--solver", "svc", "--compat"]
    assert run(words) == 0
    array = np.load("out/wood_my.npy", allow_pickle=False)
    assert array.shape == (1, D) and np.linalg.norm(array) == pytest.approx(1, abs=1e-6)
    assert Path("out/my.txt").exists()
    from sklearn.svm import SVC

    w, score = np.load("w.npy"), np.load("wood.npy")
    order = np.argsort(score)[::-1]
    positive, negative = np.arange(90), np.arange(90)
    random = np.random.RandomState(0)
    random.shuffle(positive)
    random.shuffle(negative)
    x = np.concatenate([w[order[:90]][positive[:62]], w[order[-90:]][negative[:62]]])
    expected = SVC(kernel="linear").fit(x, np.arange(124) < 62).coef_.astype(np.float32)
    np.testing.assert_array_equal(array, expected / np.linalg.norm(expected))


def test_unnamed_scores_give_an_unprefixed_file(samples: Path) -> None:
    assert run(["train-boundary", "z.npy", "wood.npy", "-N", "100", "-o", "out"]) == 0
    assert load_direction("out/boundary.safetensors").space == "z"
    assert run(["train-boundary", "z.npy", "wood.npy", "-N", "100", "-o", "out", "--score-name", "timber"]) == 0
    assert Path("out/timber_boundary.npy").exists()


def test_another_run_adds_to_the_list(samples: Path) -> None:
    for name in ("wood", "open_area"):
        assert run(["train-boundary", "w.npy", "attribute.npy", "-N", "100", "-o", "out", "--score-name", name]) == 0
    assert [entry.name for entry in read_boundary_list("out/boundary_list.txt")] == ["wood", "open_area"]
    Path("out/wood_boundary.safetensors").unlink()
    assert run(["train-boundary", "z.npy", "attribute.npy", "-N", "100", "-o", "out", "--score-name", "open_area"]) == 0
    spaces = [(entry.name, entry.space) for entry in read_boundary_list("out/boundary_list.txt")]
    assert spaces[-1] == ("open_area", "z") and ("wood", "w") not in spaces


def test_rows_of_wp(samples: Path) -> None:
    base = ["train-boundary", "wp.npy", "attribute.npy", "-N", "100", "-o", "out", "--solver", "newton"]
    assert run([*base, "--layers", "0-1", "--resamples", "0"]) == 0
    direction = load_direction("out/wood_boundary.safetensors")
    assert direction.space == "wp" and direction.vectors.shape == (1, L, D) and direction.layers == (0, 1)
    np.testing.assert_allclose(np.linalg.norm(direction.vectors[0], axis=1), [1, 1, 0], atol=1e-6)
    assert isinstance(direction.intercept, tuple) and len(direction.intercept) == L
    result = load_result("out")
    assert isinstance(result, TrainBoundaryResult) and [part.row for part in result["wood"].rows] == [0, 1]
    assert run([*base, "--shared"]) == 0
    assert load_direction("out/wood_boundary.safetensors").space == "w"


def test_conditions_by_score_file_and_several_rows(samples: Path) -> None:
    rows = Direction("pair", "direction", "w", np.eye(D, dtype=np.float32)[:2])
    save_direction("pair.safetensors", rows)
    words = ["train-boundary", "w.npy", "attribute.npy", "-N", "100", "-o", "out", "--score-name", "wood"]
    assert run([*words, "--condition", "open_area", "--condition", "pair.safetensors"]) == 0
    wood = load_direction("out/wood_boundary.safetensors")
    assert wood.meta["conditions"] == ["open_area", "pair[0]", "pair[1]"]
    assert np.abs(wood.vectors[0, :2]).max() < 1e-6
    assert "accuracy_val_conditional" in wood.meta
    assert "orthogonal to" in Path("out/wood_boundary.md").read_text()
    assert load_direction("out/open_area_boundary.safetensors").meta["conditions"] == ["pair[0]", "pair[1]"]


def test_same_command_same_files(samples: Path) -> None:
    files = ("wood_boundary.safetensors", "open_area_boundary.safetensors", "wood_boundary.npy")
    for solver in ("ridge", "newton", "logistic"):
        words = [
            "train-boundary",
            "w.npy",
            "attribute.npy",
            "-N",
            "100",
            "-o",
            "out",
            "--solver",
            solver,
            "--seed",
            "5",
        ]
        assert run(words) == 0
        before = [Path("out", name).read_bytes() for name in files]
        assert run(words) == 0
        assert before == [Path("out", name).read_bytes() for name in files]


def test_labels_in_a_table(samples: Path) -> None:
    labels = (np.load("wood.npy") > 0.5).astype(int)
    Path("labels.csv").write_text("timber\n" + "\n".join(map(str, labels)) + "\n")
    assert run(["train-boundary", "w.npy", "labels.csv", "--labels", "-o", "out"]) == 0
    assert load_direction("out/timber_boundary.safetensors").meta["accuracy_val"] > 0.85


BAD = [
    ("w.npy nowhere.npy", 1, "nowhere.npy does not exist"),
    ("nowhere.npy attribute.npy", 1, "nowhere.npy does not exist"),
    ("w.npy short.npy", 1, "10 scores in short.npy and 900 latent codes in w.npy"),
    ("w.npy nan.npy", 1, "not finite for 1 of 900 samples (the first is sample 7)"),
    ("w.npy flat.npy", 1, "only contains one class"),
    ("w.npy cells.csv", 1, "row 3: 'high' in column 'a' is no number"),
    ("wood.npy attribute.npy", 1, "float64 of shape (900,)"),
    ("w.npy attribute.npy --score-name wod", 2, "Did you mean 'wood'?"),
    ("w.npy attribute.npy -N 0", 2, "number of chosen samples is 0"),
    ("w.npy attribute.npy -r 1.5", 2, "split ratio is 1.5"),
    ("w.npy attribute.npy --labels", 2, "labels are 0 or 1"),
    ("w.npy attribute.npy --layers 1", 2, "give wp"),
    ("wp.npy attribute.npy --layers 1-3", 2, "out of range"),
    ("w.npy attribute.npy --latent-space-type wp", 2, "codes of wp have [N, L, D]"),
    ("w.npy attribute.npy --solver magic", 2, "'magic' is not one of"),
    ("w.npy attribute.npy --save-name ../x", 2, "folders go to --output-dir"),
    ("w.npy attribute.npy --condition narrow.safetensors", 2, "same space and network"),
    ("w.npy attribute.npy --condition nothing", 2, "no shipped direction 'nothing'"),
    ("w.npy attribute.npy --device tpu", 2, "'tpu'"),
]


@pytest.mark.parametrize(("words", "code", "message"), BAD)
def test_bad_input(samples: Path, capsys: pytest.CaptureFixture[str], words: str, code: int, message: str) -> None:
    np.save("short.npy", np.arange(10.0))
    np.save("flat.npy", np.ones(N))
    broken = np.load("wood.npy")
    broken[7] = np.nan
    np.save("nan.npy", broken)
    Path("cells.csv").write_text("a\n1\nhigh\n")
    save_direction("narrow.safetensors", Direction("narrow", "direction", "w", np.ones((1, D - 1), np.float32)))
    assert run(["train-boundary", *words.split(), "-o", "out"]) == code
    shown = capsys.readouterr().err
    assert message in shown and "Traceback" not in shown
    assert not Path("out").exists()  # nothing half-written


def test_names_never_lead_out_of_the_directory(samples: Path) -> None:
    score = np.load("wood.npy")
    np.savez("s.npz", **{"..a": score, "man-made": -score})
    content = np.empty((), dtype=object)
    content[()] = {"../../up/x": score}
    np.save("s.npy", content, allow_pickle=True)
    for file in ("s.npz", "s.npy"):
        assert run(["train-boundary", "w.npy", file, "-N", "100", "-o", "deep/out", "--resamples", "0"]) == 0
    assert not Path("up").exists() and not list(Path("deep").glob("*.npy"))
    assert {"a_boundary.npy", "man-made_boundary.npy"} <= {path.name for path in Path("deep/out").iterdir()}


def test_in_memory(samples: Path, tmp_path: Path) -> None:
    codes, table = GivenCodes(np.load("w.npy"), "w"), np.load("attribute.npy")
    found = train_boundary(codes, table, chosen=100)
    assert [each.name for each in found] == ["wood", "open_area"] and "accuracy" in repr(found)
    assert run(["train-boundary", "w.npy", "attribute.npy", "-N", "100", "-o", "out"]) == 0
    written = load_direction("out/wood_boundary.safetensors")
    np.testing.assert_array_equal(written.vectors, found["wood"].direction.vectors)
    alone = train_boundary(codes, {"timber": table["wood"]}, [found["open_area"]], chosen=100)
    assert alone.boundaries[0].conditions == ("open_area",)
    assert abs(float(alone.direction.vectors[0] @ found["open_area"].direction.vectors[0])) < 1e-6
    with pytest.raises(UsageError, match="take one of wood, open_area"):
        _ = found.direction
    with pytest.raises(UsageError, match="Did you mean 'wood'"):
        found["wod"]
    with pytest.raises(UsageError, match="no scores of their own"):
        train_boundary(codes, "wood")
    with pytest.raises(UsageError, match="GivenCodes"):
        train_boundary(np.load("w.npy"), table)
    assert (found.save(tmp_path / "kept") / "wood_boundary.safetensors").is_file()


def test_advice_is_not_the_solver_that_was_used(samples: Path) -> None:
    random = np.random.default_rng(1)
    noise = {"noise": random.standard_normal(60)}
    codes = GivenCodes(random.standard_normal((60, 30)).astype(np.float32), "w")
    for solver in ("ridge", "newton"):
        notes = train_boundary(codes, noise, solver=solver, chosen=0.3).said("doubt")
        advice = [note for note in notes if "depends on the split" in note]
        assert len(advice) == 1 and ("--solver ridge" in advice[0]) == (solver != "ridge")


def test_bad_input_leaves_the_earlier_run(samples: Path) -> None:
    words = ["train-boundary", "w.npy", "attribute.npy", "-N", "100", "-o", "out"]
    assert run(words) == 0
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    assert run([*words, "--split-ratio", "1.5"]) == 2
    assert before == {path.name: path.read_bytes() for path in Path("out").iterdir()}
