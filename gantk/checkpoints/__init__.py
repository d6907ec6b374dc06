"""Files that others wrote -> (family, config, state dict); the only place in gantk that reads foreign bytes."""
