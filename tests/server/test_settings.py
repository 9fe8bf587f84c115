"""Settings: sources, precedence, refusals."""

import re
from pathlib import Path

import pytest
import typer.main

import seismic
from seismic import ParameterError
from seismic_server.process.serve import cli
from seismic_server.process.settings_page import page
from seismic_server.settings import ENGINE_VARIABLES, Settings, injected_variables, load_settings

from .conftest import ROOT

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_options_before_environment_before_file(tmp_path, monkeypatch):
    file = tmp_path / "seismic.toml"
    file.write_text('directory = "data"\nport = 1\nhost = "file"\nqueue = 7\n')
    monkeypatch.setenv("SEISMIC_PORT", "2")
    monkeypatch.setenv("SEISMIC_HOST", "environment")
    settings = load_settings(config=file, port=3, threads=None)
    assert (settings.port, settings.host, settings.queue) == (3, "environment", 7)
    assert settings.directory == Path("data")
    assert settings.threads == Settings.model_fields["threads"].default


def test_the_environment_may_name_the_file(tmp_path, monkeypatch):
    (tmp_path / "seismic.toml").write_text("port = 5\n")
    monkeypatch.setenv("SEISMIC_CONFIG", str(tmp_path / "seismic.toml"))
    assert load_settings(directory="data").port == 5


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_a_described_variable_and_option(name, monkeypatch, tmp_path):
    field = Settings.model_fields[name]
    assert field.description
    option = next(one for one in typer.main.get_command(cli).params if one.name == name)
    assert field.description in option.help
    (tmp_path / "file").touch()
    values = {
        "log_level": "error",
        "log_format": "json",
        "verify": "full",
        "config": str(tmp_path / "file"),
        "root_path": "/search",
        "tracing": "True",
        "partial": "True",
        "degraded": "True",
        "compat": "qdrant",
    }
    monkeypatch.setenv(f"SEISMIC_{name.upper()}", values.get(name, "9"))
    settings = load_settings(**({} if name == "directory" else {"directory": "data"}))
    found = getattr(settings, name)
    found = ",".join(found) if isinstance(found, list) else found
    assert str(found) == values.get(name, "9.0" if isinstance(found, float) else "9")


def test_every_option_is_a_setting():
    command = typer.main.get_command(cli)
    assert {one.name for one in command.params} == set(Settings.model_fields)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "setting 'directory' is missing"),
        ({"port": 70_000}, "setting 'port' (SEISMIC_PORT): input should be less than or equal to 65535 (found 70000)"),
        ({"threads": 0}, "setting 'threads'"),
        ({"log_level": "loud"}, "(found 'loud')"),
        (
            {"colour": 1},
            "unknown setting 'colour', expected one of audit_every, cache, cache_size, compact_percent, compat, ",
        ),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        load_settings(**({"directory": "data"} if options else {}), **options)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("prot = 8001", "unknown setting 'prot'"),
        ("port = ", "seismic.toml: Invalid value"),
        ("\udcff", "seismic.toml: 'utf-8' codec"),
        ("[server]\nport = 1", "unknown setting 'server'"),
    ],
)
def test_wrong_files_are_refused(tmp_path, content, message):
    file = tmp_path / "seismic.toml"
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ParameterError, match=re.escape(message)):
        load_settings(directory="data", config=file)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="no such file"):
        load_settings(directory="data", config=tmp_path / "nope.toml")


def test_an_unknown_variable_is_refused(monkeypatch):
    monkeypatch.setenv("SEISMIC_PROT", "8001")
    with pytest.raises(ParameterError, match="unknown setting SEISMIC_PROT in the environment, expected one of"):
        load_settings(directory="data")


SERVICE_LINKS = {  # of Services `seismic` and `seismic-search`, as Kubernetes sets them
    "SEISMIC_SERVICE_HOST": "10.0.171.239",
    "SEISMIC_SERVICE_PORT": "8000",
    "SEISMIC_SERVICE_PORT_HTTP": "8000",
    "SEISMIC_PORT": "tcp://10.0.171.239:8000",
    "SEISMIC_PORT_8000_TCP": "tcp://10.0.171.239:8000",
    "SEISMIC_PORT_8000_TCP_PROTO": "tcp",
    "SEISMIC_PORT_8000_TCP_PORT": "8000",
    "SEISMIC_PORT_8000_TCP_ADDR": "10.0.171.239",
    "SEISMIC_SEARCH_SERVICE_HOST": "10.0.0.7",
    "SEISMIC_SEARCH_SERVICE_PORT": "80",
    "SEISMIC_SEARCH_PORT": "udp://10.0.0.7:80",
    "SEISMIC_SEARCH_PORT_80_UDP_ADDR": "10.0.0.7",
    "SEISMIC_NAME": "/web/seismic",  # and Docker's links
    "SEISMIC_ENV_PATH": "/usr/bin",
}


def test_variables_of_kubernetes_are_ignored(clean_environment: pytest.MonkeyPatch):
    for name, value in SERVICE_LINKS.items():
        clean_environment.setenv(name, value)
    clean_environment.setenv("SEISMIC_THREADS", "3")
    settings = load_settings(directory="x")
    assert (settings.host, settings.port, settings.threads) == ("127.0.0.1", 8000, 3)
    assert injected_variables() == sorted(SERVICE_LINKS)


@pytest.mark.parametrize(
    ("name", "value"),
    [("SEISMIC_PORT", "80a"), ("SEISMIC_SERVICE", "x"), ("SEISMIC_PORT_X", "1"), ("SEISMIC_SEARCH_PORT", "80")],
)
def test_other_variables_are_still_checked(clean_environment: pytest.MonkeyPatch, name, value):
    clean_environment.setenv(name, value)
    with pytest.raises(ParameterError, match=name):
        load_settings(directory="x")


def test_an_empty_variable_counts_as_unset(clean_environment: pytest.MonkeyPatch):
    clean_environment.setenv("SEISMIC_KEYS_FILE", "")
    clean_environment.setenv("SEISMIC_PORT", "")
    settings = load_settings(directory="x")
    assert (settings.keys_file, settings.port) == (None, 8000)


def test_variables_of_the_engine_are_not_settings(monkeypatch):
    sources = "".join(file.read_text() for file in Path(seismic.__file__).parent.rglob("*.py"))
    assert set(re.findall(r"SEISMIC_[A-Z_]+", sources)) == ENGINE_VARIABLES
    for name in ENGINE_VARIABLES:
        monkeypatch.setenv(name, "x")
    load_settings(directory="data")


def test_the_settings_page_is_up_to_date():
    assert (ROOT / "docs" / "settings.md").read_text() == page()


def test_every_route_is_in_the_page_of_operation_or_the_api(client):
    """Operators' routes are documented on a page, the others in /docs."""
    text = (ROOT / "docs" / "operations.md").read_text()
    paths = client.get("/openapi.json").json()["paths"]
    for path in ("/healthz", "/readyz", "/metrics", *(one for one in paths if ":" in one.partition("}")[2])):
        assert path.rpartition("}")[2] in text
