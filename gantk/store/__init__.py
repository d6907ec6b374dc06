"""Whole files, locks, seals, chunks, seeds, progress: knows nothing of GANs."""
