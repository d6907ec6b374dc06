"""Probes that cannot cheat: what they must equal, and that noise scores nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from generator_cases import refuse

from gantk.errors import GantkError, UsageError
from gantk.ghfeat import probes
from gantk.ghfeat.features import FeatureSet, level_features, probe_all
from gantk.ghfeat.labels import Labels, Pairs, label_table, pair_list, world


def slow_ridge(x: np.ndarray, y: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The definition: the primal solution, the penalty by leaving each sample out in turn."""
    mean, scale = x.mean(0), x.std(0)
    x, test = (x - mean) / scale, (test - mean) / scale
    centre = y.mean()
    y = y - centre
    unit = max(float(np.linalg.eigvalsh(x @ x.T).clip(0).mean()), 1e-12)
    best, found = np.inf, None
    for penalty in probes.PENALTIES * unit:
        errors = []
        for out in range(len(x)):
            rest = np.arange(len(x)) != out
            w = np.linalg.solve(x[rest].T @ x[rest] + penalty * np.eye(x.shape[1]), x[rest].T @ y[rest])
            errors.append((y[out] - x[out] @ w) ** 2)
        if np.mean(errors) < best:
            best = np.mean(errors)
            found = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
    return test @ found + centre


@pytest.mark.parametrize("width", [3, 30])
def test_ridge_is_the_definition(width: int) -> None:
    random = np.random.default_rng(width)
    x, test = random.normal(size=(20, width)), random.normal(size=(6, width))
    y = x[:, :2] @ random.normal(size=(2, 2)) + 0.5 * random.normal(size=(20, 2))
    got = probes.ridge(x, y, test)
    for column in range(2):
        assert np.allclose(got[:, column], slow_ridge(x, y[:, column], test), rtol=1e-6, atol=1e-8)


def test_what_is_there_is_found_and_noise_is_not() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 40))
    targets = np.stack([x[:, 0] + 2 * x[:, 1], random.normal(size=200)], 1)
    there, noise = probes.regress(x, targets)
    assert there.mean > 0.95 and noise.mean < 0.1
    labels = (x[:, 2] > 0).astype(np.int64)
    assert probes.classify(x, labels).mean > 0.8
    assert abs(probes.classify(x, random.integers(0, 2, 200)).mean - 0.5) < 0.15
    wide = random.normal(size=(60, 500))  # more features than samples: everything can be learnt by heart
    assert probes.classify(wide, random.integers(0, 2, 60)).mean < 0.75
    assert probes.regress(wide, random.normal(size=(60, 1)))[0].mean < 0.2


def test_folds_are_disjoint_and_cover_everything() -> None:
    folds = probes.folds_of(23, 5)
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(23))
    assert all(not set(train) & set(test) for train, test in folds)
    refuse(lambda: probes.folds_of(5, 5))
    refuse(lambda: probes.classify(np.zeros((20, 2)), np.zeros(20, np.int64)))


def test_points() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(100, 5))
    points = np.stack([x[:, :2], x[:, 2:4]], 1) * 0.1
    assert probes.landmark_error(x, points).mean < 1e-3
    assert probes.landmark_error(random.normal(size=(100, 5)), points).mean > 0.05


def test_verification_and_votes() -> None:
    random = np.random.default_rng(0)
    same = np.arange(200) % 2 == 0
    good, bad = same + 0.3 * random.normal(size=200), random.normal(size=200)
    found = probes.verify(good, same)
    assert found.accuracy.mean > 0.9 and found.area > 0.95
    assert abs(probes.verify(bad, same).accuracy.mean - 0.5) < 0.15
    noisy = {str(k): same + 0.8 * random.normal(size=200) for k in range(9)}
    alone = np.mean([probes.verify(s, same).accuracy.mean for s in noisy.values()])
    assert probes.vote(noisy, same).accuracy.mean > alone + 0.05
    assert probes.area(np.array([1.0, 1.0]), np.array([True, False])) == 0.5


def test_retrieval_by_hand() -> None:
    x = np.array([[1.0, 0.0], [2.0, 0.1], [-1.0, 0.0], [-2.0, 0.1], [0.1, 3.0]])
    assert probes.neighbours(x, 1)[:4, 0].tolist() == [1, 0, 3, 2]
    labels = np.array([0, 0, 1, 1, 2])
    assert probes.retrieve(x, labels, 1) == pytest.approx(0.8)


def test_features_by_level() -> None:
    styles = [np.full((4, 2), 1.0), np.full((4, 3), 2.0), np.full((4, 2), 3.0)]
    sets = level_features(styles, (0, 1, 1))
    assert [s.name for s in sets] == ["row 0 (level 1)", "row 1 (level 0)", "all levels"]
    assert [s.values.shape[1] for s in sets] == [2, 5, 7]


def test_every_table_of_the_world() -> None:
    scenes = world(60, 3)
    from gantk.world.renderer import render

    image = render(torch.from_numpy(scenes.factors_NF), torch.from_numpy(scenes.nuisance_NM), 16).image_NCHW
    sets = [FeatureSet("pixels", "level", image.flatten(1).double().numpy())]
    sets.append(FeatureSet("all", "all", scenes.factors_NF.astype(np.float64)))
    found = probe_all(sets, scenes.labels, 3, 0)
    assert found.classification is not None and found.retrieval is not None and len(found.verification) == 2
    assert found.regression is not None and found.regression.values[1].min() > 0.9  # the factors tell themselves
    assert found.landmarks is not None and found.landmarks.values[1][0] < 0.01
    couples, same = scenes.labels.pairs  # type: ignore[misc]
    house = scenes.factors_NF[:, [0, 1, 2, 3, 9]]
    assert np.array_equal((house[couples[:, 0]] == house[couples[:, 1]]).all(1), same)


def read_labels(path: Path, names: list[str]) -> Labels:
    return label_table(path).of(names)


def read_pairs(path: Path, names: list[str]) -> Pairs:
    return pair_list(str(path)).of(names)


def test_tables_of_labels(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("image,age,class:id,eye_x,eye_y,kind\nb.png,2,7,0.1,0.2,cat\na.png,1,8,0.3,0.4,dog\n")
    labels = read_labels(path, ["x/a.png", "x/b.png"])
    assert labels.numbers["age"].tolist() == [1, 2] and labels.classes["id"].tolist() == [1, 0]
    assert labels.classes["kind"].tolist() == [1, 0] and labels.points is not None
    assert labels.points.tolist() == [[[0.3, 0.4]], [[0.1, 0.2]]] and labels.point_names == ("eye",)
    refuse(lambda: read_labels(path, ["c.png"]), GantkError)
    refuse(lambda: read_labels(tmp_path / "none.csv", []), GantkError)
    path.write_text("image\na.png\n")
    refuse(lambda: read_labels(path, ["a.png"]), UsageError)
    path.write_text("age\n1\n2\n")
    refuse(lambda: read_labels(path, ["a.png"]), GantkError)
    path.write_text("image,age\na.png\n")
    refuse(lambda: read_labels(path, ["a.png"]), GantkError)
    path.write_text("a.png b.png 1\n# no pair\n0 1 0\n")
    couples, same = read_pairs(path, ["x/a.png", "x/b.png"])
    assert couples.tolist() == [[0, 1], [0, 1]] and same.tolist() == [True, False]
    for bad in ("a.png b.png 2\n", "a.png c.png 1\n", "\n"):
        path.write_text(bad)
        refuse(lambda: read_pairs(path, ["x/a.png", "x/b.png"]), GantkError)
    assert Labels().pairs is None
    given = label_table({"age": [1, 2], "class:kind": ["cat", "dog"]}).of(["x", "y"])
    assert given.numbers["age"].tolist() == [1, 2] and given.classes["kind"].tolist() == [0, 1]
    assert pair_list([("x", "y", True)]).of(["x", "y"])[0].tolist() == [[0, 1]]
