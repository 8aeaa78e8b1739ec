"""How a command ends: every error becomes an exit status and a one-line message. The only place that catches ScreenerError."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from typing import NoReturn

from screener.cli.option_names import as_typed
from screener.errors import CheckpointError, ExitStatus, OutputError, ScreenerError, SettingsError
from screener.runtime.current_folder import require_current_folder
from screener.runtime.stop_signals import Terminated, stop_behind


@contextlib.contextmanager
def exits() -> Iterator[None]:
    """Turn every exception into an exit status and a one-line message on standard error."""
    try:
        require_current_folder()
        yield
    except (SettingsError, CheckpointError) as error:  # a checkpoint may have no operating point at the --fpr that was typed
        _fail(as_typed(str(error), sys.argv[1:]), ExitStatus.COULD_NOT_RUN)
    except ScreenerError as error:
        _fail(str(error), ExitStatus.COULD_NOT_RUN)
    except BrokenPipeError:
        # The reader closed the pipe; keep Python from reporting that again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitStatus.COULD_NOT_RUN)
    except ImportError as error:
        advice = (
            "; a server or container needs OpenCV's system libraries: apt-get install libgl1 libglib2.0-0" if "lib" in str(error) else ""
        )
        _fail(f"a library cannot be loaded: {error}{advice}", ExitStatus.COULD_NOT_RUN)
    except (KeyboardInterrupt, Terminated) as stop:
        _fail_stopped(stop)
    except OSError as error:
        _fail(str(OutputError(error.strerror or str(error))), ExitStatus.COULD_NOT_RUN)
    except Exception as error:
        # Libraries may raise errors of their own while a signal ends them, such as PyTorch, whose workers got the same signal.
        if (signalled := stop_behind(error)) is not None:
            _fail_stopped(signalled)
        # By default Python would exit with 1, which means that an input is fake.
        traceback.print_exc()
        _fail(f"stopped by a fault of its own ({type(error).__name__}); please report it with the lines above", ExitStatus.COULD_NOT_RUN)


def _fail_stopped(stop: BaseException) -> NoReturn:
    if isinstance(stop, Terminated):
        _fail("terminated", ExitStatus.TERMINATED)
    _fail("interrupted", ExitStatus.INTERRUPTED)


def _fail(message: str, status: ExitStatus) -> NoReturn:
    # A message may contain any file name, so it is escaped; without `report`, whose libraries may be what could not be loaded.
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in message)
    sys.stderr.write(f"screener: {shown}\n")
    sys.exit(status)
