"""Install locked requirements into the environment of this Python: ``.venv/bin/python scripts/install.py <file> ...``.

The files are complete and carry hashes, so nothing is resolved: what was locked is installed, whatever the index has
got since. By uv, several times as fast as pip; by pip where uv cannot. Both read the index, the proxy and the
certificates from pip's configuration. Standard library only.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip"]
LOCKED = ["install", "--no-deps", "--require-hashes"]
UV_OPTIONS = {"index-url": "--default-index", "extra-index-url": "--index", "find-links": "--find-links"}
UV_HOSTS = {"trusted-host": "--allow-insecure-host"}
UV_VARIABLES = {"cert": "SSL_CERT_FILE", "proxy": "ALL_PROXY", "timeout": "UV_HTTP_TIMEOUT"}
KNOWN = {*UV_OPTIONS, *UV_HOSTS, *UV_VARIABLES, "no-index", "constraint", "default-timeout", "retries"}
HARMLESS = {
    "config-file",
    "disable-pip-version-check",
    "progress-bar",
    "no-input",
    "cache-dir",
    "no-color",
    "quiet",
    "verbose",
}


def main() -> None:
    """Install the files that the command line names, or say in one line why not."""
    files = [f"--requirement={ROOT / name}" for name in sys.argv[1:]]
    reason = install_installer() or install_by_uv(files)
    if reason:
        print(f"  by pip, which takes some minutes: {reason}", flush=True)
        run([*PIP, *LOCKED, "--quiet", "--progress-bar=off", *files], "Expected pip to install the locked packages")
    run([*PIP, "check"], "Expected packages that fit each other")


def install_installer() -> str:
    """The locked uv and the build backend of this project; why there is no uv, where there is none."""
    locked = (ROOT / "requirements-build.txt").read_text()
    quiet = [*PIP, *LOCKED, "--quiet", "--only-binary=:all:"]
    done = subprocess.run([*quiet, "-r", ROOT / "requirements-build.txt"], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    without = re.sub(r"(?m)^uv==.*(\\\n.*)+\n?", "", locked)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(without)
        file.flush()
        run([*quiet, "-r", file.name], "Expected pip to install the locked build backend")
    return last_line(done.stderr, "no uv for this machine")


def install_by_uv(files: list[str]) -> str:
    """Empty, or why uv could not."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        return "there is no uv for this machine"
    settings = dict(pip_settings())
    unknown = sorted(settings.keys() - KNOWN - HARMLESS)
    if unknown:
        return f"pip is configured with {', '.join(unknown)}, which uv has not"
    command = [uv, "pip", *LOCKED, f"--python={sys.executable}", "--index-strategy=unsafe-best-match", *files]
    command += ["--no-index"] * (settings.get("no-index", "").lower() in ("1", "true", "yes", "on"))
    for name, option in (UV_OPTIONS | UV_HOSTS).items():
        for value in settings.get(name, "").split():
            if not value.startswith("file:") or Path(value.removeprefix("file://")).exists():
                command.append(f"{option}={value}")
    variables = {variable: settings[name] for name, variable in UV_VARIABLES.items() if name in settings}
    with subprocess.Popen(
        command, env=os.environ | variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        lines = []
        for line in process.stderr or ():
            lines.append(line)
            if line.startswith("Downloading") or (sys.stdout.isatty() and line.startswith("Installed")):
                print(f"  {line.rstrip()}", flush=True)
    return last_line("".join(lines), "it failed") if process.returncode else ""


def pip_settings() -> Iterator[tuple[str, str]]:
    """What pip would take from its files and from the environment, the stronger last: ``index-url``, its value."""
    listed = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=False).stdout
    found = re.findall(r"(?m)^(global|install|:env:)\.([\w-]+)='(.*)'$", listed)
    for level in ("global", "install", ":env:"):
        yield from ((name, value) for kind, name, value in found if kind == level)


def run(command: list[object], expected: str) -> None:
    """Run it, or end the program with the last lines of what it said."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        said = masked("\n".join((done.stdout + done.stderr).splitlines()[-20:]))
        sys.exit(f"{said}\n{expected}; received the above. Mend that and run the same command again.")


def last_line(text: str, otherwise: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("[notice]")]
    return masked(lines[-1]) if lines else otherwise


def masked(text: str) -> str:
    """Without the credentials of an index."""
    return re.sub(r"(?<=://)[^/@\s]+@", "***@", text)


if __name__ == "__main__":
    main()
