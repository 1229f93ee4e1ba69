"""Recomputes a submitted table from its lineage, and who stands behind each of its numbers."""
