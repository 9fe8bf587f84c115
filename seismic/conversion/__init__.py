"""Convert between what callers have (data frames, tensors, NumPy scalars, JSON) and the types of the engine."""
