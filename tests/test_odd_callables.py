"""Predictors as people write them: what they answer is used, or said in one sentence that names the predictor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gantk.runs.reporting import load_result

Call = Callable[..., tuple[int, str, str]]

CODE = """
import collections
import torch

class Net(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)

net = Net()

def some_nan(x):
    scores = x.flatten(1).mean(1, keepdim=True).clone()
    scores[0] = float("nan")
    return scores

def none(x):
    return None

def raises(x):
    raise RuntimeError("no face found in image 0")

def ends(x):
    raise BaseException("enough")

def exits(x):
    raise SystemExit(3)

class Late(torch.nn.Module):
    # it draws while it is looked at, and fails when it is asked for more
    z_dim = 8

    def __init__(self):
        super().__init__()
        self.calls, self.weight = 0, torch.nn.Parameter(torch.eye(8, 48))

    def forward(self, z):
        self.calls += int(z.isfinite().all())  # nothing that can be traced: it is called as it is
        if self.calls > 30:
            raise BaseException("worn out")
        return (z @ self.weight).tanh().view(-1, 3, 4, 4)

def output_dictionary(x):
    mean = x.mean(1, keepdim=True)
    return {"out": torch.cat([-mean, -mean.abs() + 0.3, mean], 1)}

def argmax(x):
    return output_dictionary(x)["out"].argmax(1)

def words(x):
    return {"smile": ["yes"] * len(x)}

def text(x):
    return "cat"

def generator(x):
    yield from x.mean((1, 2, 3))

async def asynchronous(x):
    return x.mean((1, 2, 3))

def complex_numbers(x):
    return x.mean((1, 2, 3)) + 1j

def without_values(x):
    return torch.ones(len(x), device="meta")

def uneven(x):
    return {"a": torch.ones(len(x)), "b": torch.ones(len(x) + 1)}

class Output(dict):  # as models of Hugging Face answer: a table whose logits are an attribute too
    logits = property(lambda self: self["logits"])

Answer = collections.namedtuple("Answer", ["logits", "hidden"])
hugging_face = lambda x: Output(logits=x.mean((2, 3)), hidden=x)
named_tuple = lambda x: Answer(x.mean((2, 3)), None)
sparse = lambda x: x.mean((2, 3)).to_sparse()
lists = lambda x: [[float(part) for part in image.mean((1, 2))] for image in x]

class Frame:  # as much of a table of pandas as is asked for
    def __init__(self, array):
        self.array, self.columns = array, ["score_0", "score_1", "score_2"]

    def to_numpy(self):
        return self.array

table = lambda x: Frame(x.mean((2, 3)).numpy())
huge = lambda x: torch.full((len(x), 3), 2**62)

def changed(x):
    x.sub_(x.mean()).div_(0)
    return torch.ones(len(x), 3)
"""


@pytest.fixture
def call(gantk_command: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    (tmp_path / "mine.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    words = ("synthesize", "demo", "-N", "4", "--generate-prediction", "--batch-size", "2", "-o", "run")
    return lambda name: gantk_command(*words, "--predictor", f"mine.py:{name}")


FORMS = ("net", "hugging_face", "named_tuple", "sparse", "lists", "table", "huge", "changed")


@pytest.mark.parametrize("name", FORMS)
def test_answers_in_every_form(name: str, call: Call, tmp_path: Path) -> None:
    code, _, err = call(name)
    assert code == 0, err
    assert set(load_result(tmp_path / "run").summaries) == {"score_0", "score_1", "score_2"}


def test_an_image_without_a_score_is_left_out_and_counted(call: Call, tmp_path: Path) -> None:
    code, _, err = call("some_nan")
    assert code == 0, err
    assert load_result(tmp_path / "run").summaries["score_0"].missing == 2
    assert "score_0 of 2" in (tmp_path / "run" / "synthesize.html").read_text()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none", "returned nothing"),
        ("raises", "raised RuntimeError: no face found in image 0"),
        ("ends", "raised BaseException: enough"),
        ("exits", "raised SystemExit: 3"),
        ("argmax", "returned class numbers (1, 64, 64): return logits"),
        ("output_dictionary", "scores neither attributes nor categories"),
        ("words", "returned 'smile' of a list, which holds no numbers: return scores"),
        ("text", "returned a str, which holds no numbers"),
        ("generator", "returned a generator, which holds no numbers"),
        ("asynchronous", "is asynchronous: give a plain function"),
        ("complex_numbers", "returned a tensor of complex64"),
        ("without_values", "returned a tensor without values"),
        ("uneven", "returned 2 lists of different lengths"),
    ],
)
def test_what_cannot_be_used_is_said(name: str, words: str, call: Call, tmp_path: Path) -> None:
    code, _, err = call(name)
    assert code in (1, 2) and f"mine.py:{name}" in err and words in err and err.count("\n") == 1, err
    assert not (tmp_path / "run").exists()


def test_a_module_that_fails_late_is_called_by_its_file(gantk_command: Call, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CODE)
    words = ("synthesize", f"{tmp_path / 'mine.py'}:Late", "-N", 400, "--batch-size", 1, "-o", tmp_path / "run")
    code, _, err = gantk_command(*words, "--images")
    line = 1 + CODE[: CODE.index('raise BaseException("worn out")')].count("\n")
    said = f"Error: The code in {tmp_path / 'mine.py'}, line {line}, raised BaseException: worn out.\n"
    assert code == 1 and err.endswith(said), err
