"""How shapes are written on a command line; needs nothing, so that help texts can say it."""

BOX = "TOP,LEFT,BOTTOM,RIGHT"
DISC = "ROW,COLUMN,RADIUS"
