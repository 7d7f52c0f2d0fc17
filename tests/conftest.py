"""What holds for all tests."""

from __future__ import annotations

import signal

# A shell that starts the suite in its background lets it ignore Ctrl-C, and the programs that it tests would too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
