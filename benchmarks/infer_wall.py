"""How long ``infer.py`` takes on the 10,000 test images, and ``train.py`` to answer without training.

Process start to exit, and the peak memory of each process. The model of the default configuration is trained first
where ``--artifacts`` does not hold it.
"""

from __future__ import annotations

import argparse
import sys

from common import ROOT, Child, machine, progress, run_child, spread, table, versions, write_results


def main() -> None:
    """Measure and write ``benchmarks/results/start_up.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--artifacts", default="artifacts", help="folder of the trained model")
    parser.add_argument("keys", nargs="*", help="more keys of train.py and infer.py")
    arguments = parser.parse_args()
    here = machine()
    keys = ["data=mnist", f"artifacts={arguments.artifacts}", *arguments.keys]
    train, infer = ROOT / "train.py", ROOT / "infer.py"
    run_child([sys.executable, train, "tracking_uri=null", *keys])
    commands = {
        "infer.py, 10,000 test images": ([sys.executable, infer, *keys], 0),
        "train.py --help": ([sys.executable, train, "--help"], 0),
        "train.py wrong_key=1": ([sys.executable, train, "wrong_key=1"], 2),
    }
    measured: dict[str, list[Child]] = {name: [] for name in commands}
    for number in range(arguments.runs + 1):
        for name, (command, code) in commands.items():
            child = run_child(command, expected=code)
            if number:
                measured[name].append(child)
                progress(f"{name:30} {child.seconds:.2f} s {child.peak_mib:.0f} MiB")
    rows = [
        [name, spread([run.seconds for run in runs], ".2f"), spread([run.peak_mib for run in runs])]
        for name, runs in measured.items()
    ]
    write_results(
        "start_up",
        "Start-up and inference",
        {"machine": here, "versions": versions("onnxruntime", "hydra-core", "numpy")},
        f"Process start to exit, {arguments.runs} runs after one that is not counted: median (least to greatest).",
        table(["command", "seconds", "peak memory, MiB"], rows),
    )


if __name__ == "__main__":
    main()
