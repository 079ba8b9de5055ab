"""The contract of Forecourt in Python, generated from the .proto files beside it."""
