"""The auditor's site: find what happened, read it in words, verify it in front of you."""
