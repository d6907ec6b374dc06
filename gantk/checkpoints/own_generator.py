"""Generators that a user's own code makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.checkpoints.pickle_machine import clipped
from gantk.errors import GantkError, UsageError

if TYPE_CHECKING:
    from gantk.generators.base import Generator


def own_generator(name: str, code: bool) -> Generator:
    """The generator that ``file.py:factory`` or ``module:factory`` makes; this runs that code.

    Raises:
        UsageError: the name was not typed for this invocation, or what it names makes no generator.
    """
    from torch import nn

    from gantk.generators.base import Generator
    from gantk.generators.wrapped import wrap
    from gantk.store.own_code import find_object

    made = find_object(name, f"The generator {name!r}", code)
    if not isinstance(made, nn.Module) and callable(made):
        try:
            made = made()
        except GantkError:
            raise
        except (Exception, SystemExit) as error:  # foreign code may raise anything, and scripts end by exit()
            raise UsageError(f"The factory {name!r} raised {type(error).__name__}: {clipped(error, 160)}.") from error
    if not isinstance(made, nn.Module):
        what = f"the class {made.__name__}" if isinstance(made, type) else f"a {type(made).__name__}"
        raise UsageError(f"The factory {name!r} returned {what}, where a generator or a torch module was expected.")
    generator = made if isinstance(made, Generator) else wrap(made)
    generator.source = name
    return generator
