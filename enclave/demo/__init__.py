"""The whole enclave on one machine with simulated agencies. Never a shortcut round a boundary."""
