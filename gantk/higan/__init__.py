"""HiGAN (Yang, Shen and Zhou, IJCV 2021): which latent direction carries an attribute, and in which layers."""
