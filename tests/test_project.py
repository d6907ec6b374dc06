"""The project around the package: what is shipped, what is documented, what ends up in a wheel."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

import gantk
from gantk.errors import UsageError
from gantk.store import shipped

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


# --- shipped files -------------------------------------------------------------------------------------------------


def test_shipped_folders_are_found_in_the_checkout() -> None:
    for kind in shipped.KINDS:
        assert shipped.folders(kind) == [ROOT / kind]
    with pytest.raises(ValueError, match="'models'"):
        shipped.folders("models")


def test_shipped_folders_are_found_in_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "gantk"
    (package / "configs").mkdir(parents=True)
    (package / "configs" / "quick.toml").write_text("")
    monkeypatch.setattr(shipped, "__file__", str(package / "store" / "shipped.py"))
    assert shipped.find_shipped("configs", "quick", (".toml",)) == package / "configs" / "quick.toml"
    assert shipped.folders("boundaries") == []


def test_names_never_become_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("GANTK_HOME", str(home))
    for name in ("configs/big/train.toml", "configs/small/train.toml", "configs/zzz.toml", "secret.toml"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("")
    assert shipped.find_shipped("configs", "zzz.toml", (".toml",)) == home / "configs" / "zzz.toml"
    assert shipped.find_shipped("configs", "big/train", (".toml",)) == home / "configs" / "big" / "train.toml"
    with pytest.raises(UsageError, match="several configs: give one of big/train, small/train"):
        shipped.find_shipped("configs", "train", (".toml",))
    for name in ("../secret", "/etc/passwd", "..", "", "zz"):
        with pytest.raises(UsageError, match="There is no file"):
            shipped.find_shipped("configs", name, (".toml",))


def test_the_users_folder_is_gantk_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GANTK_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert shipped.home() == tmp_path / "gantk"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert shipped.home() == tmp_path / ".cache" / "gantk"


# --- the project file ----------------------------------------------------------------------------------------------


def test_dependencies_have_lower_bounds_only() -> None:
    project = PROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for requirement in [requirement for group in groups for requirement in group]:
        assert re.fullmatch(r"[a-z0-9-]+>=[0-9.]+", requirement), requirement
    named = {re.split("[>=]", requirement)[0] for requirement in project["dependencies"]}
    assert named == {
        *("click", "jinja2", "numpy", "pillow", "safetensors", "scikit-learn", "scipy", "torch", "torchvision", "tqdm")
    }


def test_warnings_are_errors_and_markers_are_known() -> None:
    settings = PROJECT["tool"]["pytest"]["ini_options"]
    assert settings["filterwarnings"][0] == "error"
    assert [marker.split(":")[0] for marker in settings["markers"]] == ["slow", "browser", "reference", "slurm"]


@pytest.mark.slow
def test_the_wheel_has_everything_that_ships(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling is not installed (pip install hatchling)")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in shipped.KINDS:
        for path in (ROOT / kind).rglob("*"):
            if path.is_file():
                assert f"gantk/{path.relative_to(ROOT).as_posix()}" in names
    for path in (ROOT / "gantk").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.relative_to(ROOT).as_posix() in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert f"gantk-{gantk.__version__}-py3-none-any.whl" == wheel.name


# --- documentation -------------------------------------------------------------------------------------------------


def documents() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    text = re.sub(r"<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http://", "https://", "#", "mailto:")):
            assert (path.parent / target.split("#")[0]).exists(), f"{path.name} links to {target}"


def test_every_command_is_in_the_readme() -> None:
    from click import Context

    from gantk.cli.main import cli

    table = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in cli.list_commands(Context(cli)):
        assert f"`gantk {name}" in table, f"README.md has no row for gantk {name}"


def test_the_changelog_has_this_version() -> None:
    assert f"## {gantk.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_file_of_the_package_has_one_purpose_and_a_size_to_match() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in (ROOT / "gantk").rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 450
    }
    assert not long, f"split these: {long}"
    vague = {"utils", "misc", "helpers", "common", "tools"}
    assert not [path for path in (ROOT / "gantk").rglob("*.py") if path.stem in vague]


# --- documents that describe the tree --------------------------------------------------------------------------------


def test_the_readme_links_every_document() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    every = [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "examples").iterdir()]
    missing = [path.name for path in every if f"]({path.relative_to(ROOT).as_posix()}" not in text]
    assert not missing, f"README.md links these nowhere: {missing}"


def test_the_architecture_has_every_room_on_its_floor() -> None:
    from test_import_order import RANKS

    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    floors = [re.findall(r"`(\w+)`", row) for row in re.findall(r"^\| \d+ \| (.*) \|$", text, re.MULTILINE)]
    ranks = sorted({rank for rank in RANKS.values()})
    assert [set(floor) for floor in floors] == [
        {room for room in RANKS if RANKS[room] == rank and not room.startswith("_")} for rank in ranks
    ]
    for room in (path.name for path in (ROOT / "gantk").iterdir() if (path / "__init__.py").is_file()):
        assert f"**{room}.**" in text or f"- `{room}`" in text, f"docs/architecture.md has no paragraph on {room}"


@pytest.mark.parametrize("name", ["architecture.md", "CONTRIBUTING.md", "glossary.md"])
def test_files_and_options_that_documents_name_exist(name: str) -> None:
    from gantk.cli.build import command_of
    from gantk.runs.table import TASKS, find_task

    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    for path in re.findall(r"\b((?:gantk|tests|scripts)/[\w/.]*\w)", text):
        assert (ROOT / path).exists(), f"{name} names {path}"
    names = {path.name for path in (ROOT / "gantk").rglob("*.py")} | {"bedroom.pt"}
    for file in re.findall(r"`(\w+\.py)`", text):
        assert file in names, f"{name} names {file}"
    spelled = {word for task in TASKS for each in command_of(find_task(task)).params for word in each.opts}
    for option in re.findall(r"`(--[a-z-]+)", text):
        assert option in spelled | {"--help", "--config", "--json"}, f"{name} names {option}"


def test_scripts_import_what_there_is() -> None:
    """Imports inside functions too, which nothing else would see before the script is run."""
    import importlib

    for path in (*(ROOT / "scripts").rglob("*.py"), *(ROOT / "docs").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "gantk":
                module = importlib.import_module(str(node.module))
                absent = [alias.name for alias in node.names if not _has(module, alias.name)]
                assert not absent, f"{path.relative_to(ROOT)}:{node.lineno} takes {absent} from {node.module}"


def _has(module: Any, name: str) -> bool:
    import importlib.util

    return hasattr(module, name) or importlib.util.find_spec(f"{module.__name__}.{name}") is not None
