"""The offline verifier: believes nothing a log says of itself.

For an auditor who trusts nobody here: re-hashes every stored byte, compares with checkpoints and
keys the auditor kept, then checks what entries mean together. Imports nothing of ours but the
modules `verify.pyz` carries (`audit.pyz.CARRIED`), opens nothing for writing but the report it is
asked for, and talks to nobody.
"""
