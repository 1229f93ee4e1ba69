"""`python -m linkage`: how the vault starts linkage in a process of its own."""

from linkage.cli import main

main()
