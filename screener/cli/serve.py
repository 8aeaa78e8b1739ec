"""The serve command."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from screener.cli.app import CheckpointOption, DeviceOption, app
from screener.cli.configuration import Layer, combined, command_settings, found_file, layers
from screener.cli.exits import exits
from screener.cli.logs import LogFileOption, VerboseOption, log_to
from screener.errors import SettingsError
from screener.settings import LiveSettings, ScanSettings

if TYPE_CHECKING:
    from screener.serve.options import ServeOptions
    from screener.serve.state_folder import StateFolder

EXTRA = "pip install 'screener-video[serve]', or in a checkout: pip install '.[serve]'"


@app.command()
def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on; any but a loopback address needs --token-file.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 chooses a free one.")] = 8000,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the page in a browser.")] = False,
    state: Annotated[
        Path | None, typer.Option("--state", help="Folder for everything the server keeps: uploads, verdicts, secrets.")
    ] = None,
    base_path: Annotated[str, typer.Option("--base-path", metavar="/x", help="Path prefix under which a proxy serves the page.")] = "",
    trusted_proxies: Annotated[
        str, typer.Option("--trusted-proxies", metavar="LIST", help="Comma-separated proxies whose X-Forwarded headers are trusted.")
    ] = "",
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", metavar="NAME", help="Additional host name that the server answers to.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="File with the access token; by default one is created in the state folder.")
    ] = None,
    allow_urls: Annotated[bool, typer.Option("--allow-urls", help="Allow scans of http(s) and rtsp URLs.")] = False,
    allow_path: Annotated[
        list[Path] | None,
        typer.Option("--allow-path", metavar="DIR", help="Allow scans of files inside this folder of the server's machine."),
    ] = None,
    max_upload: Annotated[str, typer.Option("--max-upload", metavar="SIZE", help="Largest file accepted.")] = "2GiB",
    min_free: Annotated[str, typer.Option("--min-free", metavar="SIZE", help="Disk space to leave free.")] = "256MiB",
    max_queue: Annotated[int, typer.Option("--max-queue", min=1, help="Most scans that may wait.")] = 100,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Worker processes, each with its own models.")] = 1,
    keep_days: Annotated[float | None, typer.Option("--keep-days", help="Erase scans this many days after they finished.")] = None,
    keep_videos: Annotated[bool, typer.Option("--keep-videos", help="Keep uploads after their verdict.")] = False,
    live: Annotated[
        list[str] | None, typer.Option("--live", metavar="SOURCE", help="Watch a camera or stream on the page, as `screener live` does.")
    ] = None,
    checkpoint: CheckpointOption = None,
    device: DeviceOption = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file with a [tool.screener] or [screener] table of scan settings.")
    ] = None,
    verbose: VerboseOption = 0,
    log_file: LogFileOption = None,
) -> None:
    """Serve the web page and the HTTP API: drop a clip on the page and share the result. Ctrl-C stops it; accepted scans are kept."""
    with exits():
        _require_extra()
        log_to(verbose, log_file, warnings=True)  # otherwise the operator would see no errors
        given = {} if device is None else {"device": device}
        weaker = layers(ScanSettings, "", config)
        combined(ScanSettings, weaker, given)  # refuses an option by its name, which no request has
        settings_for = partial(combined, ScanSettings, [*weaker, Layer("options", given)])
        from screener.serve.options import base_path_of, folders_of, is_loopback, size_in_bytes
        from screener.serve.state_folder import StateFolder

        if not is_loopback(host) and token_file is None:
            raise SettingsError(
                f"--host {host}: other machines can reach this address, so an access token is required; give one with --token-file"
            )
        with StateFolder(state or _default_state()) as folder:
            options = _options(
                folder, token_file, host=host, port=port, base_path=base_path_of(base_path), trusted_proxies=_listed(trusted_proxies),
                hosts=tuple(name.lower() for name in allow_host or ()), allow_urls=allow_urls, allow_paths=folders_of(allow_path or []),
                max_upload_bytes=size_in_bytes("--max-upload", max_upload), spare_bytes=size_in_bytes("--min-free", min_free),
                max_queue=max_queue, workers=workers, keep_days=keep_days,
                keep_videos=keep_videos, live=tuple(live or ()),
            )  # fmt: skip
            # Naming the file found keeps it from being said twice.
            watched = command_settings(LiveSettings, "live", config or found_file(), given) if live else LiveSettings()
            announce = partial(_announce, token_file or folder.path / "token", not no_open)
            _run(options, folder, settings_for, watched, checkpoint, announce)


def _require_extra() -> None:
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import standardwebhooks  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise SettingsError(f"the web server needs packages that are not installed ({error.name}): {EXTRA}") from error


def _default_state() -> Path:
    return Path(typer.get_app_dir("screener")) / "serve"


def _listed(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _options(folder: StateFolder, token_file: Path | None, **given: Any) -> ServeOptions:
    from screener.serve.options import ServeOptions

    if token_file is None:
        token = folder.secret("token")
    else:
        try:
            token = token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"--token-file {token_file}: cannot be read: {getattr(error, 'strerror', None) or 'no text'}") from error
    return ServeOptions(state=folder.path, token=token, **given)


def _run(
    options: ServeOptions, folder: StateFolder, settings_for: Any, watched: LiveSettings, checkpoint: Path | None, announce: Any
) -> None:
    from screener.serve.requests import CHANGEABLE
    from screener.serve.running import run
    from screener.serve.service import Given

    values = settings_for({}).to_dict()
    weights = None if checkpoint is None else str(checkpoint.absolute())
    start, live_start = {"settings": values, "checkpoint": weights}, {"settings": watched.to_dict(), "checkpoint": weights}
    given = Given(settings_for, {name: values[name] for name in CHANGEABLE}, start, live_start)
    run(options, folder, given, announce)


def _announce(token_file: Path, opens: bool, page: str, link: str) -> None:
    sys.stderr.write(
        f"screener: serving at {page}\nscreener: sign in once with {link}\n"
        f"screener: programs show the token in {token_file}; Ctrl-C ends this\n"
    )
    sys.stderr.flush()
    if opens:
        import webbrowser

        webbrowser.open(link)
