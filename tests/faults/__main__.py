"""Break things on purpose: ``python -m tests.faults --profile quick|full [--seed N] [--only NAME]``."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.stage import FAULTS
from tests.faults.suite import SEED, repeat


def main() -> int:
    """Do the faults one after the other; 0 if every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Break a server in every way we know.")
    parser.add_argument("--profile", choices=["quick", "full"], default="quick")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed is another run")
    parser.add_argument("--only", action="append", choices=list(FAULTS), help="this fault alone; may be given again")
    options = parser.parse_args()
    failed = 0
    for name in options.only or FAULTS:
        fault = FAULTS[name]
        count = fault.quick if options.profile == "quick" else fault.full
        folder = Path(tempfile.mkdtemp(prefix=f"chat-fault-{name}-"))
        began = time.monotonic()
        try:
            report = fault.run(folder, f"{options.seed} {name}", count)
            findings = [f"{finding.invariant} {finding.text}" for finding in report.findings]
            figures = ", ".join(f"{value} {key}" for key, value in report.figures.items())
        except Exception as error:  # noqa: BLE001 - the other faults are done all the same
            findings, figures = [f"{type(error).__name__}: {error}"], ""
        verdict = "kept" if not findings else "BROKEN"
        sys.stdout.write(f"{verdict:6} {name:12} {time.monotonic() - began:5.0f} s  {figures}\n       {fault.what}\n")
        if findings:
            failed += 1
            again = repeat(name, options.seed, options.profile)
            sys.stdout.write("".join(f"       {line}\n" for line in findings[:20]))
            sys.stdout.write(f"       again: {again}\n       its files: {folder}\n")
        else:
            shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.flush()
    sys.stdout.write(f"seed {options.seed}, profile {options.profile}: {failed} broken\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
