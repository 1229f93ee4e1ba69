"""Run the benchmarks named on the command line, or all of them, one after another.

Each runs as its own process, so that none pays for what another left in memory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run each benchmark in turn; return 1 where one failed."""
    known = sorted(p.stem for p in HERE.glob("*.py") if not p.stem.startswith("_"))
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="Examples: `python -m benchmarks`, `python -m benchmarks gateway spawn`. What each "
        "measures and what it can be told is in its first lines; results are kept as JSON.",
    )
    parser.add_argument("name", nargs="*", help=f"one or more of {', '.join(known)}")
    wanted = parser.parse_args().name or known
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
    failed = []
    for name in wanted:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
