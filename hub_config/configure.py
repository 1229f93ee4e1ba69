"""Everything JupyterHub is told, in one function. `jupyterhub_config.py` only calls it.

What is switched off matters as much as what is on: no administrators, no shared servers, no tokens
from a browser session, no environment inherited from the hub.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from docker.errors import DockerException

from enclave.audit_client import AuditClient
from enclave.errors import EnclaveError, Unavailable
from enclave.model import Policy
from enclave.sessions import close_session
from enclave.settings import Settings
from enclave.store import ControlStore
from hub_config import bubblewrap, engine, images, places, projects
from hub_config.authenticator import EnclaveAuthenticator
from hub_config.bubblewrap import BubblewrapSpawner
from hub_config.sockets import url_of
from hub_config.spawner import EnclaveSpawner, left_over
from hub_config.workspace import INSIDE, Hands, Workspace

log = logging.getLogger(__name__)

TEMPLATES = Path(__file__).parent / "templates" / "hub"
MARK = Path(__file__).parents[1] / "enclave" / "web" / "static" / "enclave" / "mark.svg"

# A browser's session may open and stop its own servers. It may not make tokens (the default
# `self` may): with one, a script outside could download what a person may only look at.
BROWSER_SCOPES = [
    "access:servers!user",
    "servers!user",
    "users:activity!user",
    "read:users:name!user",
    "read:users:groups!user",
]


def configure(c: Any) -> None:
    """Fill JupyterHub's configuration object `c`; raises `Unavailable` where it must not start."""
    settings = Settings()
    store = ControlStore(settings.database_url)
    hands = Hands(settings, store, AuditClient(settings, "hub"))
    Workspace.hands = EnclaveAuthenticator.hands = hands
    _addresses(c, settings)
    _people(c, settings)
    _workspaces(c, settings)
    _pages(c, settings)
    close_orphans(hands)


def _addresses(c: Any, settings: Settings) -> None:
    hub = url_of(places.hub_socket(settings).resolve())
    c.JupyterHub.bind_url = settings.hub_url
    c.JupyterHub.subdomain_host = settings.hub_url
    c.JupyterHub.hub_bind_url = c.JupyterHub.hub_connect_url = hub
    c.JupyterHub.hub_socket_mode = 0o600
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = url_of(places.proxy_socket(settings).resolve())
    c.ConfigurableHTTPProxy.auth_token = places.secret(settings, "proxy.token")
    c.JupyterHub.db_url = f"sqlite:///{(places.state(settings) / 'jupyterhub.sqlite').resolve()}"
    c.JupyterHub.cookie_secret = bytes.fromhex(places.secret(settings, "cookie.secret"))
    c.ConfigurableHTTPProxy.pid_file = ""
    c.JupyterHub.pid_file = str(places.private(settings) / "hub.pid")
    c.JupyterHub.cleanup_servers = False  # a hub's end is not a workspace's
    c.JupyterHub.cleanup_proxy = False
    c.JupyterHub.last_activity_interval = 30  # also how often routes are compared


def _people(c: Any, settings: Settings) -> None:
    issuer = settings.oidc_issuer
    c.JupyterHub.authenticator_class = EnclaveAuthenticator
    auth = c.EnclaveAuthenticator
    auth.client_id, auth.client_secret = settings.oidc_client_id, settings.oidc_client_secret
    auth.oauth_callback_url = f"{settings.hub_url}/hub/oauth_callback"
    auth.authorize_url = f"{issuer}/oauth2/authorize"
    auth.token_url = f"{issuer}/oauth2/token"
    auth.userdata_url = f"{issuer}/userinfo"
    auth.scope = ["openid", "profile", "email"]
    auth.username_claim = "sub"
    auth.login_service = "your identity provider"
    auth.auto_login = True
    auth.auth_refresh_age = 60
    auth.refresh_pre_spawn = True
    auth.admin_users = set()
    auth.any_allow_config = True
    c.JupyterHub.cookie_max_age_days = 0.5
    c.JupyterHub.load_roles = [{"name": "user", "scopes": BROWSER_SCOPES}]


def _workspaces(c: Any, settings: Settings) -> None:
    c.JupyterHub.spawner_class = spawner_class(settings)
    c.JupyterHub.allow_named_servers = True  # a server's name is its project's id
    c.JupyterHub.default_server_name = ""
    c.JupyterHub.named_server_limit_per_user = 0
    c.Spawner.hub_connect_url = url_of(INSIDE / "hub" / "hub.sock")
    c.Spawner.env_keep = []
    c.Spawner.default_url = "/lab/tree/welcome.ipynb"
    c.Spawner.start_timeout = 60
    c.Spawner.http_timeout = 30
    c.Spawner.poll_interval = 3  # how long a workspace may outlive its session at most, seconds
    c.Spawner.disable_user_config = True


def _pages(c: Any, settings: Settings) -> None:
    c.JupyterHub.default_url = f"{settings.hub_url}/hub/home"
    c.JupyterHub.logo_file = str(MARK)
    c.JupyterHub.template_paths = [str(TEMPLATES)]
    c.JupyterHub.template_vars = {
        "review_url": settings.review_url,
        "audit_url": settings.audit_url,
        "open_projects": _open_projects,
        "shut_projects": _shut_projects,
        "bubblewrap": settings.isolation == "bubblewrap",
    }
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}


def _open_projects(user: Any) -> tuple[Policy, ...]:
    """Return what the page `home.html` lists; the hub calls this for each page it renders."""
    return projects.open_to(Workspace.hands.store, user.name) if user else ()


def _shut_projects(user: Any) -> tuple[Policy, ...]:
    """Return what stands below that list: agreements whose time is over or has not come."""
    return projects.shut_to(Workspace.hands.store, user.name) if user else ()


def spawner_class(settings: Settings) -> type[Workspace]:
    """Return the spawner for the isolation that works here; raises `Unavailable` where none does.

    There is no third answer: a workspace without isolation is never started.
    """
    match settings.isolation:
        case "docker":
            if not engine.answers():
                raise Unavailable("No Docker engine answers.", hint="Run `images/build docker`.")
            return EnclaveSpawner
        case "bubblewrap":
            bubblewrap.require()
            if not images.bubblewrap_environment().exists():
                raise Unavailable(
                    "The workspace environment is missing.", hint="Run `images/build bubblewrap`."
                )
            return BubblewrapSpawner
        case other:
            raise Unavailable(
                f"ENCLAVE_ISOLATION is “{other}”.", hint="It may be docker or bubblewrap."
            )


def close_orphans(hands: Hands) -> None:
    """Close sessions whose container is gone: a hub that was killed could not close them."""
    if hands.settings.isolation != "docker":
        return  # the hub's own check of its servers, right after this, finds those
    try:
        alive = left_over(hands.settings.instance)
        for session in hands.store.sessions():
            if session.id not in alive:
                close_session(
                    hands.store,
                    hands.audit,
                    hands.settings,
                    session=session.id,
                    reason="its workspace was gone",
                )
    except (EnclaveError, DockerException) as error:
        log.warning("sessions left over could not be closed: %s", error)
