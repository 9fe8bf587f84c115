"""API keys: the file, the command, permissions."""

import errno
import json
import os
import pkgutil
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seismic import ParameterError, SeismicError, StorageError
from seismic.errors import ForbiddenError, OutputExistsError, UnauthorizedError
from seismic_server.access import keys
from seismic_server.access.admission import AdmissionControl
from seismic_server.access.auth import check, collection_of, reads, secret_of
from seismic_server.access.expiry import expiry_of
from seismic_server.access.keys import Keyring, create_key, read_keys, revoke_key
from seismic_server.access.limits import Rates
from seismic_server.memory.budget import MemoryBudget
from seismic_server.observe.metrics import Metrics
from seismic_server.pool import SearchPool
from seismic_server.process.keys.commands import cli

from .test_problems import problem

pytestmark = pytest.mark.anyio

SEARCH = "/v1/collections/tiny/search"
BODY = {"query": {"indices": [1], "values": [1.0]}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_only_valid_keys_are_found(file):
    secrets = [create_key(file, name, "read-only") for name in ("one", "two")]
    ring = Keyring(file)
    assert [ring.find(secret).name for secret in secrets] == ["one", "two"]
    other = secrets[0][:-43] + secrets[1][-43:]
    for wrong in ("", "x", other, secrets[0][:-1], secrets[0] + "x", "seismic_00000000_" + "A" * 43, "ключ"):
        assert ring.find(wrong) is None


def test_the_file_holds_no_secret_and_is_private(file):
    secret = create_key(file, "one", "admin", ["b", "a", "b"])
    assert secret.rpartition("_")[2] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (key,) = read_keys(file)
    assert (key.role, key.collections, len(key.hash)) == ("admin", ["a", "b"], 64)
    assert [path.name for path in file.parent.iterdir()] == ["keys.json"]


def test_names_are_unique_and_revoked_by_name_or_id(file):
    create_key(file, "one", "admin")
    with pytest.raises(ParameterError, match="key 'one' exists"):
        create_key(file, "one", "admin")
    create_key(file, "two", "admin")
    revoke_key(file, "one")
    revoke_key(file, read_keys(file)[0].id)
    assert read_keys(file) == []
    with pytest.raises(ParameterError, match="found no key 'one'"):
        revoke_key(file, "one")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\x1b[2J"])
def test_unprintable_names_are_refused(file, name):
    with pytest.raises(ParameterError, match="name: found"):
        create_key(file, name, "admin")
    assert not file.exists()


@pytest.mark.parametrize("content", [None, "", "{", '{"keys": [{"id": "x"}]}', '{"version": 2}', '{"other": 1}'])
def test_unreadable_files_are_refused(file, content):
    if content is not None:
        file.write_text(content)
    with pytest.raises(ParameterError, match=re.escape(f"keys file {file}: ")):
        Keyring(file)


@pytest.mark.parametrize("folder", ["", "/"])
def test_a_folder_is_no_file_of_keys(folder):
    for change in (lambda path: create_key(path, "shop", "admin"), lambda path: revoke_key(path, "shop")):
        with pytest.raises(ParameterError, match="found a folder, expected the name of a file"):
            change(Path(folder))


def test_a_changed_file_is_read_again_and_a_broken_one_ignored(file, monkeypatch):
    monkeypatch.setattr(keys, "LOOK_SECONDS", 0)
    secret = create_key(file, "one", "admin")
    ring = Keyring(file)
    later = create_key(file, "two", "admin")
    assert ring.find(later)
    whole = file.read_text()
    file.write_text("{")
    assert ring.find(secret)
    file.unlink()
    assert ring.find(secret)
    file.write_text(whole)
    revoke_key(file, "one")
    assert ring.find(secret) is None
    assert ring.find(later)


def command(*arguments: object) -> str:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_the_command(file, monkeypatch):
    secret = command("create", "--keys-file", file, "--name", "shop", "--collection", "a", "--collection", "b").strip()
    assert Keyring(file).find(secret).collections == ["a", "b"]
    monkeypatch.setenv("SEISMIC_KEYS_FILE", str(file))
    command("create", "--name", "[/]")
    shown = command("list")
    assert "[/]" in shown
    command("revoke", "[/]")
    assert "shop" in shown
    assert "a, b" in shown
    assert secret not in shown
    command("revoke", "shop")
    with pytest.raises(SeismicError, match="no key 'shop'"):
        command("revoke", "shop")
    assert json.loads(file.read_text())["keys"] == []


@pytest.mark.parametrize(
    ("headers", "secret"),
    [
        ([(b"authorization", b"Bearer abc")], "abc"),
        ([(b"authorization", b"bearer  abc")], "abc"),
        ([(b"x-api-key", b"abc")], "abc"),
        ([(b"api-key", b"abc"), (b"x-api-key", b"def")], "abc"),
        ([(b"authorization", b"Basic abc"), (b"api-key", b"abc")], "abc"),
        ([(b"authorization", b"Bearer ")], None),
        ([(b"authorization", b"Basic abc")], None),
        ([], None),
    ],
)
def test_sources_of_the_key(headers, secret):
    assert secret_of(headers) == secret


ADMINS = {
    ("DELETE", "/v1/aliases/{alias}"),
    ("DELETE", "/v1/collections/{name}"),
    ("DELETE", "/v1/collections/{name}/documents/{id}"),
    ("DELETE", "/v1/collections/{name}/snapshots/{file}"),
    ("PATCH", "/v1/collections/{name}"),
    ("PATCH", "/v1/collections/{name}/documents"),
    ("POST", "/v1/collections/{name}/documents/delete"),
    ("POST", "/v1/collections/{name}:compact"),
    ("POST", "/v1/collections/{name}:reload"),
    ("POST", "/v1/collections/{name}:rename"),
    ("POST", "/v1/collections/{name}:restore"),
    ("POST", "/v1/collections/{name}:rollback"),
    ("POST", "/v1/collections/{name}:snapshot"),
    ("POST", "/v1/collections/{name}:verify"),
    ("POST", "/v1/collections/{name}:warmup"),
    ("POST", "/v1/jobs/{id}:cancel"),
    ("PUT", "/v1/aliases/{alias}"),
    ("PUT", "/v1/collections/{name}"),
    ("PUT", "/v1/collections/{name}/documents"),
}


def test_changes_need_an_admin_key(client):
    """Check that every route is classed as reading or changing."""
    paths = client.get("/openapi.json").json()["paths"]
    operations = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert {one for one in operations if not reads(one[0], one[1].replace("{name}", "a"))} == ADMINS


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/v1/collections", None),
        ("GET", "/v1/collections/a", "a"),
        ("GET", "/v1/collections/a:b", "a:b"),
        ("POST", "/v1/collections/a:reload", "a"),
        ("POST", "/v1/collections/a:b:reload", "a:b"),
        ("POST", "/v1/collections/a:b/search", "a:b"),
        ("GET", "/metrics", None),
    ],
)
def test_the_collection_of_a_request(method, path, name):
    assert collection_of(method, path) == name


def test_everything_is_checked_if_keys_are_configured(file):
    with pytest.raises(SeismicError, match="found no key"):
        check(None, False, "GET", "/v1/collections")


async def test_permissions(running, tiny, file):
    admin, reader = create_key(file, "admin", "admin"), create_key(file, "reader", "read-only")
    mine, others = (create_key(file, name, "admin", [name]) for name in ("tiny", "large"))
    async with running(tiny, keys_file=file) as client:
        refused = await client.post(SEARCH, json=BODY)
        assert problem(refused, 401).type == "urn:problem-type:seismic:unauthorized"
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert "unknown or revoked" in problem(await client.get("/metrics", headers=bearer("x")), 401).detail
        for secret in (admin, reader, mine):
            assert (await client.post(SEARCH, json=BODY, headers=bearer(secret))).status_code == 200
            assert (await client.post(SEARCH, json=BODY, headers={"Api-Key": secret})).status_code == 200
        assert (
            "does not permit collection 'tiny'"
            in problem(await client.post(SEARCH, json=BODY, headers=bearer(others)), 403).detail
        )
        reload = "/v1/collections/tiny:reload"
        assert "read-only" in problem(await client.post(reload, headers=bearer(reader)), 403).detail
        assert (await client.post(reload, headers=bearer(mine))).status_code == 200
        assert (await client.get("/metrics", headers=bearer(reader))).status_code == 200
        problem(await client.get("/metrics", headers=bearer(mine)), 403)
        listed = [
            (await client.get("/v1/collections", headers=bearer(secret))).json() for secret in (admin, mine, others)
        ]
        assert [len(one["collections"]) for one in listed] == [1, 1, 0]
        problem(await client.get("/v1/collections/none", headers=bearer(mine)), 403)
        for path in ("/healthz", "/readyz", "/docs", "/openapi.json", "/static-offline-docs/swagger-ui.css"):
            assert (await client.get(path)).status_code == 200
        assert (await client.get("/readyz")).json()["collections"] == []
        schema = (await client.get("/openapi.json")).json()
        assert schema["paths"]["/metrics"]["get"]["security"] == [{"bearer": []}, {"header": []}]
        assert "security" not in schema["paths"]["/healthz"]["get"]


async def test_a_revoked_key_is_refused_soon(running, tiny, file, monkeypatch):
    monkeypatch.setattr(keys, "LOOK_SECONDS", 0)
    secret = create_key(file, "one", "read-only")
    async with running(tiny, keys_file=file) as client:
        assert (await client.get("/v1/collections", headers=bearer(secret))).status_code == 200
        revoke_key(file, "one")
        problem(await client.get("/v1/collections", headers=bearer(secret)), 401)


def test_paths_below_a_proxy(file):
    create_key(file, "one", "read-only")
    pool, memory = SearchPool(1, 0, Metrics()), MemoryBudget(1 << 30)
    admission = AdmissionControl(Keyring(file), Rates(0, 1), pool, memory)
    scope = {"method": "GET", "headers": [], "root_path": "/search"}
    assert admission.admit(scope | {"path": "/search/healthz"}) is None
    with pytest.raises(UnauthorizedError):
        admission.admit(scope | {"path": "/search/v1/collections"})


@pytest.mark.parametrize("place", ["tempfile.mkstemp", "os.fsync", "os.replace", "os.open"])
def test_a_read_only_folder_ends_the_command_in_one_line(file, monkeypatch, place):
    create_key(file, "one", "admin")
    module, _, name = place.rpartition(".")

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(pkgutil.resolve_name(module), name, fail)
    with pytest.raises(StorageError, match="Read-only file system"):
        create_key(file, "two", "admin")


def test_names_may_look_like_markup(file):
    create_key(file, "[/]", "admin", ["[red]x"])
    listed = CliRunner().invoke(cli, ["list", "--keys-file", str(file)])
    assert listed.exit_code == 0
    assert "[/]" in listed.stdout
    assert "[red]x" in listed.stdout


def test_a_full_disk_leaves_the_old_file(file, monkeypatch):
    create_key(file, "one", "admin")

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(StorageError, match=f"cannot write {file}: No space left on device; free some space"):
        create_key(file, "two", "admin")
    assert [key.name for key in read_keys(file)] == ["one"]
    assert [path.name for path in file.parent.iterdir()] == ["keys.json"]


def test_the_output_is_private_and_never_overwritten(file, tmp_path):
    output = tmp_path / "shop.key"
    said = command("create", "--keys-file", file, "--name", "shop", "--output", output)
    assert said == f"key 'shop' in {output}\n"
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert Keyring(file).find(output.read_text().strip()).name == "shop"
    before = output.read_text(), file.read_text()
    with pytest.raises(OutputExistsError, match=f"{output} exists; choose another file for the key"):
        create_key(file, "other", "admin", output=output)
    link = tmp_path / "link.key"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputExistsError):
        create_key(file, "other", "admin", output=link)
    assert (output.read_text(), file.read_text()) == before
    assert not (tmp_path / "elsewhere").exists()


def test_a_key_that_cannot_be_created_leaves_no_output(file, tmp_path):
    create_key(file, "one", "admin")
    with pytest.raises(ParameterError, match="key 'one' exists"):
        create_key(file, "one", "admin", output=tmp_path / "one.key")
    assert not (tmp_path / "one.key").exists()
    with pytest.raises(StorageError, match=r"cannot write .*none/two\.key: No such file"):
        create_key(file, "two", "admin", output=tmp_path / "none/two.key")
    assert [key.name for key in read_keys(file)] == ["one"]


NOW = datetime(2030, 1, 31, 12, 30, 15, 99, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("90d", datetime(2030, 5, 1, 12, 30, 15, tzinfo=UTC)),
        ("12h", datetime(2030, 2, 1, 0, 30, 15, tzinfo=UTC)),
        (" 2w ", datetime(2030, 2, 14, 12, 30, 15, tzinfo=UTC)),
        ("2030-02-01", datetime(2030, 2, 1, tzinfo=UTC)),
        ("2030-02-01T01:30+02:00", datetime(2030, 1, 31, 23, 30, tzinfo=UTC)),
        ("2030-02-01T01:30Z", datetime(2030, 2, 1, 1, 30, tzinfo=UTC)),
    ],
)
def test_expiry(text, time):
    assert expiry_of(text, NOW) == time


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *((text, "expected a span such as 12h") for text in ("", "90", "d", "-1d", "1.5d", "90 days", "2030-02-30")),
        *(
            (text, "expected a span such as 12h")
            for text in ("2030-02-01T10:00", "999999d", "tomorrow", "2030-02-01 10:00")
        ),
        ("0d", "expected a time after 2030-01-31T12:30:15Z"),
        ("2030-01-31", "which is 2030-01-31T00:00:00Z, expected a time after"),
    ],
)
def test_unclear_and_past_expiries_are_refused(text, found):
    with pytest.raises(ParameterError, match=found):
        expiry_of(text, NOW)


def expire(file: Path, name: str) -> None:
    """Let the key of a name have expired a second ago."""
    content = json.loads(file.read_text())
    (key,) = (one for one in content["keys"] if one["name"] == name)
    key["expires"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    file.write_text(json.dumps(content))


async def test_an_expired_key_is_refused_with_the_reason(running, tiny, file, monkeypatch):
    monkeypatch.setattr(keys, "LOOK_SECONDS", 0)
    command(
        "create", "--keys-file", file, "--name", "brief", "--expires", "1d", "--output", file.with_name("brief.key")
    )
    create_key(file, "lasting", "admin")
    secret = file.with_name("brief.key").read_text().strip()
    async with running(tiny, keys_file=file, compat=["qdrant", "opensearch"]) as client:
        known = (await client.get("/v1/key", headers=bearer(secret))).json()
        assert known["expires"] == f"{read_keys(file)[0].expires:%Y-%m-%dT%H:%M:%SZ}"
        expire(file, "brief")
        for path in ("/v1/key", "/v1/collections", "/metrics"):
            refused = problem(await client.get(path, headers=bearer(secret)), 401)
            assert re.search("key 'brief' expired at .*Z, expected a valid key", refused.detail)
        problem(await client.post(SEARCH, json=BODY, headers=bearer(secret)), 401)
        for path in ("/qdrant/collections", "/opensearch/_cat/indices"):
            refused = await client.get(path, headers=bearer(secret))
            assert refused.status_code == 401
            assert "key 'brief' expired at" in refused.text
    listed = command("list", "--keys-file", file)
    assert re.search("brief.*expired", listed)
    assert re.search("lasting.*never", listed)


def test_files_from_before_keys_expired_are_read(file):
    create_key(file, "one", "admin")
    content = json.loads(file.read_text())
    assert "expires" not in content["keys"][0]
    content["keys"][0]["collections"] = None
    file.write_text(json.dumps(content))
    (key,) = read_keys(file)
    assert (key.expires, key.collections, key.is_expired()) == (None, None, False)
    content["keys"][0]["expires"] = "2030-01-31T12:00:00"
    file.write_text(json.dumps(content))
    with pytest.raises(ParameterError, match=r"keys\.0\.expires: Input should have timezone info"):
        read_keys(file)


async def test_metrics_keys_read_the_metrics_and_nothing_else(running, tiny, file):
    secret = command("create", "--keys-file", file, "--name", "prometheus", "--role", "metrics").strip()
    async with running(tiny, keys_file=file, compat=["qdrant", "opensearch"]) as client:
        assert "seismic_collection_ready" in (await client.get("/metrics", headers=bearer(secret))).text
        for path in ("/healthz", "/readyz"):
            assert (await client.get(path, headers=bearer(secret))).status_code == 200
        for path in ("/v1/key", "/v1/collections", "/v1/collections/tiny", "/v1/jobs", "/none"):
            refused = problem(await client.get(path, headers=bearer(secret)), 403)
            assert refused.detail == (
                "key 'prometheus' is for /metrics only, expected a key with role read-only or admin"
            )
        problem(await client.post(SEARCH, json=BODY, headers=bearer(secret)), 403)
        for path in ("/qdrant/collections", "/opensearch/_cat/indices"):
            assert (await client.get(path, headers=bearer(secret))).status_code == 403


def test_metrics_keys_are_not_limited_to_collections(file):
    with pytest.raises(ParameterError, match="collection: a key with role metrics"):
        create_key(file, "prometheus", "metrics", ["tiny"])
    assert not file.exists()
    create_key(file, "prometheus", "metrics")
    (key,) = read_keys(file)
    check(key, True, "GET", "/metrics")
    with pytest.raises(ForbiddenError):
        check(key, True, "POST", "/metrics")
