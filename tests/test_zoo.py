"""The zoo's facts: names, addresses that can be followed, places that stay in their folder; the list and the cards."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pytest

from gantk.checkpoints import pull
from gantk.checkpoints.names import bundled
from gantk.codes.kept_directions import load_direction
from gantk.generators.registry import FAMILIES
from gantk.generators.zoo import entries
from gantk.store.shipped import home

Call = Callable[..., tuple[int, str, str]]
KINDS = {"generator", "encoder", "boundary", "direction", "deformations", "predictor", "archive", "folder"}


def test_every_entry_is_sound() -> None:
    places = Counter(f"{entry.folder}/{file.path}" for entry in entries().values() for file in entry.files)
    assert max(places.values()) == 1
    for name, entry in entries().items():
        assert re.fullmatch(r"[A-Za-z0-9][\w./-]*", name) and ".." not in name and name == entry.name
        assert entry.kind in KINDS and entry.title and urlsplit(entry.page).scheme in ("http", "https")
        assert (entry.family in FAMILIES) if entry.family else entry.kind in ("predictor", "folder"), name
        assert entry.resolution in (None, 32, 64, 128, 224, 256, 512, 1024)
        assert entry.files or entry.kind == "folder"
        assert entry.kind != "generator" or entry.resolution
        for file in entry.files:
            path = PurePosixPath(file.path)
            assert not path.is_absolute() and not {"..", "."} & set(path.parts) and "{" not in file.path
            for url in file.urls:
                parts = urlsplit(url)
                assert parts.scheme in ("http", "https") and parts.hostname and not re.search(r"[\s{}]", url), url
            assert file.sha256 is None or re.fullmatch("[0-9a-f]{8,64}", file.sha256)
            assert file.size is None or file.size > 0
    assert not set(bundled()) & set(entries())


def test_all_of_it_is_there() -> None:
    known = entries()
    higan = [name for name in known if re.match(r"(pggan|stylegan2?)_[a-z0-9]+$", name)]
    families = Counter(known[name].family for name in higan)
    assert families == {"pggan": 31, "stylegan": 17, "stylegan2": 5}  # HiGAN's 53 names
    folders = Counter(name.split("/")[0] for name in known if "/" in name)
    assert folders["resefa"] == 8 and folders["interfacegan"] == 35
    assert sum(count for name, count in folders.items() if name in known) == 50  # of networks that the zoo has
    assert sum(name.startswith("genforce-") for name in known) == 31 + 20 + 5 + 1
    for name in ("stylegan3-r-afhqv2-512x512", "stylegan2-ada-cifar10", "stylegan2-ffhq-config-f", "biggan-deep-512"):
        assert known[name].kind == "generator"
    for name in ("ghfeat-encoder-ffhq-256", "navigan-deformations-car", "lineargan", "places365", "vgg16"):
        assert name in known
    assert known["biggan-deep-128"].files[0].path == "biggan-deep-128/pytorch_model.bin"
    for entry in known.values():
        assert entry.settings.get("generator") in {None, *known}, entry.name


def test_pulled_boundaries_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    monkeypatch.setenv("GANTK_HOME", str(tmp_path))
    for name in ("stylegan_tower/sunny", "interfacegan/stylegan_ffhq_age_w", "resefa/ffhq/stylegan2/eyesize"):
        (path,) = pull.places(entries()[name])
        path.parent.mkdir(parents=True)
        np.save(path, np.ones((1, 512), np.float32))
        assert load_direction(name).space == "w" and load_direction(name.partition("/")[2]).width == 512
        assert pull.is_pulled(entries()[name])


def test_patterns_stand_for_names() -> None:
    assert len(pull.select("stylegan_bedroom/*")) == 8
    assert pull.select("stylegan_bedroom") == ["stylegan_bedroom"]


def test_the_list(gantk_command: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANTK_HOME", str(tmp_path))
    path = home() / "models" / "stylegan_tower.pkl"
    path.parent.mkdir()
    path.write_bytes(b"x" * 1500)
    code, out, err = gantk_command("models", "list", "--family", "stylegan")
    lines = out.splitlines()
    assert code == 0 and lines[0].split() == ["name", "state", "family", "resolution", "size", "licence"]
    assert re.search(r"(?m)^stylegan_tower +pulled +stylegan +256 +1.5 kB +-$", out)
    assert re.search(r"(?m)^stylegan_bedroom +available +stylegan +256 +- +CC BY-NC 4.0$", out)
    assert "stylegan_tower/sunny" not in out and re.fullmatch(r"\d+ boundaries, .*: --all\n", err)
    assert max(map(len, lines)) < 110

    code, out, err = gantk_command("models", "list", "--json", "--all")
    rows = {row["name"]: row for row in json.loads(out)}
    assert (code, err) == (0, "") and set(rows) == set(bundled()) | set(entries())
    assert rows["stylegan_tower"]["state"] == "pulled" and rows["stylegan_tower"]["size"] == 1500
    assert rows["stylegan_tower/sunny"]["kind"] == "boundary" and rows["lineargan"]["state"] == "by hand"
    assert rows["demo-oracle"]["state"] == "bundled"

    code, _, err = gantk_command("models", "list", "--family", "stylegan4")
    assert code == 2 and "'stylegan4'" in err and "Did you mean 'stylegan" in err


def test_a_card_needs_no_file(gantk_command: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANTK_HOME", str(tmp_path))
    code, out, err = gantk_command("models", "info", "stylegan_bedroom")
    assert (code, err) == (0, "")
    for text in ("256 x 256", "CC BY-NC 4.0", "truncation 0.7", "gantk models pull stylegan_bedroom", "(not there)"):
        assert text in out
    assert str(tmp_path / "models" / "stylegan_bedroom.pkl") in out
    code, out, _ = gantk_command("models", "info", "resefa/ffhq/stylegan2/lipstick")
    assert code == 0 and "layers 8-11" in out
    code, _, err = gantk_command("models", "pull", "lineargan")
    assert code == 1 and "in a browser" in err
    code, _, err = gantk_command("models", "info", "stylegan_bedrom")
    assert code == 2 and "'stylegan_bedroom'" in err


def test_the_page_of_the_zoo_counts_right(root: Path) -> None:
    text = (root / "docs" / "zoo.md").read_text(encoding="utf-8")
    titles = Counter(entry.title for entry in entries().values())
    found = dict(re.findall(r"(?m)^\| (.+?) \| (\d+) \|", text))
    assert found == {title: str(count) for title, count in titles.items()}
