"""Options of `gantk compare`."""

from __future__ import annotations

from dataclasses import dataclass

from gantk.runs.options import Options, argument, named, option
from gantk.runs.task import Inputs


@dataclass(frozen=True, kw_only=True)
class CompareInputs(Inputs):
    """The run directories. What they hold decides, not what they are called."""

    runs: tuple[str, ...] = argument("RUN", "Run directory of a finished command; two or more.")
    command: str | None = named(
        None, "Command whose runs are compared, such as rescore, where the directories hold several.", metavar="NAME",
        default_text="the one that all of them hold",
    )  # fmt: skip

    def load(self, options: object) -> dict[str, object]:
        from gantk.comparing.reading import read_runs

        return {"runs": read_runs(self.runs, self.command)}


@dataclass(frozen=True, kw_only=True)
class CompareOptions(Options):
    shown: int = option(6, "Number of samples that are shown side by side.", least=0)
