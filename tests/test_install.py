"""``scripts/install.py`` installs what was locked, whatever the index has got since, by any pip and by uv."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from support import environment

UV = Path(sys.executable).with_name("uv")


def wheel(folder: Path, name: str, version: int, *metadata: str) -> str:
    """A line of a requirements file for the wheel that is written."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version}")
        archive.writestr(
            f"{info}/METADATA", "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata])
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the pip that Python brings."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=True)
    return folder


@pytest.fixture
def locked(project: Path, fresh: Path, tmp_path: Path) -> Path:
    """A project that locked ``tiny`` 1, which ``asker`` wants with an extra; the index has ``tiny`` 2 by now."""
    index, folder = tmp_path / "index", tmp_path / "a project"
    index.mkdir()
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(project / "scripts/install.py", folder / "scripts")
    lines = wheel(index, "asker", 1, "Requires-Dist: tiny[more]") + wheel(index, "tiny", 1, "Provides-Extra: more")
    (folder / "requirements.txt").write_text(lines)
    (folder / "requirements-build.txt").write_text("")
    wheel(index, "tiny", 2, "Provides-Extra: more")
    shutil.copytree(fresh, folder / ".venv", symlinks=True)
    return folder


def install(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """With the index named by the user's own settings of pip."""
    settings = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder.parent / "index"),
        "PIP_CONFIG_FILE": "/dev/null",
    } | settings
    command = [folder / ".venv/bin/python", "scripts/install.py", "requirements.txt"]
    env = environment({"PYTHONPATH": None, **settings}, timed=True)
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def versions(folder: Path) -> list[str]:
    found = folder.glob(".venv/lib/python3*/site-packages/*.dist-info")
    return sorted(path.name.removesuffix(".dist-info") for path in found if path.name.startswith(("asker", "tiny")))


def test_the_pip_that_python_brings(locked: Path) -> None:
    done = install(locked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert versions(locked) == ["asker-1", "tiny-1"]
    assert done.stdout.startswith("  by pip, which takes some minutes: there is no uv")


@pytest.mark.skipif(not UV.exists(), reason="uv has no wheel for this machine, where pip installs instead")
def test_uv_by_the_settings_of_pip(locked: Path) -> None:
    shutil.copy(UV, locked / ".venv/bin/uv")
    done = install(locked)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert versions(locked) == ["asker-1", "tiny-1"]
    unknown = install(locked, PIP_CLIENT_CERT="/dev/null")
    assert unknown.returncode == 0, unknown.stderr
    assert "by pip, which takes some minutes: pip is configured with client-cert, which uv has not" in unknown.stdout


@pytest.fixture
def script(project: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", project / "scripts/install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_uv_by_a_configuration_file_of_several_lines(locked: Path) -> None:
    """Folders a line each, one of them gone; a constraint, ``user`` and uv's own settings that would lead elsewhere."""
    (locked.parent / "none.txt").write_text("tiny==2\n")
    (locked.parent / "pip.conf").write_text(
        f"[global]\nfind-links =\n    {locked.parent}/gone\n    {locked.parent}/index\nno-index = yes\nuser = true\n"
        f"constraint = {locked.parent}/none.txt\nrequire-virtualenv = true\n"
    )
    (locked / "uv.toml").write_text('exclude-newer = "2006-12-02"\n[pip]\ntarget = "elsewhere"\n')
    settings = {
        "PIP_CONFIG_FILE": str(locked.parent / "pip.conf"),
        "PIP_FIND_LINKS": "",
        "PIP_NO_INDEX": "",
        "UV_NO_BINARY": "1",
    }
    by_pip = install(locked, **settings)
    assert by_pip.returncode == 0, by_pip.stderr
    assert versions(locked) == ["asker-1", "tiny-1"]
    command = [locked / ".venv/bin/python", "-m", "pip", "uninstall", "--quiet", "--yes", "asker", "tiny"]
    subprocess.run(command, check=True, capture_output=True)
    if UV.exists():
        shutil.copy(UV, locked / ".venv/bin/uv")
        done = install(locked, **settings)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert versions(locked) == ["asker-1", "tiny-1"]


def test_settings_of_pip_as_uv_takes_them(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/dev/null")
    monkeypatch.setenv("UV_TARGET", "/elsewhere")
    monkeypatch.setenv("UV_CACHE_DIR", "/a/cache")
    settings = {
        "index-url": "https://u:secret@one/simple",
        "extra-index-url": "https://two/simple file:///gone/simple https://three/simple",
        "default-timeout": "180",
        "proxy": "http://u:secret@proxy:1",
    }
    variables = script.uv_environment(settings)
    assert variables["UV_DEFAULT_INDEX"] == "https://u:secret@one/simple"
    assert variables["UV_INDEX"] == "https://two/simple https://three/simple"
    assert variables["UV_HTTP_TIMEOUT"] == "180"
    assert variables["HTTPS_PROXY"] == variables["ALL_PROXY"] == "http://u:secret@proxy:1"
    assert variables["SSL_CERT_FILE"] == "/dev/null"
    assert "UV_TARGET" not in variables
    assert variables["UV_CACHE_DIR"] == "/a/cache"
    assert script.uv_options(settings) == [], "arguments are read by everybody on the machine"
    assert script.uv_environment({"cert": "/dev/zero"})["SSL_CERT_FILE"] == "/dev/zero"


def test_a_password_with_an_at_sign_is_masked(script: ModuleType) -> None:
    assert (
        script.masked("from https://user:se@cret@host/simple/x, at me@host")
        == "from https://***@host/simple/x, at me@host"
    )


@pytest.mark.slow
@pytest.mark.parametrize("pip", ["pip==22.3.1", "pip"], ids=["oldest", "newest"])
def test_the_oldest_pip_promised_and_the_newest(locked: Path, pip: str) -> None:
    python = locked / ".venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--upgrade", pip], check=True, capture_output=True)
    done = install(locked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert versions(locked) == ["asker-1", "tiny-1"]


def test_a_package_that_is_missing_from_the_lock_is_named(locked: Path) -> None:
    """Nothing is resolved, so what fits together is checked afterwards."""
    first, _ = (locked / "requirements.txt").read_text().splitlines()
    (locked / "requirements.txt").write_text(f"{first}\n")
    done = install(locked)
    assert done.returncode == 1
    assert "asker 1 requires tiny, which is not installed." in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Expected packages that fit each other; received the above.")


def test_an_index_with_a_password_is_named_without_it(locked: Path) -> None:
    (locked.parent / "index/tiny-1-py3-none-any.whl").unlink()
    done = install(locked, PIP_INDEX_URL="http://user:secret@127.0.0.1:9/simple", PIP_NO_INDEX="0", PIP_RETRIES="0")
    assert done.returncode == 1
    assert "tiny==1" in done.stderr
    assert "secret" not in done.stdout + done.stderr
    shutil.copy(UV, locked / ".venv/bin/uv")
    by_uv = install(locked, PIP_INDEX_URL="http://user:secret@127.0.0.1:9/simple", PIP_NO_INDEX="0", PIP_RETRIES="0")
    assert "secret" not in by_uv.stdout + by_uv.stderr


def test_an_altered_package_is_refused(locked: Path) -> None:
    with zipfile.ZipFile(locked.parent / "index/tiny-1-py3-none-any.whl", "a") as archive:
        archive.writestr("altered.py", "")
    done = install(locked)
    assert done.returncode == 1
    assert "tiny-1" in done.stderr
    assert versions(locked) == []
