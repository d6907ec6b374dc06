"""Every sentence that a page states about a result is true of it.

Pages are made from results with extreme values (0, 1, ties, one sample, one direction, 1,000 directions), and each
sentence is read back and compared with the result.

`tests/claim_readers.py` has a reader for every sentence: what it says, recomputed from the result's own numbers.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from claim_readers import COMMANDS, READERS, VARIANTS, many, one
from test_results import old_run

from gantk.cli.main import cli
from gantk.codes.directions import Direction
from gantk.navigan.kept import KeptWeights
from gantk.reports.images import Encoded
from gantk.reports.sections import Prose
from gantk.runs.claims import Claim, advise, decimals, found, listed, measured, percent, said
from gantk.runs.reporting import read_run
from gantk.runs.results import Result
from gantk.runs.structure import Image, Strip
from gantk.runs.table import TASKS, find_task
from gantk.runs.walk import Walk

every_task = pytest.mark.parametrize("name", list(TASKS))
KEPT = (Image, Strip, Walk, Direction, KeptWeights)  # parts that are no figures
FIXED = {
    "score_edges",
    "edges",
    "times",
    "fps",
    "levels",
    "level",
    "distance",
    "attribute",
    "threshold",
    "probe",
}  # axes and settings


@functools.cache
def made(name: str) -> Result:
    """The small result of a task that the tests keep, or make."""
    return read_run(find_task(name), old_run(name, Path(tempfile.mkdtemp())))


def filled(part: Any, value: float) -> Any:
    """A record with every figure at one value: 0, 1, and so all of them tied."""
    if isinstance(part, (*KEPT, bool)):
        return part
    if isinstance(part, float):
        return value
    if isinstance(part, np.ndarray):
        return np.full(part.shape, value, part.dtype) if part.dtype.kind == "f" else part
    if isinstance(part, tuple) and hasattr(part, "_fields"):
        return part
    if isinstance(part, tuple):
        return tuple(filled(each, value) for each in part)
    if isinstance(part, dict):
        return {key: filled(each, value) for key, each in part.items()}
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        changed = {
            field.name: filled(getattr(part, field.name), value)
            for field in dataclasses.fields(part)
            if field.name not in FIXED
        }
        return dataclasses.replace(part, **changed)
    return part


def extremes(name: str) -> Iterator[tuple[str, Result]]:
    """A task's result as it was made, with extreme values, and in the cases that its sentences speak of."""
    result = made(name)
    yield "as made", result
    for value in (0.0, 1.0):
        yield f"every figure {value:g}", filled(result, value)
    for label, variant in (("one", one(result)), ("a thousand", many(result))):
        if variant is not None:
            yield label, variant
            yield f"{label}, every figure 1", filled(variant, 1.0)
    for number, change in enumerate(VARIANTS.get(name, ())):
        yield f"case {number}", change(result)


@every_task
def test_every_sentence_is_true_of_its_result(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gantk.reports.images.encode", lambda picture: Encoded(b"pixels", ".webp", "image/webp", 8, 8))
    task = find_task(name)
    claims: tuple[Claim[Any], ...] = task.result_type.CLAIMS
    assert claims, f"{name} says nothing of its result"
    stated: set[int] = set()
    for label, result in extremes(name):
        page = task.page_of(result)
        text = page.text()
        assert "nan" not in re.sub(r"data:[^\"]*", "", re.sub(r"<script.*?</script>", "", text, flags=re.S)).split()
        shown = "\n\n".join(section.text for section in page.sections if isinstance(section, Prose))
        assert result.sentence().endswith(".")
        for number, claim in enumerate(claims):
            if not claim.holds(result):
                continue
            stated.add(number)
            sentence = claim.text(result)
            assert sentence in shown, f"{label}: the page of {name} does not say {sentence!r}"
            assert sentence.endswith("."), sentence
            read(name, label, claim.part, sentence, result)
    unseen = [number for number in range(len(claims)) if number not in stated]
    assert not unseen, f"{name}: no case of this test states sentences {unseen}; add one to VARIANTS"


def read(name: str, label: str, part: str, sentence: str, result: Result) -> None:
    """Find the sentence's reader and let it compare."""
    if part == "next":
        for words in re.findall(r"gantk ([a-z]+(?:-[a-z]+)*(?: [a-z]+)?)", sentence):
            first, _, second = words.partition(" ")
            assert first in COMMANDS or f"{first} {second}" in COMMANDS, f"{sentence!r} names no command"
        for line in re.findall(r"`gantk ([^`]+)`", sentence):
            typed(line)
        return
    for pattern, right in READERS[name]:
        match = re.fullmatch(pattern, sentence, re.S)
        if match:
            assert right(result, match), f"{name}, {label}: the result does not hold that {sentence!r}"
            return
    raise AssertionError(f"No reader in tests/claim_readers.py knows {sentence!r} of {name}")


def typed(line: str) -> None:
    """Parse a command line: its options exist, and it takes as many words."""
    command: click.Command | None = cli
    words = shlex.split(line)
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), words.pop(0))
    assert command is not None, line
    parser = command.make_parser(click.Context(command, **cli.context_settings))
    _, rest, _ = parser.parse_args(words)
    assert not rest, f"`gantk {line}` has words too many: {rest}"


def test_a_next_step_that_cannot_be_typed_is_noticed() -> None:
    typed("manipulate MODEL RUN/a.safetensors --pick 0")
    with pytest.raises(click.UsageError):
        typed("manipulate MODEL a --pock 0")
    with pytest.raises(AssertionError):
        typed("synthesize MODEL a")


def test_only_what_holds_is_said() -> None:
    claims: tuple[Claim[int], ...] = (
        found(lambda n: f"There are {n}.", lambda n: n > 0),
        found(lambda n: f"There is none, and 1 / {n} is never asked.", lambda n: n == 0),
        advise("Go on."),
    )
    assert said(claims, 2, "found") == ("There are 2.",)
    assert said(claims, 0, "found")[0].startswith("There is none")
    assert said(claims, 0, "next") == ("Go on.",) and said(claims, 0, "doubt") == ()


def test_numbers_have_the_digits_of_their_interval() -> None:
    assert measured(0.9123, 0.907, 0.917) == "0.912 (95 % interval 0.907 to 0.917)"
    assert measured(2.345, 2.1, 2.6) == "2.3 (95 % interval 2.1 to 2.6)"
    assert decimals(1.0, 1.0) == 3 and decimals(0.0, 400.0) == 0


def test_a_share_is_never_rounded_to_all_or_nothing() -> None:
    assert [percent(share) for share in (0.0, 1.0, 0.5, 0.997, 0.003)] == ["0 %", "100 %", "50 %", "99.7 %", "0.3 %"]
    assert percent(0.99999) == "more than 99.9 %" and percent(1e-6) == "less than 0.1 %"
    assert listed(["a"]) == "a" and listed(["a", "b"]) == "a and b"
    assert listed([str(n) for n in range(9)]) == "0, 1, 2, 3 and 5 more"
