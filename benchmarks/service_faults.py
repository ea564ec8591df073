"""The HTTP service under bodies that schemathesis makes of its OpenAPI, and under damaged files: no 5xx, no growth.

Damaged files are good ones of each format with bytes changed, cut out, doubled or put from one into another.
"""

from __future__ import annotations

import argparse
import gzip
import io
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import http_load
import numpy as np
from common import machine, progress, table, versions, write_results
from PIL import Image
from service import PORT, images, ours, write_requests

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
WARM = 100
"""Cases of each operation before memory is read: what the first answers load stays."""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def good_files() -> list[bytes]:
    """One of each format."""
    raw = images()[:3]
    large = np.asarray(Image.fromarray(255 - raw[0]).resize((120, 90)))
    found = []
    for kind in FORMATS:
        for image in (raw[0], large):
            file = io.BytesIO()
            Image.fromarray(image).save(file, kind)
            found.append(file.getvalue())
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, images=raw)
        found.append(file.getvalue())
    file = io.BytesIO()
    np.save(file, raw)
    idx = b"\0\0\x08\x03" + np.array(raw.shape, ">u4").tobytes() + raw.tobytes()
    return [*found, file.getvalue(), idx, gzip.compress(idx)]


def damaged(files: list[bytes], count: int) -> list[bytes]:
    """So many, the same in every run."""
    chance, made = random.Random(0), []
    for _ in range(count):
        content = bytearray(chance.choice(files))
        for _ in range(chance.randint(1, 4)):
            at, other = chance.randrange(len(content) + 1), chance.choice(files)
            match chance.randrange(4):
                case 0 if at < len(content):
                    content[at] = chance.randrange(256)
                case 1:
                    del content[at : at + chance.randrange(1, 64)]
                case 2:
                    content[at:at] = content[at : at + chance.randrange(1, 64)]
                case _:
                    start = chance.randrange(len(other))
                    content[at : at + 32] = other[start : start + 32]
        made.append(bytes(content))
    return made


def resident(process: int) -> float:
    """MiB now."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    assert found
    return int(found[1]) / 1024


def schemathesis(cases: int) -> tuple[int, str]:
    """Its exit code, and the last lines of what it says."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{PORT}/openapi.json"]
    command += ["--max-examples", str(cases), "--phases", "fuzzing", "--checks", CHECKS, "--seed", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr)[-1200:]


def main() -> None:
    """Ask, and write ``benchmarks/results/service_faults.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--cases", type=int, default=10_000, help="of schemathesis for each of the two operations")
    given = parser.parse_args()
    rows, statuses = [], Counter[int]()
    with tempfile.TemporaryDirectory() as name, ours(Path(sys.executable)) as (process, _):
        path = Path(name, "damaged")
        write_requests(
            path, "/v1/classify?explain=true", "application/octet-stream", damaged(good_files(), given.files)
        )
        requests = http_load.read_requests(path)
        http_load.run(PORT, -len(requests) / 10, 8, 0, requests)
        memory = [resident(process)]
        for _ in range(2):
            told = http_load.run(PORT, -len(requests) / 2, 8, 0, requests)
            statuses.update({int(key): count for key, count in dict(told["statuses"]).items()})  # type: ignore[call-overload]
            memory.append(resident(process))
            progress(f"{statuses} {memory}")
        counts = ", ".join(f"{one}: {statuses[one]:,}" for one in sorted(statuses))
        rows.append(["damaged files", f"{given.files:,}", counts, f"{memory[0]:.0f} to {memory[-1]:.0f}"])
        if given.cases:
            schemathesis(WARM)
            before = resident(process)
            code, said = schemathesis(given.cases)
            progress(said)
            outcome = "no 5xx, nothing but what it states" if code == 0 else f"exit code {code}"
            rows.append(["schemathesis", f"{2 * given.cases:,}", outcome, f"{before:.0f} to {resident(process):.0f}"])
        http_load.run(PORT, -100, 1, 0, requests[:1])
    write_results(
        "service_faults",
        "The HTTP service under bad input",
        {"machine": machine(), "versions": versions("fastapi", "uvicorn", "pillow", "schemathesis")},
        __doc__ or "",
        table(["what", "requests", "answers by status", "MiB resident, first to last"], rows),
    )
    if any(status >= 500 or status == 0 for status in statuses):
        sys.exit("Expected no 5xx and no lost connection.")


if __name__ == "__main__":
    main()
