"""Settings of the service: one typed table; options win over the environment, and that over a TOML file."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from seismic.errors import ParameterError
from seismic.params import Verify

PREFIX = "SEISMIC_"
ENGINE_VARIABLES = frozenset({"SEISMIC_CACHE_DIR", "SEISMIC_ENCODERS", "SEISMIC_SIMD"})
"""Read by the engine itself; every other variable with the prefix must be a setting."""


class Settings(BaseSettings):
    """How the service runs. The variable of a field is its name in capitals after `SEISMIC_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True
    )

    directory: Path
    """Folder whose subfolders are collections, or the folder of one collection."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for all of IPv4."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 takes a free one and logs it."""

    threads: Annotated[int, Field(ge=1, le=1024)] = os.cpu_count() or 1
    """Threads that search."""

    queue: Annotated[int, Field(ge=0)] = 256
    """Searches that may wait for a thread; beyond that they are refused with 503."""

    timeout_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 30_000
    """Milliseconds after which a search is given up with 504, waiting included; a search may ask for less."""

    max_limit: Annotated[int, Field(ge=1)] = 10_000
    """Most hits one search may ask for, those passed over by `offset` included."""

    max_batch: Annotated[int, Field(ge=1)] = 256
    """Most searches of one batch."""

    max_batch_hits: Annotated[int, Field(ge=1)] = 100_000
    """Most hits that the searches of one batch may ask for together."""

    max_body_bytes: Annotated[int, Field(ge=1)] = 1 << 20
    """Largest request body, in bytes; beyond that it is refused with 413."""

    max_components: Annotated[int, Field(ge=1)] = 4096
    """Most components or tokens of a query."""

    receive_seconds: Annotated[float, Field(gt=0, le=3600)] = 10.0
    """Seconds in which a request's head, and then its body, must arrive; a late body is refused with 408."""

    keep_alive_seconds: Annotated[int, Field(ge=1)] = 65
    """Seconds after which a connection is closed if no other request comes; more than those of a proxy before it."""

    shutdown_seconds: Annotated[int, Field(ge=0)] = 8
    """Seconds that running requests have to finish after a signal to end; new ones are refused with 503 meanwhile."""

    keys_file: Path | None = None
    """File of API keys, see `seismic keys`; without it anybody may do anything."""

    rate_limit: Annotated[float, Field(ge=0)] = 0.0
    """Requests per second of one key (without keys: of one address), beyond which 429 is answered; 0: no limit."""

    rate_burst: Annotated[int, Field(ge=1)] = 100
    """Requests that may come at once before `rate_limit` counts."""

    forwarded_allow_ips: str = "127.0.0.1"
    """Addresses of proxies, by commas, whose X-Forwarded-For and X-Forwarded-Proto are believed; *: any."""

    cors_origins: str = ""
    """Origins of web pages, by commas, that browsers let ask this service, as in https://example.org; *: any."""

    root_path: Annotated[str, Field(pattern=r"^(/[^/]+)*$")] = ""
    """Path below which a proxy serves this service, if it takes it off before it passes requests on."""

    ssl_certfile: Path | None = None
    """Certificate chain, PEM: speak HTTPS."""

    ssl_keyfile: Path | None = None
    """Private key of the certificate, if it is not in the same file."""

    ssl_keyfile_password: str | None = None
    """Password of the private key."""

    ssl_ca_certs: Path | None = None
    """Authorities, PEM: clients must show a certificate of one of them."""

    audit_every: Annotated[int, Field(ge=0)] = 1000
    """One in so many answers that need not be exact is compared with the exact one, for /metrics; 0: none."""

    tracing: bool = False
    """Send OpenTelemetry spans to OTEL_EXPORTER_OTLP_ENDPOINT; needs the extra `tracing`."""

    reload_ms: Annotated[int, Field(ge=1)] = 250
    """Milliseconds between two looks for generations and changes of other processes."""

    verify: Verify = "sample"
    """Hashes that are checked when a generation is opened, at the start and later: full, sample or none."""

    compact_percent: Annotated[int, Field(ge=0, le=100)] = 10
    """Share of changed or deleted documents from which on a collection is compacted in the background; 0: never."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe lines that are logged."""

    log_format: Literal["auto", "console", "json"] = "auto"
    """Log lines on stderr: JSON, or for people; auto: for people on a terminal."""

    config: Path | None = None
    """TOML file with any of these settings."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options before environment before file; the first two may name the file."""
        config = {**env_settings(), **init_settings()}.get("config")
        if config is None:
            return init_settings, env_settings
        return init_settings, env_settings, _toml(settings_cls, Path(config))


def load_settings(**options: Any) -> Settings:
    """Settings from options (None: not given), environment and file; ParameterError names each wrong one."""
    given = {name: value for name, value in options.items() if value is not None}
    _check_environment()
    try:
        return Settings(**given)
    except ValidationError as error:
        raise ParameterError("; ".join(_explain(problem) for problem in error.errors())) from None


def _toml(settings_cls: type[BaseSettings], path: Path) -> TomlConfigSettingsSource:
    if not path.is_file():  # the library takes a missing file for an empty one
        raise ParameterError(f"settings file {path}: no such file")
    try:
        return TomlConfigSettingsSource(settings_cls, path)
    except (OSError, ValueError) as error:
        raise ParameterError(f"settings file {path}: {error}") from None


def _check_environment() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | ENGINE_VARIABLES
    unknown = {name for name in os.environ if name.startswith(PREFIX)} - known
    if unknown:
        found = f"unknown setting {_listed(unknown)} in the environment"
        raise ParameterError(f"{found}; there are {_listed(known)}")


def _explain(problem: Mapping[str, Any]) -> str:
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f"unknown setting '{name}'; there are {_listed(Settings.model_fields)}"
    variable = PREFIX + name.upper()
    if problem["type"] == "missing":
        return f"setting '{name}' is missing; give it as an argument, as {variable} or in a settings file"
    return f"setting '{name}' ({variable}): {problem['msg'].lower()} (found {problem['input']!r})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
