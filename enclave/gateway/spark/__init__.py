"""Spark behind the same inspector: an extra engine for what one machine cannot hold; opt-in."""
