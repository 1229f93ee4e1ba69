"""The readers that run in the child process only: each hands bytes of a stranger to a library."""
