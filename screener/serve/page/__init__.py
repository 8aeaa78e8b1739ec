"""The web page: its templates, static files and sign-in. All other content comes from the API."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from screener.serve.api.given import ServiceGiven
from screener.serve.gate import Gate, client_of, set_cookie
from screener.serve.intake import small_body
from screener.serve.ledger.sessions import LASTS_SECONDS
from screener.serve.service import Service

router = APIRouter(include_in_schema=False)

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src blob:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    # With `no-referrer`, browsers send the origin "null" with a form, which cannot be told from a foreign page.
    "Referrer-Policy": "same-origin",
}
_LOGIN_BYTES = 4096
_templates = Environment(loader=PackageLoader("screener.serve.page", "templates"), autoescape=True, undefined=StrictUndefined)


class Assets(StaticFiles):
    """Static files that browsers revalidate on each use, so that a new version is shown immediately."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """One file."""
        response: Response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        response.headers.update(PAGE_HEADERS)
        if str(args[0]).endswith(".js"):
            response.headers["Content-Type"] = "text/javascript; charset=utf-8"  # Python before 3.12 says otherwise
        return response


assets = Assets(directory=Path(__file__).parent / "static", check_dir=False)


@router.get("/static/report.css")
def report_style() -> Response:
    """The style sheet of report pages, which this page uses too."""
    from screener.report.html import page_style  # imports NumPy and OpenCV, which is slow; see `running`

    return Response(page_style(), media_type="text/css", headers={**PAGE_HEADERS, "Cache-Control": "no-cache"})


@router.get("/")
def index(service: ServiceGiven) -> Response:
    """The page."""
    return rendered("index.html", service)


@router.get("/login")
def login(request: Request, service: ServiceGiven, key: str | None = None) -> Response:
    """The sign-in page: signs in by the one-time link, or shows the form for the token."""
    if key is None:
        return rendered("login.html", service)
    gate: Gate = request.app.state.gate
    if gate.one_time.use(key):
        return _signed_in(request, service)
    return rendered(
        "login.html", service, "This link was used before, or is not of this server. Start screener serve anew, or give the token.", 401
    )


@router.post("/login")
async def sign_in(request: Request, service: ServiceGiven) -> Response:
    """Sign in with the token from the form."""
    body = await small_body(request, _LOGIN_BYTES, service.options.body_seconds)
    given = parse_qs(body.decode("utf-8", "replace"), max_num_fields=4).get("token", [""])[0].strip()
    gate: Gate = request.app.state.gate
    client = client_of(request.scope)
    if gate.is_token(given):
        return _signed_in(request, service)
    if gate.tries.spent(client):
        return rendered("login.html", service, "Too many wrong tokens came from this address; wait a minute.", 429)
    gate.tries.take(client)
    return rendered("login.html", service, "That is not the token of this server.", 401)


@router.post("/logout")
def sign_out(request: Request, service: ServiceGiven) -> Response:
    """End the session."""
    gate: Gate = request.app.state.gate
    if cookie := gate.cookie_of(request.headers):
        service.sessions.end(cookie)
    response = RedirectResponse(f"{service.options.base_path}/login", 303)
    response.delete_cookie(gate.cookie_name, path=service.options.base_path or "/")
    return response


def _signed_in(request: Request, service: Service) -> Response:
    response = RedirectResponse(f"{service.options.base_path}/", 303)
    gate: Gate = request.app.state.gate
    set_cookie(response, gate.cookie_name, service.sessions.begin(), service.options, request.url.scheme, LASTS_SECONDS)
    return response


def rendered(name: str, service: Service, message: str = "", status: int = 200) -> Response:
    """A response with a rendered template."""
    text = _templates.get_template(name).render(server=service.about(), message=message)
    return HTMLResponse(text, status, PAGE_HEADERS)
