"""The page that draws a training, in a real browser, beside a real training in R."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ENVIRONMENT, ROOT
from PIL import Image
from playwright.sync_api import Browser, Page, expect

pytest_plugins = ("tests.browser",)

WIDTH = 300

#: Least contrast of text with what is behind it, for readers with weak eyes (WCAG 2, level AA).
CONTRAST = 4.5


@dataclass
class Trained:
    """What R says of the training that the page shows."""

    address: str
    process: subprocess.Popen[str]

    def history(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def trained() -> Iterator[Trained]:
    environment = {"R_LIBS": str(ROOT / ".r-lib"), "KERAS_BACKEND": "jax"}
    environment["RETICULATE_PYTHON"] = os.environ.get(
        "RETICULATE_PYTHON", str(ROOT / ".venv/bin/python")
    )
    process = subprocess.Popen(
        ["Rscript", str(Path(__file__).with_name("training.R"))],
        env={**ENVIRONMENT, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Trained(process.stdout.readline().strip(), process)
    finally:
        process.communicate("\n", timeout=60)


@pytest.fixture(scope="module")
def page(browser: Browser, trained: Trained) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": WIDTH, "height": 600})
    page.asked = []  # type: ignore[attr-defined]
    page.on("request", lambda request: page.asked.append(request.url))  # type: ignore[attr-defined]
    page.goto(trained.address)
    yield page
    page.close()


def field(page: Page, name: str) -> Any:
    return page.locator(f'[data-field="{name}"]')


def test_the_page_follows_the_training_and_its_button_ends_it(page: Page, trained: Trained) -> None:
    expect(field(page, "model")).to_have_text("iris")
    expect(field(page, "status")).to_have_text("training")
    line = page.locator("figure[data-metric=loss] [data-line=training]")
    later(page, 2)
    before = line.get_attribute("d")
    later(page, later(page, 0))
    assert line.get_attribute("d") != before
    expect(field(page, "batch")).to_have_text(re.compile(r"^[0-4] of 4$"))
    assert re.fullmatch(r"[\d.]+ (batches/s|s/batch)", field(page, "speed").inner_text())
    assert re.fullmatch(r"[\d.:]+ (s|min|h)", field(page, "left").inner_text())
    assert page.locator("#legend").is_visible()

    page.get_by_role("button", name="Stop").click()
    history = trained.history()
    assert history["interrupted"] is True
    expect(field(page, "status")).to_have_text("interrupted")
    expect(page.get_by_role("button")).to_be_hidden()
    epoch = history["interrupted_at"]["epoch"]
    expect(field(page, "epoch")).to_have_text(f"{epoch} of 1000")

    # Each epoch that has ended is a point, at the height of its value.
    for name, values in history["metrics"].items():
        metric, data = name.removeprefix("val_"), "training"
        if name.startswith("val_"):
            data = "validation"
        else:
            values = values[: epoch - 1]
        points = page.locator(f"figure[data-metric={metric}] [data-point={data}]")
        heights = points.evaluate_all("points => points.map(p => +p.getAttribute('cy'))")
        assert len(heights) == len(values) == epoch - 1
        assert order(heights) == order([-value for value in values])
    shown = page.locator("figure[data-metric=loss] [data-value=validation]").inner_text()
    # four digits are shown
    assert float(shown.split()[1]) == pytest.approx(history["metrics"]["val_loss"][-1], rel=1e-3)

    # Nothing is asked of anybody else, and no metrics any more once the training has ended.
    server = trained.address.rpartition("/training-")[0]
    asked = page.asked  # type: ignore[attr-defined]
    assert {url for url in asked if not url.startswith(server)} == set()
    count = len(asked)
    page.wait_for_timeout(600)
    assert len(asked) == count


def later(page: Page, epoch: int) -> int:
    """Wait for an epoch after `epoch`; which it is."""
    told = 'parseInt(document.querySelector("[data-field=epoch]").textContent)'
    return int(page.wait_for_function(f"past => {told} > past && {told}", arg=epoch).json_value())


def order(values: list[float]) -> list[int]:
    """The ranks of `values` at the page's precision, a tenth of a pixel."""
    return [int(rank) for rank in np.argsort(np.argsort(np.round(values, 4), kind="stable"))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_can_be_read_in_a_narrow_pane(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH
    texts = page.evaluate(TEXTS)
    assert min(text["size"] for text in texts) >= 11
    assert {text["text"]: text["contrast"] for text in texts if text["contrast"] < CONTRAST} == {}
    # Letters and lines stay within the page.
    assert [text["text"] for text in texts if text["left"] < 0 or text["right"] > WIDTH] == []

    image = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"), float)
    assert image.shape[1] == WIDTH
    corner = image[0, 0]
    assert (corner > 230) == (scheme == "light")
    assert (corner < 40) == (scheme == "dark")
    # The panels of loss and accuracy, as wide as the pane lets them be.
    panel = image[:, WIDTH // 2 :]
    rows = np.abs(panel - corner).max(axis=1) > 8
    assert rows.sum() > 200


TEXTS = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const page = getComputedStyle(document.body).backgroundColor;
  return [...document.querySelectorAll("h1, dt, dd, b, span, svg text")]
    .filter((element) => element.textContent && element.getClientRects().length)
    .map((element) => {
      const style = getComputedStyle(element), box = element.getBoundingClientRect();
      const colour = element.tagName === "text" ? style.fill : style.color;
      const [low, high] = [light(colour), light(page)].sort((a, b) => a - b);
      return {
        text: element.textContent, size: parseFloat(style.fontSize), left: box.left,
        right: box.right, contrast: (high + 0.05) / (low + 0.05),
      };
    });
}"""


def test_a_page_in_a_folder_needs_no_server(browser: Browser, tmp_path: Path) -> None:
    shutil.copy(ROOT / "inst/view/metrics.html", tmp_path / "index.html")
    state = {
        "at": 1, "status": "training", "model": "<b>a name</b>", "epoch": 2, "epochs": 3,
        "batch": 0, "batches": None, "speed": 0.5, "seconds": 3725.0, "left": None, "done": 0.5,
        "stop": None,
        "panels": [{
            "metric": "loss", "data": {"training": {"epoch": [1, 2], "value": ["NaN", 0.25]}},
            "trail": {"epoch": [], "value": []}, "now": {"training": "Inf"},
        }],
    }  # fmt: skip
    data = tmp_path / "metrics.js"
    data.write_text(f"training({json.dumps(state)})")
    page = browser.new_page(viewport={"width": WIDTH, "height": 400})
    page.goto(f"file://{tmp_path}/index.html")
    expect(field(page, "model")).to_have_text("<b>a name</b>")
    expect(field(page, "batch")).to_have_text("0")
    expect(field(page, "speed")).to_have_text("2 s/batch")
    expect(field(page, "time")).to_have_text("1:02 h")
    expect(field(page, "left")).to_be_hidden()
    expect(page.get_by_role("button")).to_be_hidden()
    expect(page.locator("[data-value=training]")).to_have_text("Infinity")
    expect(page.locator("[data-point]")).to_have_count(1)
    # A file that is being written is no end of it.
    data.write_text('training({"at": 2, "sta')
    page.wait_for_timeout(600)
    data.write_text(f"training({json.dumps({**state, 'at': 3, 'status': 'done'})})")
    expect(field(page, "status")).to_have_text("done")
    page.close()
