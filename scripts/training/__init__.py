"""The training of the bundled generators: one file per concern, put together by scripts/train_generator.py."""
