"""`python -m vitalspan`: the same as the command `vitalspan`."""

from vitalspan.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
