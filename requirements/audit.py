"""Compare the locked versions with known vulnerabilities: `make audit`.

Exits with 1 if there are any, and with 2 if the database cannot be reached, since then nothing was checked.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LOCKS = ("dev.txt", "image.txt", "tools.txt", "docs.txt")


def main() -> int:
    """Audit every lock file and print what was found."""
    code = 0
    for lock in LOCKS:
        options = ("--require-hashes", "--disable-pip", "--progress-spinner=off", "--format=json")
        command = [sys.executable, "-m", "pip_audit", *options, "--requirement", str(HERE / lock)]
        done = subprocess.run(command, capture_output=True, text=True)
        lines, found = verdict(lock, done.stdout)
        print(*lines, sep="\n")
        if not done.stdout:
            print(*done.stderr.splitlines()[-1:], sep="\n")
        code = max(code, found) if 1 not in (code, found) else 1
    return code


def verdict(lock: str, report: str) -> tuple[list[str], int]:
    """Return what to print about one lock file, and its exit code."""
    try:
        packages: Sequence[dict[str, Any]] = json.loads(report)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        return [f"{lock}: not audited, the database of vulnerabilities cannot be reached"], 2
    audited = [package for package in packages if "skip_reason" not in package]
    hurt = [package for package in audited if package["vulns"]]
    lines = [f"{lock}: {package['name']} {package['version']}: {_named(package['vulns'])}" for package in hurt]
    if hurt:
        return lines, 1
    if len(audited) < len(packages):
        missing = f"{len(packages) - len(audited)} of {len(packages)} packages"
        return [f"{lock}: not audited, the database of vulnerabilities does not answer for {missing}"], 2
    return [f"{lock}: {len(audited)} packages without known vulnerabilities"], 0


def _named(vulnerabilities: Sequence[dict[str, Any]]) -> str:
    fixes = [f"{one['id']} (fixed in {', '.join(one['fix_versions']) or 'no release'})" for one in vulnerabilities]
    return ", ".join(fixes)


if __name__ == "__main__":
    sys.exit(main())
