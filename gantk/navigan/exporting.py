"""Weight directions in another format, or a generator with an edit in its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from gantk.errors import UsageError
from gantk.generators.arguments import checked, described
from gantk.generators.rows import parse_numbers
from gantk.navigan.directions import WeightDirections, weights_of
from gantk.navigan.files import save, save_checkpoint, save_deformation, save_eigenvectors

if TYPE_CHECKING:
    from gantk.generators.base import Generator

Form = Literal["gantk", "eigenvectors", "deformation", "checkpoint", "generator"]


@checked
def export(
    weights: object,
    path: str | Path,
    form: Form | None = None,
    *,
    pick: str | int | tuple[int, ...] | None = None,
    strength: float | None = None,
    generator: Generator | None = None,
    force: bool = False,
) -> str:
    """Write weight directions for the released program, in gantk's own format, or into a generator.

    Args:
        weights: weight directions, or a result that carries some.
        form: None is gantk's format; for a .pt a deformation where one direction is picked, else eigenvectors.
        pick: only these directions, such as "0-3,7"; of a deformation or an edited generator one.
        strength: of a deformation or an edited generator; None is the recommended one.
        generator: that the edit goes into.
        force: edit another generator with the same shapes.

    Returns:
        What was written, in a few words.

    Raises:
        UsageError: things that do not go together, or a direction that does not exist.
    """
    directions = weights_of(weights)
    if form is not None and not (isinstance(form, str) and form in get_args(Form)):
        raise UsageError(f"form is {described(form)}: give one of {', '.join(get_args(Form))}.")
    numbers = parse_numbers(pick, len(directions), "direction", "--pick")
    if pick is not None:
        directions = directions.select(numbers)
    if form is None:
        one = pick is not None and len(directions) == 1
        form = "gantk" if Path(path).suffix != ".pt" else "deformation" if one else "eigenvectors"
    if (generator is not None) != (form == "generator"):
        raise UsageError("--as generator and --model go together.")
    if form in ("deformation", "generator"):
        length = _strength(directions, form, strength)
        if generator is None:
            save_deformation(path, directions, 0, length)
        else:
            _bake(generator, directions, length, path, force)
        return f"{form} of {directions.layer}, direction {numbers[0]} at {length:g}"
    if strength is not None:
        raise UsageError(f"--strength is for a deformation or a generator, not for {form}.")
    if form == "checkpoint":
        save_checkpoint(path, directions)
    else:
        write = save if form == "gantk" else save_eigenvectors
        write(path, directions)
    return f"{form} of {directions.layer}, {len(directions)} directions"


def _strength(directions: WeightDirections, form: str, strength: float | None) -> float:
    """The strength of the one direction of a deformation or an edited generator."""
    if len(directions) != 1:
        raise UsageError(f"{directions.name}: {len(directions)} directions, and a {form} has one: give --pick.")
    if strength is None and directions.scales is None:
        raise UsageError(f"{directions.name} recommends no strength: give --strength.")
    return directions.scale(0) if strength is None else strength


def _bake(generator: Generator, directions: WeightDirections, strength: float, path: str | Path, force: bool) -> None:
    """Write the generator with the edit in its weights."""
    from gantk.checkpoints.checkpoint import Checkpoint
    from gantk.checkpoints.native import write_checkpoint

    target = directions.target(generator.requires_grad_(False), force)
    with target.edited(directions.delta(0), strength):
        state = {name: tensor.detach().cpu().clone() for name, tensor in generator.state_dict().items()}
    note = f"{target.layer} moved by {strength:g} along a direction of {directions.name}"
    write_checkpoint(
        path, Checkpoint(generator.spec.family, generator.config.to_dict(), state, generator.source, (note,))
    )
