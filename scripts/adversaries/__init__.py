"""Parts of `scripts/adversary.py`: grammars of hostile inputs, the readers they are given to, and the watch over both."""
