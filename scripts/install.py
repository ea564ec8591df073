"""Install locked requirements into the environment of this Python: ``.venv/bin/python scripts/install.py <file> ...``.

The files are complete and carry hashes, so nothing is resolved: what was locked is installed, whatever the index has
got since. By uv, several times as fast as pip; by pip where uv cannot. Both read the index, the proxy and the
certificates from pip's configuration. Standard library only.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip"]
LOCKED = ["install", "--no-deps", "--require-hashes"]
UV_VARIABLES = {
    "index-url": ("UV_DEFAULT_INDEX",),
    "extra-index-url": ("UV_INDEX",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "cert": ("SSL_CERT_FILE",),
    "proxy": ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy", "https_proxy"),
    "timeout": ("UV_HTTP_TIMEOUT",),
    "default-timeout": ("UV_HTTP_TIMEOUT",),
}
"""Variables, because everybody on a machine can read the arguments of a process, and an index may hold a password."""
UV_KEEPS = (
    "UV_CACHE_DIR",
    "UV_CONCURRENT_",
    "UV_HTTP_",
    "UV_LINK_MODE",
    "UV_NATIVE_TLS",
    "UV_NO_CACHE",
    "UV_SYSTEM_CERTS",
)
"""Of the user's variables of uv, those that don't change what is installed, from where or whereto."""
NEUTRAL = {"PIP_CONSTRAINT": os.devnull, "PIP_NO_DEPS": "0", "PIP_REQUIRE_HASHES": "0", "PIP_USER": "0"}
"""Over the user's configuration of pip, which could change what is installed or whereto."""
HARMLESS = (
    *("break-system-packages", "cache-dir", "config-file", "constraint", "disable-pip-version-check", "exists-action"),
    *("log", "no-cache-dir", "no-color", "no-compile", "no-deps", "no-input", "no-python-version-warning"),
    *("no-warn-script-location", "prefer-binary", "progress-bar", "quiet", "require-hashes", "require-virtualenv"),
    *("retries", "root-user-action", "upgrade", "upgrade-strategy", "user", "verbose"),
)
KNOWN = {*UV_VARIABLES, *HARMLESS, "find-links", "no-index"}


def main() -> None:
    """Install the files that the command line names, or say in one line why not."""
    os.environ.update(NEUTRAL)
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
    settings = pip_settings()
    unknown = sorted(settings.keys() - KNOWN)
    if unknown:
        return f"pip is configured with {', '.join(unknown)}, which uv has not"
    command: list[str | Path] = [uv, "pip", *LOCKED, "--no-config", f"--python={sys.executable}"]
    command += ["--index-strategy=unsafe-best-match", *uv_options(settings), *files]
    with subprocess.Popen(
        command, env=uv_environment(settings), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        lines = []
        try:
            for line in process.stderr or ():
                lines.append(line)
                if line.startswith("Downloading") or (sys.stdout.isatty() and line.startswith("Installed")):
                    print(f"  {line.rstrip()}", flush=True)
        except KeyboardInterrupt:
            process.terminate()
            raise
    return last_line("".join(lines), "it failed") if process.returncode else ""


def uv_options(settings: dict[str, str]) -> list[str]:
    """What uv has no variable for, or one that splits paths."""
    places = [expanded(word) for word in settings.get("find-links", "").split() if there(word)]
    no_index = settings.get("no-index", "").lower() in ("1", "true", "yes", "y", "on", "t")
    return [*(f"--find-links={place}" for place in places), *["--no-index"] * no_index]


def uv_environment(settings: dict[str, str]) -> dict[str, str]:
    """This process's variables with pip's settings in uv's place."""
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("UV_") or name.startswith(UV_KEEPS)
    }
    if "REQUESTS_CA_BUNDLE" in variables:  # as pip reads it, where no certificate is configured
        settings = {"cert": variables["REQUESTS_CA_BUNDLE"]} | settings
    for name in settings.keys() & UV_VARIABLES.keys():
        if places := [expanded(word) for word in settings[name].split() if there(word)]:
            variables |= dict.fromkeys(UV_VARIABLES[name], " ".join(places))
    return variables


def expanded(place: str) -> str:
    """With the home folder in place of ``~``."""
    return str(Path(place).expanduser()) if place.startswith("~") else place


def there(place: str) -> bool:
    """Whether pip would look there: it passes over folders that don't exist, where uv ends."""
    if place.startswith("file:"):
        return Path(urllib.request.url2pathname(urllib.parse.urlsplit(place).path)).exists()
    return not place.startswith(("/", "~", ".")) or Path(place).expanduser().exists()


def pip_settings() -> dict[str, str]:
    """What pip takes from its files and from the environment: of ``index-url``, say, the strongest value."""
    listed = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=False).stdout
    found = re.findall(r"(?m)^(global|install|:env:)\.([\w-]+)=(['\"].*)$", listed)
    strongest: dict[str, str] = {}
    for level in ("global", "install", ":env:"):
        values = {name: ast.literal_eval(value).strip() for kind, name, value in found if kind == level}
        strongest |= {name: value for name, value in values.items() if value}
    return strongest


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
    return re.sub(r"(?<=://)[^/\s]+@", "***@", text)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("interrupted: the same command begins again", file=sys.stderr)
        sys.exit(130)
