"""Files that others wrote -> (family, config, state dict); the only place in gantk that reads foreign bytes."""

from __future__ import annotations

from gantk.checkpoints.checkpoint import Checkpoint as Checkpoint
