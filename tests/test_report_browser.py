"""The page in a browser: it fits a desk and a telephone, and can be read by light and by dark."""

import functools
import json
import re
import shutil
import subprocess
import threading
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tinyeval.report.api import as_shown
from tinyeval.report.page import make_page

pytest.importorskip("matplotlib", reason="needs tinyeval[report]")
pytest.importorskip("jinja2", reason="needs tinyeval[report]")

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]

SCHEMES = {"dark": 0, "light": 1}
"""Values of the setting ``preferredColorScheme``."""

MEASURE = """<!DOCTYPE html><title>waiting</title>
<iframe id="page" src="report.html" style="width:{width}px;height:900px;border:0"></iframe>
<script>
const channel = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0]).map(Number);
const linear = (c) => c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
const light = (c) => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
const ratio = (a, b) => (Math.max(light(a), light(b)) + .05) / (Math.min(light(a), light(b)) + .05);
document.getElementById("page").onload = () => {{
  const page = document.getElementById("page").contentDocument, root = page.documentElement;
  const view = page.defaultView, wide = [], faint = [];
  const paper = channel(view.getComputedStyle(page.body).backgroundColor);
  for (const one of page.querySelectorAll("body *")) {{
    const box = one.getBoundingClientRect();
    if (!one.closest(".scroll") && box.right > {width} + 1) wide.push(one.outerHTML.slice(0, 80));
    const own = [...one.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || ["TITLE", "DESC"].includes(one.tagName.toUpperCase())) continue;
    const style = view.getComputedStyle(one);
    const colour = channel(one.tagName === "text" ? style.fill : style.color);
    if (ratio(colour, paper) < 4.5) faint.push(one.outerHTML.slice(0, 80));
  }}
  const small = [...page.querySelectorAll("svg[role=img] text")].map(
    (one) => parseFloat(view.getComputedStyle(one).fontSize)
      * Math.hypot(one.getScreenCTM().a, one.getScreenCTM().b));
  document.title = "done";
  document.body.textContent = JSON.stringify({{
    width: root.scrollWidth, paper, wide, faint, smallest: Math.min(...small),
    figures: page.querySelectorAll("svg[role=img]").length, headings:
    page.querySelectorAll("h2").length, height: root.scrollHeight}});
}};
</script>"""


@pytest.fixture(scope="module")
def site(bank, new_models, tmp_path_factory):
    """A folder with a report, and its address on this machine."""
    folder = tmp_path_factory.mktemp("site")
    shown = as_shown(bank, new_models.take(np.arange(14)))
    long = tuple(
        one.__class__(**{**vars(one), "warnings": ("a doubt",), "misfit": k == 3})
        for k, one in enumerate(shown.predictions)
    )
    shown = shown.__class__(long, shown.comparisons)
    (folder / "report.html").write_text(make_page(bank, shown), encoding="utf-8")
    handler = functools.partial(Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def chromium(tmp_path, address, *options):
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}", *options, address,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_can_be_read(site, tmp_path, width, scheme):
    folder, address = site
    (folder / "measure.html").write_text(MEASURE.format(width=width), encoding="utf-8")
    dom = chromium(
        tmp_path, f"{address}/measure.html", "--window-size=1400,1000", "--dump-dom",
        "--virtual-time-budget=10000", f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
    )  # fmt: skip
    body = re.search(r"<body>(\{.*\})</body>", dom, re.DOTALL)
    assert body, dom[:500]
    found = json.loads(unescape(body[1]))
    assert found["wide"] == []
    assert found["width"] <= width
    assert found["faint"] == []
    assert (max(found["paper"]) < 60) == (scheme == "dark")
    assert (min(found["paper"]) > 240) == (scheme == "light")
    assert found["figures"] == 3
    assert found["smallest"] > 8.5  # pixels of the smallest letters in figures
    assert found["headings"] >= 7


def test_it_prints_on_a_few_pages(site, tmp_path):
    _, address = site
    out = tmp_path / "page.pdf"
    chromium(tmp_path, f"{address}/report.html", "--no-pdf-header-footer", f"--print-to-pdf={out}")
    data = out.read_bytes()
    assert data.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 8
