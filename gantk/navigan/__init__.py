"""NaviGAN (Cherepkov, Voynov, Babenko 2021): directions in the space of one convolution's weights."""
