"""The bundled world: a renderer with known factors, and the weights and predictors trained on it."""
