"""The only way out: disclosure control, then the vote of every agency concerned."""
