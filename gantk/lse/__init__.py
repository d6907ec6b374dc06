"""LSE: where in the image each class is, read linearly from a generator's own maps (Xu and Zheng 2021)."""
