"""The HTML report in Chromium, from a file, as a person uses it: `tests/run browser` runs this file.

Counts are compared with the JSON report of the same organization.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from webdriver import Browser

from harness import binary, clean_environment

DESKTOP, PHONE = (1280, 900), (390, 844)
VIEWS = ["rows", "grid", "rules", "accounts"]
WORST = ["FAIL", "ERROR", "MANUAL", "PASS", "NOT_APPLICABLE"]
FILTER_SECONDS = 1.0
HOSTILE = {
    "222222222222": "<script>document.title='owned'</script>",
    "333333333333": "</script><img src=x onerror=document.title='owned'>",
    "444444444444": "=cmd|'/C calc'!A0",
    "555555555555": "red\x1b[31m bell\x07 \u202eturned",
}
# What steers a terminal, or turns around what stands beside it.
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Report:
    """`check` of one simulated organization."""

    def __init__(self, folder: Path, spec: str, *arguments: str) -> None:
        self.folder, self.arguments = folder, arguments
        self._run("sandbox", "--state", "org.json", "--org", spec)
        self.path = folder / "report.html"
        self.path.write_text(self.format("html"))

    @cached_property
    def json(self) -> dict[str, Any]:
        """The same organization's report for programs."""
        return json.loads(self.format("json"))

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.json["rows"]

    @cached_property
    def data(self) -> dict[str, Any]:
        """What the page holds."""
        return json.loads(self.path.read_text().partition('id="data">')[2].partition("</script>")[0])

    def format(self, name: str) -> str:
        return self._run("check", "--sandbox=org.json", "--format", name, *self.arguments)

    def _run(self, *arguments: str) -> str:
        ran = subprocess.run([binary(), *arguments], cwd=self.folder, env=clean_environment(), capture_output=True,
                             timeout=600, check=False)
        assert ran.returncode in (0, 2, 3), ran.stderr.decode()
        return ran.stdout.decode()

    def count(self, holds: Callable[[dict[str, Any]], bool]) -> int:
        return sum(1 for row in self.rows if holds(row))


@pytest.fixture(scope="session")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Half of all settings are not AWS's own; an account cannot be entered, another is suspended."""
    return Report(tmp_path_factory.mktemp("drifted"), "accounts=12,ous=8,regions=2,drift=0.5,seed=3,invited=1,suspended=1")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("hostile")
    accounts = "".join(f'[[accounts]]\nid = "{account}"\nname = {json.dumps(name)}\nemail = "a{account}@example.com"\n'
                       for account, name in HOSTILE.items())
    (folder / "org.toml").write_text(f'regions = ["eu-west-1"]\n{accounts}')
    return Report(folder, "org.toml", "--regions", "eu-west-1")


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """1,000 accounts and the 64 rules of version 4.0.1: a debug build needs minutes for so many, so they are ten times the
    same hundred."""
    spec = "accounts=99,ous=40,regions=1,drift=0.5,seed=1"
    report = Report(tmp_path_factory.mktemp("large"), spec, "--benchmark", "cis-4.0", "--regions", "eu-west-1")
    data, number = report.data, len(report.data["accounts"])
    data["accounts"] = [[f"{copy}{account[1:]}", f"{name}-{copy}", ou] for copy in range(10) for account, name, ou in data["accounts"]]
    data["rows"] = {name: [value + copy * number * (name == "account") for copy in range(10) for value in values]
                    for name, values in data["rows"].items()}
    before, _, rest = report.path.read_text().partition('id="data">')
    block = json.dumps(data).replace("<", "\\u003c")
    report.path.write_text(f'{before}id="data">{block}</script>{rest.partition("</script>")[2]}')
    return report


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def page(chromium: Browser, drifted: Report) -> Iterator[Browser]:
    """The drifted organization's report, new, on a desktop; whatever the test does, it asks for nothing."""
    visit(chromium, drifted)
    yield chromium
    nothing_was_asked_for(chromium, drifted)


def visit(browser: Browser, report: Report, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> None:
    browser.size(*size, mobile=size == PHONE)
    browser.media(scheme=scheme)
    browser.open("about:blank")
    browser.logs("browser"), browser.logs("performance")
    browser.open(report.path.as_uri())


def nothing_was_asked_for(browser: Browser, report: Report) -> None:
    assert browser.requested() == [report.path.as_uri()]
    assert [entry["message"] for entry in browser.logs("browser")] == []


def counted(page: Browser) -> int:
    """`Rules (12 of 345)`"""
    told = re.match(r"Rules \(([\d,]+)", page.find("#count").text)
    assert told
    return int(told[1].replace(",", ""))


def choose(page: Browser, filter_id: str, value: str) -> None:
    for option in page.all(f"#{filter_id} option"):
        if option.text == value:
            option.click()
            return
    raise AssertionError(f"{filter_id} has no {value}")


def shoot(page: Browser, name: str) -> None:
    """A picture for people, where ORGBASE_SCREENSHOTS names a folder."""
    if folder := os.environ.get("ORGBASE_SCREENSHOTS"):
        page.screenshot(Path(folder) / f"{name}.png")


def show(page: Browser, view: str) -> None:
    page.find(f"#view-{view}").click()


def test_everything_is_there_when_it_opens(page: Browser, drifted: Report) -> None:
    shoot(page, "desktop")
    assert page.find("h1").text == "CIS AWS Foundations Benchmark 7.0.0"
    assert counted(page) == len(drifted.rows)
    heads = [head.text.split("\n")[0].strip(" ↕↑↓") for head in page.all("#rows th")]
    assert heads == ["Status", "Section", "Rule", "Category", "Account", "Results", "Affected", "Severity", "Last updated"]
    assert "is SUSPENDED" in page.find("#skipped").text
    sections = page.find("#sections").text
    for group in drifted.json["summary"]["sections"]:
        assert f"{group['statuses']['FAIL']} FAIL" in sections
    # the policy holds: what is put into the page does not run
    assert page.run("const s = document.createElement('script'); s.textContent = 'window.owned = 1';"
                    "document.head.append(s); return window.owned ?? 'blocked'") == "blocked"
    assert "Content Security Policy" in page.logs("browser")[0]["message"]


def test_failed_only(page: Browser, drifted: Report) -> None:
    page.find("#failed").click()
    assert counted(page) == drifted.count(lambda row: row["status"] in ("FAIL", "ERROR"))
    assert {badge.text for badge in page.all("#rows .status")} <= {"✗ FAIL", "! ERROR"}
    shoot(page, "desktop-failed")
    page.find("#reset").click()
    assert counted(page) == len(drifted.rows)


@pytest.mark.parametrize(("filter_id", "column"), [("section", "section"), ("severity", "severity"), ("status", "status"),
                                                   ("region", "region"), ("account", "account_name"), ("ou", "ou")])
def test_filters(page: Browser, drifted: Report, filter_id: str, column: str) -> None:
    value = next(row[column] for row in drifted.rows if row["status"] == "FAIL" and row["region"] and row["ou"] != "/")
    account = next(row["account_id"] for row in drifted.rows if row[column] == value)
    choose(page, filter_id, f"{value} ({account})" if filter_id == "account" else value)
    inside = (lambda row: f"{row['ou']}/".startswith(f"{value}/")) if filter_id == "ou" else lambda row: row[column] == value
    assert 0 < counted(page) == drifted.count(inside) < len(drifted.rows)
    page.find("#failed").click()
    assert counted(page) == drifted.count(lambda row: inside(row) and row["status"] in ("FAIL", "ERROR"))


def test_a_status_and_a_section_are_chosen_where_they_are_counted(page: Browser, drifted: Report) -> None:
    page.find("#chips button").click()
    page.all("#sections button")[2].click()
    assert counted(page) == drifted.count(lambda row: row["status"] == "FAIL" and row["section"] == "Logging")


def test_search(page: Browser, drifted: Report) -> None:
    name = drifted.rows[-1]["account_name"]
    page.find("#search").type(f"{name.upper()} password")
    time.sleep(0.4)
    wanted = drifted.count(lambda row: name in row["account_name"] and "password" in f"{row['title']} {row['evidence']}".lower())
    assert counted(page) == wanted > 0


def test_sorts_both_ways(page: Browser) -> None:
    names = "return [...document.querySelectorAll('#rows td.place bdi')].map((e) => e.textContent.toLowerCase())"
    page.find("#rows th:nth-child(5) button").click()
    up = page.run(names)
    assert up == sorted(up) and page.run("return document.querySelector('#rows th:nth-child(5)').ariaSort") == "ascending"
    page.press("Enter")
    down = page.run(names)
    assert down == sorted(down, reverse=True) and down != up
    choose(page, "sort", "status")
    assert page.find("#rows .status").text == "✗ FAIL"


def expanded(page: Browser) -> int:
    return len(page.all('#rows [aria-expanded="true"]'))


def test_a_detail_opens_by_mouse(page: Browser, drifted: Report) -> None:
    page.find("#failed").click()
    page.find("#rows tr.row td.id").click()
    first = next(row for row in drifted.rows if row["status"] == "FAIL")
    rule = next(rule for rule in drifted.json["rules"] if rule["rule"] == first["rule"])
    text = page.find("#rows .detail").text
    assert rule["rationale"] in text and first["evidence"] in text and f"[{rule['fix_control']}]" in text
    shoot(page, "desktop-detail")
    page.find("#rows .name-button").click()
    assert expanded(page) == 0 == len(page.all("#rows .detail"))


def test_a_detail_opens_by_keyboard(page: Browser) -> None:
    for _ in range(60):
        page.press("Tab")
        if page.run("return document.activeElement.matches('#rows .name-button')"):
            break
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press("Enter")
    assert expanded(page) == 1
    page.press("Space")
    assert expanded(page) == 0


def test_the_grid_has_the_worst_of_every_account_and_rule(page: Browser, drifted: Report) -> None:
    show(page, "grid")
    shoot(page, "desktop-grid")
    worst: dict[str, str] = {}
    for row in drifted.rows:
        key = f"{row['rule']} {row['title']} {row['account_name']}"
        worst[key] = min(worst.get(key, row["status"]), row["status"], key=WORST.index)
    labels = page.run("return [...document.querySelectorAll('#grid .cell')].map((e) => e.getAttribute('aria-label'))")
    assert sorted(labels) == sorted(f"{key}: {status}" for key, status in worst.items())


def test_the_grid_by_keyboard(page: Browser) -> None:
    show(page, "grid")
    page.run("document.querySelector('#grid .cell').focus()")
    page.press("Down", "Right", "Right", "Down", "Left")
    reached = page.run("return document.activeElement.getAttribute('aria-label')")
    page.press("Enter")
    dialog = page.find("dialog[open]").text
    assert reached.split()[0] == dialog.split()[0] and "Why it matters" in dialog
    shoot(page, "desktop-dialog")
    page.press("Escape")
    assert page.all("dialog[open]") == [] and page.run("return document.activeElement.getAttribute('aria-label')") == reached


def test_rules_and_accounts_lead_to_their_results(page: Browser, drifted: Report) -> None:
    show(page, "rules")
    shoot(page, "desktop-rules")
    assert len(page.all("#rules tbody tr")) == len(drifted.json["rules"])
    page.all("#rules .name-button")[7].click()
    assert counted(page) == drifted.count(lambda row: row["rule"] == drifted.json["rules"][7]["rule"])
    page.find("#reset").click()
    show(page, "accounts")
    assert len(page.all("#accounts tbody tr")) == len(drifted.json["summary"]["accounts"])
    worst = max(drifted.json["summary"]["accounts"], key=lambda group: group["statuses"]["FAIL"])
    page.find("#accounts .name-button").click()
    choose(page, "status", "FAIL")
    assert counted(page) == worst["statuses"]["FAIL"]


def test_prints_what_is_chosen_and_nothing_to_click(page: Browser, drifted: Report) -> None:
    page.find("#failed").click()
    pdf = page.command("POST", "print", {"background": True})
    assert len(pdf) > 10_000
    page.run("window.dispatchEvent(new Event('beforeprint'))")
    page.media("print")
    assert len(page.all("#rows tr.row")) == drifted.count(lambda row: row["status"] in ("FAIL", "ERROR"))
    hidden = page.run("return ['nav', '#panel', '#more', '#reset'].filter((s) => document.querySelector(s).checkVisibility())")
    assert hidden == [] and page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert "failed only" in page.find("#told").text
    page.media()
    page.run("window.dispatchEvent(new Event('afterprint'))")


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_wider_than_a_phone(chromium: Browser, drifted: Report, view: str) -> None:
    visit(chromium, drifted, PHONE)
    if view == "rows":
        shoot(chromium, "phone")
        chromium.find("#panel > summary").click()
        shoot(chromium, "phone-filters")
        chromium.find("#rows .name-button").click()
    show(chromium, view)
    chromium.run("document.querySelector('nav').scrollIntoView()")
    shoot(chromium, f"phone-{view}")
    assert chromium.run("return document.documentElement.scrollWidth") == PHONE[0]
    if view == "grid":
        chromium.find("#grid .cell").click()
        shoot(chromium, "phone-dialog")
        box = chromium.run("const b = document.querySelector('dialog').getBoundingClientRect(); return [b.left, b.right]")
        assert box[0] >= 0 and box[1] <= PHONE[0]
    nothing_was_asked_for(chromium, drifted)


# Contrast of every text with what is behind it, as WCAG 2.2 counts it; 4.5 is what AA asks for.
# https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
CONTRAST = """
const channels = (color) => color.match(/[\\d.]+/g).map(Number);
const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ground = (e) => { for (; e; e = e.parentElement) { const c = channels(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c; }
  return [255, 255, 255]; };
const low = new Set();
for (const e of document.querySelectorAll('body *')) {
  if (!e.checkVisibility() || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
  const [a, b] = [light(channels(getComputedStyle(e).color)), light(ground(e))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) low.add(`${e.tagName}.${e.className}: ${ratio.toFixed(2)}`);
}
return [...low];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(chromium: Browser, drifted: Report, scheme: str) -> None:
    visit(chromium, drifted, scheme=scheme)
    chromium.find("#rows .name-button").click()
    for view in VIEWS:
        show(chromium, view)
        assert chromium.run(CONTRAST) == [], view
        shoot(chromium, f"{scheme}-{view}")
    chromium.media()


@pytest.mark.parametrize("view", VIEWS)
def test_hostile_names_are_text(chromium: Browser, hostile: Report, view: str) -> None:
    visit(chromium, hostile)
    show(chromium, view)
    text = chromium.run("return document.body.innerText")
    assert all(name in text for account, name in HOSTILE.items() if account != "555555555555")
    assert "red\\u001b[31m bell\\u0007 \\u202eturned" in text and not CONTROLS.search(text.replace("\t", ""))
    assert chromium.run("return [document.title, document.images.length]") == ["CIS AWS Foundations Benchmark 7.0.0, o-a1b2c3d4e5", 0]
    shoot(chromium, f"hostile-{view}")
    nothing_was_asked_for(chromium, hostile)


def test_hostile_names_in_csv_and_on_a_terminal(hostile: Report) -> None:
    table = list(csv.DictReader(io.StringIO(hostile.format("csv"), newline="")))
    assert len(table) == len(hostile.rows) and {row["Account ID"] for row in table} >= set(HOSTILE)
    cells = [cell for row in table for cell in row.values()]
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]
    assert not [cell for cell in cells if CONTROLS.search(cell)]
    assert "'=cmd|" in {row["Account"][:6] for row in table}
    for name in ("human", "markdown", "junit"):
        assert not CONTROLS.search(hostile.format(name)), name


def timed(page: Browser, action: str) -> float:
    """Seconds until the page has done it and laid itself out."""
    return page.run(f"const t = performance.now(); {action}; document.body.offsetHeight; return performance.now() - t") / 1000


def test_a_thousand_accounts_stay_usable(chromium: Browser, large: Report) -> None:
    data, statuses = large.data, Counter(large.data["rows"]["status"])
    assert (len(data["accounts"]), len(data["rules"])) == (1000, 64)
    wanted = sum(count for index, count in statuses.items() if data["statuses"][index] in ("FAIL", "ERROR"))
    begin = time.monotonic()
    visit(chromium, large)
    seconds = {"open": time.monotonic() - begin}
    seconds["filter"] = timed(chromium, "document.getElementById('failed').click()")
    assert counted(chromium) == wanted
    seconds["sort"] = timed(chromium, "document.querySelector('#rows th:nth-child(5) button').click()")
    seconds["grid"] = timed(chromium, "document.getElementById('view-grid').click()")
    seconds["accounts"] = timed(chromium, "document.getElementById('view-accounts').click()")
    size = large.path.stat().st_size / 1e6
    print(f"\n{statuses.total()} rows, {size:.1f} MB: " + ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items()))
    assert max(value for name, value in seconds.items() if name != "open") < FILTER_SECONDS
    show(chromium, "grid")
    shown = "return document.querySelectorAll('#grid tbody tr').length"
    assert chromium.run(shown) < 100
    chromium.run("const box = document.getElementById('grid'); box.scrollTop = box.scrollHeight")
    time.sleep(0.3)
    last = max((name for _, name, _ in data["accounts"]), key=str.lower)
    assert last in chromium.find("#grid").text and chromium.run(shown) < 100
    nothing_was_asked_for(chromium, large)
