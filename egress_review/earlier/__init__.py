"""What was released before, and what a new table would tell beside it."""
