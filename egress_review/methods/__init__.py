"""How a recomputed table is made safe: hidden cells, rounding, noise, or differential privacy."""
