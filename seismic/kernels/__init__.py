"""Numba kernels on plain arrays. They import NumPy and Numba only, check nothing and raise nothing."""
