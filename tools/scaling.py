"""The step time that a ring all-reduce predicts, from parameters, bandwidth and latency.

``python -m tools.scaling`` prints the table of docs/scaling.md, where the formula and its source
are; ``--write`` puts it there.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

_PAGE = Path(__file__).parents[1] / "docs/scaling.md"


@dataclass(frozen=True)
class Cluster:
    """A model and the links between devices; times in seconds, bandwidth in bytes per second."""

    parameters: float = 100e6
    bytes_per_parameter: float = 4
    compute: float = 0.4
    bandwidth: float = 25e9
    latency: float = 5e-6

    def exchange(self, devices: int) -> float:
        """Seconds that summing the gradients over a ring of `devices` takes."""
        size = self.parameters * self.bytes_per_parameter
        return 2 * (devices - 1) * (size / devices / self.bandwidth + self.latency)

    def step(self, devices: int, fixed_batch: bool) -> float:
        """Seconds of one step, the whole batch of one size or one of that size per device."""
        return self.compute / (devices if fixed_batch else 1) + self.exchange(devices)


def table(cluster: Cluster, devices: list[int]) -> str:
    """The rows of the page, as Markdown."""
    lines = [
        "| devices | fixed batch (ms) | speed-up | batch per device (ms) | efficiency |",
        "|---:|---:|---:|---:|---:|",
    ]
    alone = cluster.step(1, True)
    for n in devices:
        fixed, growing = cluster.step(n, True), cluster.step(n, False)
        lines.append(
            f"| {n} | {fixed * 1e3:.1f} | {alone / fixed:.1f} | {growing * 1e3:.1f} "
            f"| {alone / growing:.0%} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in vars(Cluster()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=default)
    parser.add_argument("--write", action="store_true", help="put the table into docs/scaling.md")
    given = vars(parser.parse_args())
    write = given.pop("write")
    text = table(Cluster(**given), [1] + [2**k for k in range(1, 13)])
    if write:
        page = re.sub(
            r"(?s)(<!-- scaling:begin -->\n).*(<!-- scaling:end -->)",
            lambda found: f"{found[1]}{text}\n{found[2]}",
            _PAGE.read_text(encoding="utf-8"),
        )
        _PAGE.write_text(page, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
