"""Messages of each release, byte by byte, and what they say: a later version must read them all.

`python -m tests.golden` writes the folder of the present version; it never changes one that is there.
"""
