"""What every test shares: one thread, a home of its own, and the reference files where they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import made_once
import pytest
from browser import Browser, find_chromium
from web_page import Page

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = Path(os.environ.get("GANTK_REFERENCE") or ROOT.parent / "shared" / "reference")
LONG = (
    "test_web_browser", "test_higan_pipelines_tour", "test_atlas", "test_identity", "test_slurm_scheduler",
    "test_web_server", "test_fake_cuda", "test_task_contract", "test_torchrun", "test_claims", "test_faults",
    "test_your_own", "test_navigan", "test_notebooks", "test_drill", "test_predictors", "test_gpu_script",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    # Two spinning threads per worker are slower than one; set before torch is imported, and for subprocesses.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    # No test cuts the power, and a worker that waits for a disk lets a core idle. That a file is flushed, and when, is
    # what tests/test_faults.py and tests/test_web_server.py look at; a file that is closed stays an error.
    os.fsync = os.fstat  # type: ignore[assignment]
    import hypothesis

    # The same examples in every run: a failure here is the change's, not the draw's.
    hypothesis.settings.register_profile("gantk", derandomize=True, deadline=None, database=None, max_examples=60)
    hypothesis.settings.load_profile("gantk")
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With -n, a file goes to one worker as a whole: what it prepares for its tests is made once."""
    from xdist.scheduler import LoadFileScheduling

    if config.getvalue("dist") != "load":
        return None  # another way was asked for
    config.option.loadscopereorder = False  # the order below is meant
    return LoadFileScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files, so that all workers end together; skip what this machine cannot run, and say why."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
    no_reference = pytest.mark.skip(reason=f"the reference files are not there ({REFERENCE})")
    no_browser = pytest.mark.skip(reason="no Chromium was found (set CHROMIUM to its path)")
    for item in items:
        if item.get_closest_marker("reference") and not REFERENCE.is_dir():
            item.add_marker(no_reference)
        if item.get_closest_marker("browser") and find_chromium() is None:
            item.add_marker(no_browser)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What a test and its fixtures draw is the same in every run: torch begins each process with another seed."""
    if "torch" in sys.modules:
        import torch

        torch.default_generator.manual_seed(0)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """The folder of reference checkpoints; a test that asks for it is skipped where it is absent."""
    if not REFERENCE.is_dir():
        pytest.skip(f"the reference files are not there ({REFERENCE})")
    return REFERENCE


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; a test that asks for it is skipped where there is none."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium was found (set CHROMIUM to its path)")
    return path


@pytest.fixture(scope="session")
def _browser(chromium: str) -> Iterator[Page]:
    with Page(chromium) as opened:
        yield opened


@pytest.fixture
def browser(tab: Page) -> Browser:
    """The browser that all pages of files are looked at in."""
    tab.screen(1280)
    return tab


@pytest.fixture
def tab(_browser: Page) -> Page:
    """The browser of all tests, as it was opened but for what pages keep: it takes seconds to start one."""
    _browser.media("")
    return _browser


@pytest.fixture(scope="session", autouse=True)
def _shared(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where `made_once` keeps what the tests of all workers share."""
    own = tmp_path_factory.getbasetemp()
    os.environ[made_once.PLACE] = str(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees what the user has pulled, and none is told that a slow machine still reads."""
    monkeypatch.setenv("GANTK_HOME", str(tmp_path_factory.getbasetemp() / "gantk-home"))
    monkeypatch.setattr("gantk.store.progress.FIRST_SIGN", 60.0)


@pytest.fixture
def few_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    """`lse evaluate` scores the bundled segmenter itself on a few renders, which else takes longer than all it does."""
    monkeypatch.setattr("gantk.lse.scoring.RENDERS", 50)


@pytest.fixture
def gantk_command(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Run `gantk WORDS...` in this process as the console script would: returns exit code, stdout, stderr."""
    from gantk.cli.main import run

    def call(*words: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run([str(word) for word in words])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    yield call
