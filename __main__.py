"""`python -m anyseek`: the same program as the command `anyseek`."""

import sys

from anyseek.cli import command

if __name__ == "__main__":
    sys.exit(command())
