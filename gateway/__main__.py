"""`python -m gateway` is `forecourt`; must never do more."""

from gateway.cli import main

if __name__ == "__main__":
    main(prog_name="forecourt")
