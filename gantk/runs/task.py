"""A task: one analysis as options, verb, result and page. The table of all tasks is `gantk.runs.table`.

    TASK = Task(
        name="sefa", summary="Closed-form directions from a generator's weights (SeFa).",
        inputs=SefaInputs, options=SefaOptions, result="gantk.comparators.results:SefaResult",
        verb="gantk.comparators.sefa:sefa", page="gantk.comparators.page:page",
        examples=("gantk sefa demo", "gantk sefa ffhq.pkl --rows 0-1 -K 10 -o runs/pose"),
    )

Result, verb and page are named by reference, so that ``--help`` of a task imports neither numpy nor torch.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from gantk.errors import UsageError
from gantk.runs.option_values import AUTO, said_of
from gantk.runs.options import Options, changed, fields_of
from gantk.runs.shared_options import RunOptions
from gantk.store.hints import type_hints
from gantk.store.lazy import resolve

if TYPE_CHECKING:
    from pathlib import Path

    from gantk.reports.page import Page
    from gantk.runs.results import Result
    from gantk.runs.stores import Store

R = TypeVar("R", bound="Result")

OPTIONS_SAID = "Options,"  # where a docstring begins to list them


@dataclass(frozen=True, kw_only=True)
class Inputs(Options, ABC):
    """What a command line names and a Python call gives as objects: models, codes, directions, predictors.

    `load` turns names into the verb's arguments. It is the only place of a task that reads files; what it returns is
    fingerprinted by the runner, so that another file under the same name is noticed.
    """

    # Any: the options class of the task, which each task names; a task pairs them
    @abstractmethod
    def load(self, options: Any) -> dict[str, object]:
        """The verb's arguments by name.

        Args:
            options: the task's options, already checked.

        Raises:
            GantkError: an input cannot be read.
        """

    def directory(self, made: str) -> str:
        """Where a run goes for which no directory was given.

        Args:
            made: the task's `made`.
        """
        stem = self.stem()
        return f"{stem}_{made}" if stem else made

    # Any: as above
    def load_again(self, options: Any) -> dict[str, object]:
        """What `conclude` takes beside arrays, facts, options and store: inputs by name that the work after the arrays
        needs too. They are loaded from a manifest's names, so that none may be code.

        Raises:
            GantkError: an input cannot be read.
        """
        return {}

    def stem(self) -> str:
        """What a default run directory is called after: the model's name without folder and suffix."""
        from pathlib import Path

        from gantk.checkpoints.addresses import is_address, stem_of
        from gantk.checkpoints.facts import split_model

        model = getattr(self, "model", None)
        if is_address(model):
            return stem_of(str(model))
        return "" if not isinstance(model, str) else (Path(split_model(model)[0]).stem or model)


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A command whose runs hold a result with a page: every task, and `gantk demo` and `gantk slurm` beside them.

    Attributes:
        name: as typed after `gantk`, such as "lse train".
        result: ``module:class``.
        page: ``module:function``, (result, directory of the run or None) -> `gantk.reports.page.Page`.
        upgrade: ``module:function``, (manifest, directory) -> result, for runs of the format before results were typed.
        page_name: what the page's file is called; "" is the command's name.
    """

    name: str
    result: str
    page: str
    upgrade: str | None = None
    page_name: str = ""

    @property
    def result_type(self) -> type[Result]:
        found: type[Result] = resolve(self.result)
        return found

    def page_of(self, result: Result, directory: Path | None = None) -> Page:
        """The page of a result, which is found in a directory or was loaded alone."""
        page: Page = resolve(self.page)(result, directory)
        return page

    @property
    def page_file(self) -> str:
        """The file of the page in a run directory."""
        return f"{self.page_name or '-'.join(self.name.split())}.html"

    @property
    def spelled(self) -> str:
        """The command, for messages."""
        return f"gantk {self.name}"


@dataclass(frozen=True, kw_only=True)
class Task(Reported):
    """One analysis.

    Attributes:
        name, upgrade: see `Reported`.
        summary: one line for lists of commands.
        description: further paragraphs of ``--help``.
        inputs, options, run: classes of options; `run` is `ShardOptions` where the work can be divided.
        result: ``module:class``, what the verb returns.
        verb: ``module:function``, decorated with `verb`.
        page: ``module:function``, result -> `gantk.reports.page.Page`.
        conclude: ``module:function``, (arrays, facts, options, store) -> result, where the work can be divided; it also
            takes what the inputs' `load_again` gives.
        facts: ``module:class`` of what `conclude` needs to know beside arrays and options.
        examples: command lines that can be pasted.
        made: the default run directory is ``MODEL_made``; without a model it is `made`.
        restarts: another call in the same directory begins anew instead of being refused, and leaves what is there; the
            task is short and keeps nothing on its way. HiGAN's work calls `train-boundary` many times with one folder.
        together: processes that torchrun starts do the task together; the first keeps the result.
        originals: options of the original programs that need no action here: those with a value, then flags.
    """

    summary: str
    inputs: type[Inputs]
    options: type[Options]
    verb: str
    examples: tuple[str, ...]
    made: str
    description: str = ""
    run: type[RunOptions] = RunOptions
    conclude: str | None = None
    facts: str | None = None
    restarts: bool = False
    together: bool = False
    originals: tuple[str, ...] = ()
    original_flags: tuple[str, ...] = ()

    def page_of(self, result: Result, directory: Path | None = None) -> Page:
        """The page of a result, wherever it is."""
        page: Page = resolve(self.page)(result)
        return page

    def call(self, arguments: Mapping[str, object], options: Options, store: Store) -> Result:
        result: Result = resolve(self.verb)(**arguments, options=options, store=store)
        return result


def verb(options: type[Options], *, within: bool = False) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Make a function that takes ``options`` and ``store`` as keywords the public verb of a task.

    The verb takes ``options=None`` (the defaults), single fields as keywords, ``store=None`` (memory) and
    ``progress=None``: silent; True shows bars on stderr. `help` shows all of them, see `with_options`. Arguments are
    compared with their annotations; a function, or a result with one, stands for the predictor it can be made into.

    Args:
        options: the class.
        within: whether the batch size says what a chunk holds: where memory ran out, the verb is called again with the
            same options and computes a chunk in parts, `Store.fewer` samples each.
    """

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        whole = inspect.signature(function)
        taken = [each for name, each in whole.parameters.items() if name not in ("options", "store")]
        signature = whole.replace(parameters=taken)

        @functools.wraps(function)
        def call(
            *arguments: object,
            options: Options | None = None,
            store: Store | None = None,
            progress: bool | None = None,
            **named: object,
        ) -> R:
            from gantk.runs.batches import halving, settled
            from gantk.runs.stores import MemoryStore
            from gantk.store.progress import shown

            given = {name: named.pop(name) for name in signature.parameters if name in named}
            kept = _store(store) or MemoryStore()
            chosen = changed(kind, options, named)
            inputs = _inputs(function.__name__, signature, arguments, given)
            with shown(store is not None if progress is None else progress):
                return halving(
                    lambda changed: function(**inputs, options=changed, store=kept),
                    settled(chosen, inputs), kept, within,
                )  # fmt: skip

        return with_options(call, kind, taken)

    kind = options
    return decorate


def _inputs(
    name: str, signature: inspect.Signature, arguments: Sequence[object], given: Mapping[str, object]
) -> dict[str, object]:
    """The arguments of a verb by name, compared with their annotations.

    Raises:
        UsageError: one is missing, too many, given twice, or of another kind.
    """
    from gantk.generators.arguments import bound_to, check_arguments, parts_of

    inputs = bound_to(name, signature, arguments, given, ", its options are keywords")
    for key, value in list(inputs.items()):
        if "Predictor" in (parts := parts_of(signature.parameters[key].annotation)) and set(parts) <= {
            "Predictor",
            "None",
        }:
            from gantk.generators.base import Generator
            from gantk.predictors.load import predictor_in

            model = inputs.get("generator")
            inputs[key] = predictor_in(value, model if isinstance(model, Generator) else None)
    check_arguments(signature, inputs)
    return inputs


def _store(given: object) -> Store | None:
    from gantk.generators.arguments import described
    from gantk.runs.stores import Store

    if given is not None and not isinstance(given, Store):
        raise UsageError(
            f"store is {described(given)}, and a store of a run is expected: leave it out, and keep what is found with "
            "result.save(folder), or give gantk.runs.stores.RunStore(run)."
        )
    return given


def with_options(
    function: Callable[..., R], options: type[Options], taken: Sequence[inspect.Parameter]
) -> Callable[..., R]:
    """A function that takes the fields of an options class as keywords, with a signature and a docstring that say so.

    Args:
        taken: its parameters beside the options.
    """
    names = {each.name for each in taken}
    fields = [field for field in fields_of(options) if not (field.about.hidden or field.name in names)]
    hints = type_hints(options)
    empty = inspect.Parameter.empty
    keywords: list[tuple[str, object, object]] = []
    for field in fields:
        default = empty if field.required else AUTO if field.about.auto is not None else field.default
        hint = hints[field.name] if field.about.number is None else hints[field.name] | field.about.number
        keywords.append((field.name, default, hint))
    keywords += [("options", None, f"{options.__name__} | None"), ("store", None, "Store | None")]
    keywords += [("progress", None, "bool | None")]
    only = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, only, default=value, annotation=hint) for name, value, hint in keywords]
    returned = inspect.signature(function).return_annotation
    signature = inspect.Signature([*taken, *added], return_annotation=returned)
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.OPTIONS = options  # type: ignore[attr-defined]
    said = [
        f"{OPTIONS_SAID} as keywords, or one object of `{options.__module__}.{options.__name__}`:",
        *(f"    {said_of(field)}" for field in fields),
        "    store: of a run directory, as docs/api/results.md shows; None keeps everything in memory.",
        "    progress: True shows bars on stderr.",
    ]
    function.__doc__ = f"{inspect.getdoc(function)}\n\n" + "\n".join(said)
    return function
