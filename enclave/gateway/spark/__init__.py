"""Spark behind the same inspector: an extra engine for extracts one machine cannot hold (opt-in)."""
