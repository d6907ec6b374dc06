"""How shapes are written on a command line; needs nothing, so that help texts can say it."""

from __future__ import annotations

BOX = "TOP,LEFT,BOTTOM,RIGHT"
DISC = "ROW,COLUMN,RADIUS"
