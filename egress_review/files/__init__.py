"""What may be submitted, read so that nothing but what a reviewer sees is left of it.

The bytes of a file are never served again as they came: a table is written anew from its
recomputation, a plot from its pixels, a summary from its numbers, a text from its characters.
"""
