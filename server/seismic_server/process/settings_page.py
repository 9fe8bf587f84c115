"""docs/settings.md, made of the settings: `python -m seismic_server.process.settings_page > docs/settings.md`."""

from pydantic.fields import FieldInfo

from seismic_server.settings import ENGINE_VARIABLES, Settings

_HEAD = """\
# Settings of the service

<!-- Made by `python -m seismic_server.process.settings_page`; a test compares. -->

Every setting is an option of `seismic serve` (`--max-limit 100`), a variable (`SEISMIC_MAX_LIMIT=100`)
and a key of the TOML file that `--config` names (`max_limit = 100`). Options win over variables, and
variables over the file. Unknown names are refused.

| setting | default | meaning |
| --- | --- | --- |
"""

_TAIL = """
Variables of the engine itself: {engine}; ARCHITECTURE.md has them.
"""


def page() -> str:
    """The page."""
    rows = "".join(_row(name, field) for name, field in Settings.model_fields.items())
    return _HEAD + rows + _TAIL.format(engine=", ".join(f"`{name}`" for name in sorted(ENGINE_VARIABLES)))


def _row(name: str, field: FieldInfo) -> str:
    return f"| `{name}` | {_default(name, field)} | {' '.join((field.description or '').split())} |\n"


def _default(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if name == "threads":
        return "one per CPU"
    if field.default is None or field.default == "":
        return "none"
    return f"`{field.default}`".lower() if isinstance(field.default, bool) else f"`{field.default}`"


if __name__ == "__main__":
    print(page(), end="")
