"""How a command ends: every error becomes its exit status and one clear line. The only place that catches ScreenerError."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from typing import NoReturn

from screener.errors import ExitStatus, OutputError, ScreenerError
from screener.runtime.current_folder import require_current_folder
from screener.runtime.stop_signals import Terminated


@contextlib.contextmanager
def exits() -> Iterator[None]:
    """Turns every end that is not a result into its exit status and one clear line on standard error."""
    try:
        require_current_folder()
        yield
    except ScreenerError as error:
        _fail(str(error), ExitStatus.COULD_NOT_RUN)
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep Python from complaining about it once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitStatus.COULD_NOT_RUN)
    except ImportError as error:
        advice = (
            "; a server or container needs OpenCV's system libraries: apt-get install libgl1 libglib2.0-0" if "lib" in str(error) else ""
        )
        _fail(f"a library cannot be loaded: {error}{advice}", ExitStatus.COULD_NOT_RUN)
    except KeyboardInterrupt:
        _fail("interrupted", ExitStatus.INTERRUPTED)
    except Terminated:
        _fail("terminated", ExitStatus.TERMINATED)
    except OSError as error:
        _fail(str(OutputError(error.strerror or str(error))), ExitStatus.COULD_NOT_RUN)
    except Exception as error:
        # Left to Python, this would exit 1, which says that an input is fake.
        traceback.print_exc()
        _fail(f"stopped by a fault of its own ({type(error).__name__}); please report it with the lines above", ExitStatus.COULD_NOT_RUN)


def _fail(message: str, status: ExitStatus) -> NoReturn:
    # A message may name a file, and a file may be called anything. Without `report`, whose libraries may be what could not be loaded.
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in message)
    sys.stderr.write(f"screener: {shown}\n")
    sys.exit(status)
