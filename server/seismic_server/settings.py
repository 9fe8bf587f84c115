"""Settings of the service. Options override environment variables, and these override the TOML file."""

import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from seismic.errors import ParameterError
from seismic.params import Verify
from seismic_server.machine import usable_cores

PREFIX = "SEISMIC_"
DIVIDED = ("threads", "queue", "max_connections")
"""Limits that are divided between the processes."""

MOST_PROCESSES = 4
"""Server processes by default, at most."""

ENGINE_VARIABLES = frozenset({"SEISMIC_CACHE_DIR", "SEISMIC_ENCODERS", "SEISMIC_SIMD"})
"""Variables that the engine itself reads. Every other variable with the prefix must be a setting."""


INJECTED = re.compile(
    r"SEISMIC_(?:\w+_)?"
    r"(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?|ENV_\w+)"
)
"""Variables that Kubernetes sets for a Service whose name starts with `seismic`, as do Docker's links."""

INJECTED_BY_VALUE = (
    (re.compile(r"SEISMIC_(?:\w+_)?PORT"), re.compile(r"(?:tcp|udp|sctp)://.*")),
    (re.compile(r"SEISMIC_(?:\w+_)?NAME"), re.compile(r"/[^/]+/[^/]+")),
)
"""More of them, which are known by their value: name and value."""


def _listed_names(value: Any) -> Any:
    """Return comma-separated names as a list; other values as they are."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


class Settings(BaseSettings):
    """Settings of the service. Each is also the variable `SEISMIC_` followed by its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_default=True,
    )

    directory: Path
    """Folder of collections, or one collection."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for every IPv4 address."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 selects a free port and logs it."""

    processes: Annotated[int, Field(ge=1, le=64)] = min(MOST_PROCESSES, usable_cores())
    """Server processes, which share the port. `threads`, `queue` and `max_connections` are divided between them; memory
    of requests and `rate_limit` count all of them together."""

    hang_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 60.0
    """Seconds after which a server process that does not answer its supervisor is killed and replaced; 0: never."""

    threads: Annotated[int, Field(ge=1, le=1024)] = usable_cores()
    """Search threads of all processes together, at least one for each."""

    queue: Annotated[int, Field(ge=0)] = 256
    """Searches that may wait for a thread; more are refused with 503."""

    inline_us: Annotated[int, Field(ge=0)] = 500
    """Microseconds that a search may take to be answered on the event loop, without the cost of a thread. Others go to
    the threads, as do all if it is 0. What searches take is measured."""

    timeout_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 30_000
    """Milliseconds after which a search ends with 504, including its wait for a thread; a search may set less."""

    max_limit: Annotated[int, Field(ge=1)] = 10_000
    """Most hits of one search, including those skipped by `offset`."""

    max_batch: Annotated[int, Field(ge=1)] = 256
    """Most searches in a batch."""

    max_batch_hits: Annotated[int, Field(ge=1)] = 100_000
    """Most hits of all searches in a batch together."""

    max_rerank: Annotated[int, Field(ge=1)] = 200
    """Most hits that the cross-encoder scores for one request; a batch of searches is one."""

    max_answer_values: Annotated[int, Field(ge=1)] = 500_000
    """Most hits, facet values and explained contributions of all searches in a request together."""

    max_answer_bytes: Annotated[int, Field(ge=1)] = 64 << 20
    """Largest answer to a request in bytes; larger ones are refused with 422."""

    max_body_bytes: Annotated[int, Field(ge=1)] = 1 << 20
    """Largest request body in bytes, except of upserts and patches; larger ones are refused with 413."""

    max_upsert_bytes: Annotated[int, Field(ge=1)] = 32 << 20
    """Largest body of an upsert (PUT) or a patch (PATCH) in bytes; larger ones are refused with 413."""

    max_components: Annotated[int, Field(ge=1)] = 4096
    """Most components or tokens in a query."""

    request_memory_bytes: Annotated[int, Field(ge=0)] = 0
    """Memory of the bodies and answers of all requests in progress together, in bytes; more are refused with 503. 0:
    half of what the machine, its container and `ulimit` leave."""

    receive_seconds: Annotated[float, Field(gt=0, le=3600)] = 10.0
    """Seconds within which a request's head, and then its body, must arrive; late ones are refused with 408."""

    send_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Seconds in which a client must read the next part of an answer; slower clients are disconnected."""

    max_connections: Annotated[int, Field(ge=1)] = 4096
    """Most open connections. A new one replaces the one that waits for its client longest; if none does, it is refused
    with 503, except for probes."""

    keep_alive_seconds: Annotated[int, Field(ge=1)] = 65
    """Seconds after which an idle connection is closed; set it above the timeout of a proxy in front."""

    shutdown_seconds: Annotated[int, Field(ge=0)] = 8
    """Seconds that running requests have to finish after a signal; new ones are refused with 503 meanwhile."""

    keys_file: Path | None = None
    """File of API keys, see `seismic keys`; without it everybody has full access."""

    rate_limit: Annotated[float, Field(ge=0)] = 0.0
    """Requests per second per key, or per address without keys; more are refused with 429. 0 disables the limit."""

    rate_burst: Annotated[int, Field(ge=1)] = 100
    """Requests that may arrive at once before `rate_limit` applies."""

    forwarded_allow_ips: str = "127.0.0.1"
    """Comma-separated addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted; * for all."""

    cors_origins: str = ""
    """Comma-separated origins of web pages that may use this service, as in https://example.org; * for all."""

    root_path: Annotated[str, Field(pattern=r"^(/[^/]+)*$")] = ""
    """Path prefix under which a proxy publishes this service, if the proxy strips it."""

    ssl_certfile: Path | None = None
    """Certificate chain (PEM); enables HTTPS."""

    ssl_keyfile: Path | None = None
    """Private key of the certificate (PEM), if it is in a separate file."""

    ssl_keyfile_password: str | None = None
    """Password of the private key."""

    ssl_ca_certs: Path | None = None
    """Certificate authorities (PEM); clients must present a certificate from one of them."""

    compat: Annotated[list[Literal["qdrant", "opensearch"]], NoDecode, BeforeValidator(_listed_names)] = []
    """Other search engines whose clients are served, below `/qdrant` and `/opensearch`: comma-separated names."""

    reranker: Path | None = None
    """Folder of a cross-encoder in ONNX, for searches with `rerank`: `tokenizer.json` and `model.onnx`."""

    audit_every: Annotated[int, Field(ge=0)] = 1000
    """Compare one in N answers that are not exact with the exact one, for /metrics; 0 disables it."""

    tracing: bool = False
    """Send OpenTelemetry spans to OTEL_EXPORTER_OTLP_ENDPOINT; needs the extra `tracing`."""

    reload_ms: Annotated[int, Field(ge=1)] = 250
    """Milliseconds between two looks for generations and changes by other processes."""

    nodes: Path | None = None
    """File that names the nodes which search collections, see docs/cluster.md; others are searched here."""

    ray: str | None = None
    """Address HOST:PORT of a Ray cluster that runs the nodes of all collections, see docs/cluster.md."""

    replicas: Annotated[int, Field(ge=1, le=16)] | None = None
    """Nodes on Ray with the same part, on different machines; by default as many as are running, or one."""

    groups: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Parts that a collection on Ray is divided into; by default as many as are running, or as the machines have room
    for."""

    wait: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 0.0
    """Seconds to wait at the start for machines that are being added to the Ray cluster. 0: refuse to start at once if
    the machines have no room for all nodes."""

    degraded: bool = False
    """Start with the replicas for which the Ray cluster has machines; the others start once it has more."""

    cache: Path | None = None
    """Folder on each machine of Ray for copies of files, shared by its nodes; by default they open the collection."""

    cache_size: str | None = None
    """Most bytes of the cache of a machine, such as 50GB: three generations; by default without limit."""

    storage: str | None = None
    """Address below which nodes on Ray find the collections that were pushed, such as s3://indexes; by default they
    open those that are served."""

    tls_cert: Path | None = None
    """Certificate chain (PEM) on each machine of Ray; fronts and nodes speak TLS then."""

    tls_key: Path | None = None
    """Private key (PEM) of that certificate, if it is in a separate file."""

    ports: str | None = None
    """Range of ports in which nodes on Ray listen, such as 7100-7199; by default any free one."""

    partial: bool = False
    """Answer without the shards whose nodes do not answer, and say so, instead of refusing with 503."""

    verify: Verify = "sample"
    """Hashes to check whenever a generation is opened: full, sample or none. `sample` reads the framing of each file
    and one in 16 of its sections, so it finds lost and cut files, but most damage of single bytes only by chance."""

    scrub_mb_per_second: Annotated[int, Field(ge=0)] = 32
    """Megabytes per second at which all hashes are checked after a generation has been opened; the result is in /readyz
    and /metrics. 0 disables it."""

    compact_percent: Annotated[int, Field(ge=0, le=100)] = 10
    """Percentage of changed or deleted documents that triggers background compaction; 0 disables it."""

    jobs: Annotated[int, Field(ge=1, le=64)] = 1
    """Compactions, snapshots, restores and rollbacks that run at once, each in a process of its own."""

    snapshots: Path | None = None
    """Folder of snapshots that are made over REST; by default `.snapshots` in the served folder."""

    max_snapshot_bytes: Annotated[int, Field(ge=1)] = 1 << 36
    """Largest snapshot that may be uploaded, in bytes; larger ones are refused with 413."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Minimum severity of log lines."""

    log_format: Literal["auto", "console", "json"] = "auto"
    """Format of log lines on stderr: JSON or readable; auto is readable on a terminal."""

    config: Path | None = None
    """TOML file with any of these settings."""

    def of_one_process(self) -> "Settings":
        """Return the settings with what each process gets of the limits for all, rounded up."""
        divided = {name: math.ceil(getattr(self, name) / self.processes) for name in DIVIDED}
        return self.model_copy(update=divided)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return options, environment and file, in order of precedence. The first two may name the file."""
        assert isinstance(env_settings, EnvSettingsSource)
        ignored = {name.lower() for name in injected_variables()}
        env_settings.env_vars = {name: value for name, value in env_settings.env_vars.items() if name not in ignored}
        config = {**env_settings(), **init_settings()}.get("config")
        if config is None:
            return init_settings, env_settings
        return init_settings, env_settings, _toml(settings_cls, Path(config))


def load_settings(**options: Any) -> Settings:
    """Load settings from options (None if not given), environment and file. ParameterError names every wrong one."""
    given = {name: value for name, value in options.items() if value is not None}
    _check_environment()
    try:
        return Settings(**given)
    except ValidationError as error:
        raise ParameterError("; ".join(_explain(problem) for problem in error.errors())) from None


def _toml(settings_cls: type[BaseSettings], path: Path) -> TomlConfigSettingsSource:
    if not path.is_file():  # the library treats a missing file as an empty one
        raise ParameterError(f"settings file {path}: no such file")
    try:
        return TomlConfigSettingsSource(settings_cls, path)
    except (OSError, ValueError) as error:
        raise ParameterError(f"settings file {path}: {error}") from None


def injected_variables() -> list[str]:
    """Return the variables in the environment that orchestrators set, and that are ignored therefore."""
    return sorted(
        name
        for name, value in os.environ.items()
        if INJECTED.fullmatch(name)
        or any(names.fullmatch(name) and values.fullmatch(value) for names, values in INJECTED_BY_VALUE)
    )


def _check_environment() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | ENGINE_VARIABLES
    unknown = {name for name in os.environ if name.startswith(PREFIX)} - known - set(injected_variables())
    if unknown:
        found = f"unknown setting {_listed(unknown)} in the environment"
        raise ParameterError(f"{found}, expected one of {_listed(known)}")


def _explain(problem: Mapping[str, Any]) -> str:
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f"unknown setting '{name}', expected one of {_listed(Settings.model_fields)}"
    variable = PREFIX + name.upper()
    if problem["type"] == "missing":
        return f"setting '{name}' is missing; pass it as an argument, as {variable} or in a settings file"
    return f"setting '{name}' ({variable}): {problem['msg'].lower()} (found {problem['input']!r})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
