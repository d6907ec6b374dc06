"""Families by name. Modules are imported when a family is built, not before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gantk.errors import GantkError
from gantk.store.lazy import resolve

if TYPE_CHECKING:
    from gantk.generators.base import Generator

FAMILIES: dict[str, str] = {
    "biggan": "gantk.generators.biggan:BigGAN",
    "demo-oracle": "gantk.world.oracle:DemoOracle",
    "pggan": "gantk.generators.pggan:PGGAN",
    "stylegan": "gantk.generators.stylegan:StyleGAN",
    "stylegan2": "gantk.generators.stylegan2:StyleGAN2",
    "stylegan3": "gantk.generators.stylegan3:StyleGAN3",
}


def family_class(family: str) -> type[Generator]:
    if family not in FAMILIES:
        raise GantkError(f"no generator family is named {family!r}; known are {', '.join(FAMILIES)}")
    cls: type[Generator] = resolve(FAMILIES[family])
    return cls


# Any: the keywords of the family's `Config`, whose constructor checks them
def build(family: str, config: Mapping[str, Any]) -> Generator:
    """A generator with random weights from a family name and the plain dictionary of its configuration."""
    cls = family_class(family)
    try:
        return cls(cls.config_class.from_dict(config))
    except (TypeError, KeyError, ValueError) as error:
        raise GantkError(f"the configuration of this {family} does not fit: {error}") from error
