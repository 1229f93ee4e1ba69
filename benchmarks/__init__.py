"""Side-by-side measurements: each module prints a table of ratios and writes JSON beside it."""
