"""Pages of HiGAN's tasks."""
