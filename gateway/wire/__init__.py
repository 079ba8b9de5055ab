"""Bytes: topics, codecs, seals, signatures; must never know a socket or a file."""
