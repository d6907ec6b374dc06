"""Parts of `scripts/adversary.py`: grammars of hostile inputs, the readers they are given to, the watch over both."""
