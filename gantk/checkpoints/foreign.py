"""Objects of other libraries beside a network: named, never built, so that they do not stand in the way of it.

A training program leaves whatever it was configured with beside the weights: a path, a date, a device, a discriminator
whose classes come from another library. A pickle can refer to those only by name, and here a name stays a name: an
`Inert` object keeps the state the file gives it, in which a network is looked for, and nothing is imported or called.

Two things are refused all the same, because no checkpoint needs them and a file that has them means harm: anything of
the standard library that is not a plain value (`os.system`, `builtins.eval`), and the call of another library's
function (`torch.load`), as against the making of an object.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from gantk.checkpoints.pickle_machine import Global, Inert, Source

# What of the standard library is a plain value, or makes one.
_VALUES = frozenset(
    (
        "argparse.Namespace", "types.SimpleNamespace", "decimal.Decimal", "fractions.Fraction", "uuid.UUID",
        "functools.partial", "copyreg._reconstructor", "copy_reg._reconstructor", "zoneinfo.ZoneInfo",
        "ipaddress.IPv4Address", "random.Random", "logging.Logger", "logging.getLogger", "re._compile",
        "operator.itemgetter", "operator.attrgetter", "threading.Lock", "_thread.allocate_lock", "_thread.lock",
    )
)  # fmt: skip
_VALUE_MODULES = frozenset(("pathlib", "pathlib._local", "datetime", "collections", "enum", "array"))
_BUILTINS = frozenset(
    ("object", "list", "dict", "tuple", "set", "frozenset", "int", "float", "complex", "bool", "str", "bytes",
     "bytearray", "slice", "range", "type", "Ellipsis", "NotImplemented",
     "long", "unicode", "xrange")  # int, str and range, as protocol 2 spells them, which is torch.save's
)  # fmt: skip
# Lower-case names of other libraries whose call makes a value and nothing else.
_CONSTRUCTORS = frozenset(("torch.device", "torch.dtype", "torch.finfo", "numpy.dtype", "numpy.random"))


def inert(module: str, name: str) -> Global | None:
    """What stands for a global that is on no list: something that makes `Inert` objects, or None where it is refused.

    A function of another library may be mentioned (an activation in a discriminator's attributes), not called.
    """
    path = f"{module}.{name}"
    if not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        return None
    root = module.partition(".")[0]
    if root in ("builtins", "__builtin__"):
        if name not in _BUILTINS:
            return None
    elif root in sys.stdlib_module_names or root in ("posix", "nt"):
        if path not in _VALUES and module not in _VALUE_MODULES:
            return None
    elif not (_is_class(name) or name.startswith("_") or path in _CONSTRUCTORS):
        return Global(path, call=_refused(path), new=_refused(path))

    def make(source: Source, *arguments: object) -> Inert:
        return Inert(path, arguments)

    return Global(path, call=make, new=make)


def _is_class(name: str) -> bool:
    """Whether a name is spelt as classes are: `EfficientNet`, `_IncompatibleKeys`."""
    return name.lstrip("_")[:1].isupper()


def _refused(path: str) -> Callable[..., NoReturn]:
    def refuse(source: Source, *_: object) -> NoReturn:
        raise source.forbidden(path)

    return refuse


def is_value(name: str) -> bool:
    """Whether an inert object is a plain value (a path, a date, a device), which no network computes with."""
    module = name.rpartition(".")[0]
    return name in _VALUES or module in _VALUE_MODULES or name in _CONSTRUCTORS or module in ("builtins", "__builtin__")
