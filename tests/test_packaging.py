"""The lock, the requirements file, the wheel and the two commands of the Makefile."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from PIL import Image, ImageDraw
from support import Run, environment

SCRIPTS = {
    "mnist-etc": "mnist_etc.__main__:main",
    "mnist-etc-train": "mnist_etc.__main__:script",
    "mnist-etc-autoencoder": "mnist_etc.__main__:script",
    "mnist-etc-classifier": "mnist_etc.__main__:script",
    "mnist-etc-supervised": "mnist_etc.__main__:script",
    "mnist-etc-sweep": "mnist_etc.__main__:script",
    "mnist-etc-labels": "mnist_etc.__main__:script",
    "mnist-etc-copy": "mnist_etc.__main__:script",
    "mnist-etc-infer": "mnist_etc.__main__:script",
    "mnist-etc-reconstruct": "mnist_etc.__main__:script",
    "mnist-etc-audit": "mnist_etc.__main__:script",
    "mnist-etc-export": "mnist_etc.__main__:script",
    "mnist-etc-serve": "mnist_etc.__main__:script",
    "mnist-etc-tune": "mnist_etc.__main__:script",
    "mnist-etc-mlflow": "mnist_etc.__main__:script",
    "mnist-etc-few_labels": "mnist_etc.__main__:script",
    "mnist-etc-service": "mnist_etc.__main__:script",
    "mnist-etc-drift": "mnist_etc.__main__:script",
    "perf_analyzer": "mnist_etc.serving.perf:main",
}
PLATFORMS = [
    {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": system, "platform_system": name}
    for python in ("3.11", "3.12", "3.13")
    for system, name in (("linux", "Linux"), ("darwin", "Darwin"), ("win32", "Windows"))
]
REQUIREMENTS = ("requirements.txt", "requirements-build.txt", "requirements-dev.txt")
GDRIVE = "requirements-gdrive.txt"
"""An environment of its own."""
Pins = dict[str, tuple[frozenset[str], frozenset[str]]]


def locked(project: Path) -> Pins:
    """``name==version`` to its platforms and hashes, for what the lock installs without extras."""
    pins: Pins = {}
    for package in tomllib.loads((project / "poetry.lock").read_text())["package"]:
        if package["optional"]:
            continue
        markers = package.get("markers", "")
        if isinstance(markers, dict):
            of_groups = [markers.get(group, "") for group in package["groups"]]
            markers = " or ".join(f"({marker})" for marker in of_groups) if all(of_groups) else ""
        hashes = frozenset(file["hash"] for file in package["files"])
        pins[f"{package['name']}=={package['version']}"] = (platforms(markers), hashes)
    return pins


def exported(project: Path) -> Pins:
    """The same of the requirements files together."""
    pins: Pins = {}
    for file in REQUIREMENTS:
        for line in (project / file).read_text().replace("\\\n", " ").splitlines():
            words, *hashes = line.split(" --hash=")
            requirement = Requirement(words.strip())
            name = f"{requirement.name}{requirement.specifier}"
            where = platforms(str(requirement.marker or "")) | pins.get(name, (frozenset(), None))[0]
            pins[name] = (where, frozenset(word.strip() for word in hashes))
    return pins


def platforms(marker: str) -> frozenset[str]:
    """The Pythons and systems of `PLATFORMS` on which ``marker`` holds."""
    chosen = [p for p in PLATFORMS if not marker or Marker(marker).evaluate(p | {"extra": ""})]
    return frozenset(f"{p['python_version']} {p['sys_platform']}" for p in chosen)


def test_requirements_name_what_the_lock_names(project: Path) -> None:
    lock, requirements = locked(project), exported(project)
    assert len(lock) > 100
    assert requirements.keys() == lock.keys()
    for name, (where, hashes) in requirements.items():
        assert hashes == lock[name][1], f"{name}: run make lock"
        assert hashes, f"{name} without a hash"
        assert where == lock[name][0], f"{name}: run make lock"


def test_every_platform_has_one_version_of_each_package(project: Path) -> None:
    versions = defaultdict(list)
    for pin, (where, _) in exported(project).items():
        for platform in where:
            versions[pin.partition("==")[0], platform].append(pin)
    assert [pins for pins in versions.values() if len(pins) > 1] == []


def test_lock_and_requirements_name_no_host(project: Path) -> None:
    lock = tomllib.loads((project / "poetry.lock").read_text())
    assert [package["name"] for package in lock["package"] if "source" in package] == []
    assert [f for package in lock["package"] for f in package["files"] if f.keys() != {"file", "hash"}] == []
    text = "".join((project / name).read_text() for name in (*REQUIREMENTS, GDRIVE))
    assert re.findall(r"(?m)^\s*-(?!-hash=).*|https?://\S*|file:\S*", text) == []
    assert "source" not in tomllib.loads((project / "pyproject.toml").read_text())["tool"]["poetry"]


def test_google_drive_has_a_lock_of_its_own_and_holds_nobody_back(project: Path) -> None:
    lines = (project / GDRIVE).read_text().replace("\\\n", " ").splitlines()
    pins = {requirement.name: requirement for line in lines if (requirement := Requirement(line.split(" --hash=")[0]))}
    assert all(" --hash=sha256:" in line for line in lines)
    asked = [line for line in (project / "requirements-gdrive.in").read_text().splitlines() if line[0] != "#"]
    for wanted in map(Requirement, asked):
        version = str(pins[wanted.name].specifier).removeprefix("==")
        assert wanted.specifier.contains(version), wanted
    packages = tomllib.loads((project / "poetry.lock").read_text())["package"]
    everybody = {package["name"]: package["version"] for package in packages}
    assert not {"dvc-gdrive", "pydrive2", "pyopenssl"} & everybody.keys()
    held = str(pins["cryptography"].specifier).removeprefix("==")
    assert int(everybody["cryptography"].partition(".")[0]) > int(held.partition(".")[0])
    assert everybody["dvc"] == str(pins["dvc"].specifier).removeprefix("=="), "one DVC"


@pytest.mark.slow
def test_poetry_finds_the_lock_in_step_with_pyproject(project: Path, tmp_path: Path) -> None:
    poetry = project / ".venv-poetry/bin/poetry"
    if not poetry.exists():
        venv.create(tmp_path / "poetry", with_pip=True)
        poetry = tmp_path / "poetry/bin/poetry"
        pip = [poetry.with_name("python"), "-m", "pip", "install", "--quiet", "poetry >=2.5,<3"]
        subprocess.run(pip, check=True, capture_output=True, text=True)
    for name in ("pyproject.toml", "poetry.lock", "README.md", "LICENSE"):
        shutil.copy(project / name, tmp_path)
    for name in ("mnist_etc", "train_"):
        (tmp_path / name).mkdir()
    check = [poetry, "check", "--lock", "--strict", "--no-interaction"]
    done = subprocess.run(check, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@pytest.fixture(scope="session")
def wheel(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree with nothing fetched."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(project / name, source)
    for name in ("mnist_etc", "train_", "conf"):
        shutil.copytree(project / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    build = "import sys; from poetry.core.masonry.api import *; build_sdist(sys.argv[1]); build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, built], cwd=source, env=environment(), check=True, capture_output=True)
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bin/`` of an environment with the wheel; its dependencies come from the environment of these tests."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel]
    subprocess.run(pip, check=True, capture_output=True, env=environment({"PYTHONPATH": None}))
    dependencies = Path(pytest.__file__).parents[1]
    (site / "dependencies.pth").write_text(f"import sys; sys.path.append({str(dependencies)!r})\n")
    return folder / "bin"


def test_wheel_and_sdist_carry_code_and_configuration(project: Path, wheel: Path) -> None:
    expected = {
        str(path.relative_to(project))
        for name, ending in (
            ("mnist_etc", "*.py"),
            ("mnist_etc", "py.typed"),
            ("mnist_etc/pretrained", "*.json"),
            ("mnist_etc/pretrained", "*.onnx"),
            ("mnist_etc/labels/page/static", "*"),
            ("mnist_etc/service/static", "*"),
            ("train_", "*.py"),
            ("train_", "py.typed"),
            ("conf", "*.yaml"),
        )
        for path in (project / name).rglob(ending)
        if path.is_file() and path.suffix != ".md"
    }
    assert len([name for name in expected if name.endswith(".yaml")]) >= 11
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name and not name.endswith(".md")}
        assert names == expected
        assert b"hid_dim:" in archive.read("conf/autoencoder/default.yaml")
    (sdist,) = wheel.parent.glob("*.tar.gz")
    listed = subprocess.run(["tar", "tzf", sdist], check=True, capture_output=True, text=True).stdout.split()
    assert expected <= {name.partition("/")[2] for name in listed}


def test_console_commands_answer_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    for words in (
        ["python", "-m", "mnist_etc"],
        ["python", "-m", "mnist_etc", "train", "--cfg", "job"],
        ["python", "-m", "mnist_etc", "infer", "--help"],
        ["mnist-etc"],
        ["mnist-etc-train", "--cfg", "job"],
        ["mnist-etc-autoencoder", "--cfg", "job"],
        ["mnist-etc-classifier", "--cfg", "job"],
        ["mnist-etc-infer", "--cfg", "job"],
        ["mnist-etc-export", "--cfg", "job"],
        ["mnist-etc-serve", "--cfg", "job"],
        ["mnist-etc-tune", "--cfg", "job"],
    ):
        command = [str(installed / words[0]), *words[1:]]
        clean = environment({"PYTHONPATH": None}, timed=True)
        done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), f"{words}: {done.stderr}"
        assert done.stdout, words
    assert list(tmp_path.iterdir()) == []


def test_a_digit_is_read_before_anything_is_trained(installed: Path, tmp_path: Path) -> None:
    """By the installed command, in an empty folder, with an empty home."""
    digit = Image.new("L", (300, 200), 230)
    ImageDraw.Draw(digit).line([(120, 40), (180, 40), (140, 160)], fill=60, width=9, joint="curve")
    digit.save(tmp_path / "seven.png")
    env = environment({"PYTHONPATH": None, "HOME": str(tmp_path / "home"), "MNIST_ETC_DATA": None}, timed=True)
    command = [str(installed / "mnist-etc-infer"), "seven.png"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    first, answer, *_ = done.stdout.splitlines()
    assert first.startswith("model=pretrained")
    assert answer.startswith("seven.png: 7 (")
    assert {path.name for path in tmp_path.iterdir()} == {"seven.png", "artifacts"}


def test_this_environment_has_the_console_scripts_of_pyproject(project: Path) -> None:
    assert tomllib.loads((project / "pyproject.toml").read_text())["project"]["scripts"] == SCRIPTS
    found = importlib.metadata.distribution("mnist-etc").entry_points.select(group="console_scripts")
    assert {point.name: point.value for point in found} == SCRIPTS


def test_module_lists_the_commands_at_once(run: Run) -> None:
    done = run("-X", "importtime", "-m", "mnist_etc", timed=True)
    assert done.returncode == 0
    assert importlib.metadata.version("mnist-etc") in done.stdout
    for word in ("train", "autoencoder", "classifier", "infer", "reconstruct", "audit"):
        assert re.search(rf"(?m)^  {word} +\w", done.stdout)
    assert not re.search(r"\b(tensorflow|keras|hydra|numpy|train_)\b", done.stderr)
    assert done.seconds < 1


def test_module_refuses_an_unknown_command_in_one_line(run: Run) -> None:
    done = run("-m", "mnist_etc", "trian")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "received 'trian'" in done.stderr
    assert "train, autoencoder, classifier, supervised" in done.stderr


def test_module_hands_arguments_and_exit_code_on(run: Run) -> None:
    done = run("-m", "mnist_etc", "infer", "hid_dimm=3")
    assert (done.returncode, done.stdout) == (2, "")
    assert "hid_dimm" in done.stderr
    assert done.stderr.count("\n") == 1
    shown = run("-m", "mnist_etc", "autoencoder", "hid_dim=7", "--cfg", "job")
    assert shown.returncode == 0
    assert "hid_dim: 7\n" in shown.stdout
