"""How much of each room the tests ran, after `pytest --cov`; exit code 2 below the floor of pyproject.toml."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path, PurePosixPath

from coverage import Coverage
from coverage.exceptions import NoDataError


def main() -> int:
    coverage = Coverage()
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        try:
            total = coverage.json_report(outfile=str(report))
        except NoDataError:
            print("There is no coverage data. Run: make coverage")
            return 1
        files = json.loads(report.read_text())["files"]
    covered, there = Counter[str](), Counter[str]()
    for name, facts in files.items():
        folder_name = PurePosixPath(name).parts[0] if "/" in name else "(top)"
        summary = facts["summary"]
        covered[folder_name] += summary["covered_lines"] + summary.get("covered_branches", 0)
        there[folder_name] += summary["num_statements"] + summary.get("num_branches", 0)
    for room in sorted(there):
        print(f"{room:<12} {100 * covered[room] / max(1, there[room]):5.1f} %  of {there[room]:,}")
    floor = float(coverage.get_option("report:fail_under") or 0)  # type: ignore[arg-type]
    print(f"{'all':<12} {total:5.1f} %  of {sum(there.values()):,}; at least {floor:g} % is asked for")
    return 2 if total < floor else 0


if __name__ == "__main__":
    raise SystemExit(main())
