"""The bank of normal patch features: coreset selection and nearest-neighbour search."""
