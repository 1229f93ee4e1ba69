"""The tamper-evident log: one writer, many readers, a verifier that trusts neither."""
