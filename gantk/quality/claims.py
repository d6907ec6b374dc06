"""What the page of `gantk quality` says, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.runs.claims import Claim, Claims

if TYPE_CHECKING:
    from gantk.quality.results import QualityResult

QUALITY: Claims[QualityResult] = (Claim("found", lambda r: True, lambda r: r.found.sentence()),)
