"""`gantk.explore`: Explore in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.errors import UsageError
from gantk.generators.arguments import checked

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.web.widget import Explorer


@checked
def explore(generator: Generator | str, directions: object = None, seed: int = 0) -> Explorer:
    """A picture and a slider for each direction, as a widget of a notebook.

    It is the Explore of `gantk web`, from the same modules, over the notebook's own channel: no port and no token.

    Args:
        generator: a generator, or what `gantk.load_generator` takes. It is used where it lies, on its device.
        directions: a direction, the name or the file of one, weight directions, a result that carries either, or a list
            of these. None: all that gantk ships for the generator, and SeFa's and GANSpace's.
        seed: of the samples; the first is shown.

    Returns:
        The widget. `base` (which sample, how it is drawn) and `moves` (amounts by the name of their direction) are
        traits that can be set and observed; `wp` [1, L, D] and `image` [H, W, C] are what they amount to.

    Raises:
        UsageError: anywidget is not installed (`pip install 'gantk[notebook]'`), or something given is no direction.
        GantkError: a direction does not fit the generator.
    """
    try:
        import anywidget  # noqa: F401
    except ImportError:
        raise UsageError("gantk.explore needs the extra package: pip install 'gantk[notebook]'.") from None
    from gantk.checkpoints.load import load_generator
    from gantk.web.channel import Channel
    from gantk.web.widget import Explorer

    if type(seed) is not int or seed < 0:
        raise UsageError(f"seed is {seed!r}, and seeds are whole numbers from 0 on.")
    found = load_generator(generator) if isinstance(generator, str) else generator
    return Explorer(Channel(found, directions, seed))
