"""One object with every setting. Environment variables `ENCLAVE_*` override the defaults.

docs/reference/settings.md is generated from the descriptions below.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where things lie and where the three sites answer. Frozen: read once at a process's edge."""

    model_config = SettingsConfigDict(env_prefix="ENCLAVE_", extra="forbid", frozen=True)

    state_dir: Path = Field(
        Path(".enclave"), description="Everything that must survive a restart lies below here."
    )
    run_dir: Path = Field(
        Path("/run/enclave"), description="Unix sockets; short, since a socket path is ≤ 107 bytes."
    )
    control_url: str | None = Field(
        None, description="SQLAlchemy URL of the control store; SQLite under state_dir unless set."
    )
    origin: str = Field(
        "enclave.demo/audit", description="Origin line of the audit log's checkpoints (C2SP)."
    )
    hub_url: str = Field("http://hub.localhost:8000", description="Where browsers find the hub.")
    review_url: str = Field(
        "http://review.localhost:8001", description="Where browsers find egress review."
    )
    audit_url: str = Field(
        "http://audit.localhost:8002", description="Where browsers find the audit site."
    )
    oidc_issuer: str = Field(
        "http://127.0.0.1:8003", description="The identity provider (OpenID Connect issuer)."
    )
    oidc_client_id: str = Field("enclave", description="Our client id at the identity provider.")
    oidc_client_secret: str = Field("enclave-demo", description="Our client secret there.")
    oidc_auth_time: bool = Field(
        True,
        description="The identity provider's token says when someone authenticated (`auth_time`); "
        "a decision's re-login is refused without it. Off: asking with `prompt=login` is proof.",
    )
    require_mfa: bool = Field(
        True, description="Refuse a log-in whose token does not say a second factor was used."
    )
    isolation: str = Field(
        "docker", description="How workspaces are isolated: `docker` or `bubblewrap`; never none."
    )
    instance: str = Field(
        "demo", description="Prefix of container and image names, so that two enclaves can coexist."
    )

    gateway_address: str | None = Field(
        None,
        description="`host:port` where clients with tokens reach the gateway over TLS; off unless "
        "set. Only projects whose agreement admits network clients get tokens.",
    )
    gateway_certificate: Path | None = Field(
        None, description="The certificate chain (PEM) of that address."
    )
    gateway_key: Path | None = Field(None, description="The private key (PEM) of that address.")

    audit_database_url: str | None = Field(
        None,
        description="PostgreSQL URL of the audit log; an SQLite file in the audit directory unless "
        "set. The checkpoint file and the signing key stay in the audit directory.",
    )
    audit_checkpoint_seconds: float = Field(
        10.0, gt=0, description="How often a busy audit log signs a checkpoint, in seconds."
    )
    audit_grace_seconds: float = Field(
        20.0,
        ge=0,
        description="How long a sender may be away before its open intents end as interrupted.",
    )

    audit_policy: Path | None = Field(
        None,
        description="The policy file (C2SP tlog-policy) that names the log's keys, its witnesses, "
        "where they answer, and their quorum; `policy` in the audit directory unless set.",
    )
    audit_cosign_late_seconds: float = Field(
        120.0,
        gt=0,
        description="How long entries may wait for the witnesses' quorum before the audit site "
        "turns amber, in seconds.",
    )
    audit_release_needs_cosignature: bool = Field(
        False,
        description="Refuse a release while the witnesses' quorum cannot be had: its votes must "
        "be under a cosigned checkpoint before it is logged.",
    )
    audit_ml_dsa: bool = Field(
        False,
        description="Let the audit log sign its checkpoints with ML-DSA-44 beside Ed25519: a new "
        "log from its first entry on, an existing one from its next `audit key rotate` on.",
    )

    network_time_zone: str = Field(
        "UTC",
        description="The network's time zone (IANA name, `America/New_York`): what counts as night "
        "and as office hours on the audit site's page of anomalies.",
    )
    audit_thresholds: Path | None = Field(
        None,
        description="The network's own thresholds for anomalies (YAML); those that come with the "
        "program unless set.",
    )
    smtp_host: str | None = Field(
        None, description="The mail server alerts are sent through; without one no mail is sent."
    )
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_user: str | None = Field(None, description="The user to log in there as, if any.")
    smtp_password_file: Path | None = Field(
        None, description="A file that holds that user's password and nothing else."
    )
    smtp_from: str = Field("enclave-audit@localhost", description="The sender's address of alerts.")
    smtp_starttls: bool = Field(
        True,
        description="Send mail only over TLS (STARTTLS, certificate checked). Off: only to a "
        "server on this host.",
    )
    alert_webhook_hosts: str = Field(
        "",
        description="Hosts alerts may be posted to: `host` or `host:port`, separated by commas. "
        "Others are refused; https only, or http on this host's own loopback address.",
    )
    alert_webhook_key_file: Path | None = Field(
        None,
        description="A file of at least 32 bytes from which each host's signing key is derived "
        "(`audit alerts-key HOST` prints it); without one nothing is posted.",
    )
    alert_interval_seconds: float = Field(
        300.0,
        ge=0,
        description="At most one message of each alert rule in so many seconds; what comes "
        "meanwhile is told together in the next.",
    )

    audit_retention_days: int | None = Field(
        None,
        ge=1,
        description="`audit retention` removes no text younger than this many days; unless set, "
        "it removes nothing.",
    )
    audit_key_overlap_days: float = Field(
        30.0,
        gt=0,
        description="After `audit key rotate`, checkpoints bear the old key's signature beside "
        "the new one's for so many days; then the old private key is deleted.",
    )
    audit_metrics_address: str | None = Field(
        None,
        description="`host:port` where the audit service answers `/metrics` (Prometheus) and "
        "`/healthz` over plain HTTP; a loopback address, or a network of the operator's own. Off "
        "unless set.",
    )

    review_days: int = Field(
        5,
        ge=1,
        le=250,
        description="Working days until reviewers should have decided on an output, where its "
        "agreement says nothing else.",
    )
    review_metrics_address: str | None = Field(
        None,
        description="`host:port` where egress review answers `/metrics` (Prometheus: the queue and "
        "how long agencies take) over plain HTTP; a loopback address, or a network of the "
        "operator's own. Off unless set.",
    )
    review_keep_days: int = Field(
        90,
        ge=1,
        description="How many days after a request has ended its originals stay in quarantine; "
        "then they are destroyed. What later releases are checked against is kept.",
    )

    gateway_memory_mib: int = Field(
        2048,
        ge=64,
        description="Memory of one project's query engine, in MiB. Its process may take 1 GiB and "
        "two and a half times as much: planner, buffers and threads are under no engine's limit.",
    )
    gateway_spill_mib: int = Field(
        2048,
        ge=0,
        description="What one project's queries may sort or join beyond that, in MiB of a memory "
        "file system of the worker's own; 0, or a gateway that is not root: nothing.",
    )
    gateway_silence_seconds: float = Field(
        30.0,
        gt=0,
        description="How long a project's process may say nothing, in seconds, before it counts as "
        "hung and is started again; it speaks every second, also while it opens an extract.",
    )

    @property
    def audit_dir(self) -> Path:
        """Return the audit service's own directory."""
        return self.state_dir / "audit"

    @property
    def database_url(self) -> str:
        """Return the control store's URL."""
        return self.control_url or f"sqlite:///{(self.state_dir / 'control.db').resolve()}"

    def environment(self) -> dict[str, str]:
        """Return the environment in which a child process reads these same settings."""
        given = self.model_dump(mode="json", exclude_none=True)
        return os.environ | {f"ENCLAVE_{name.upper()}": str(value) for name, value in given.items()}
