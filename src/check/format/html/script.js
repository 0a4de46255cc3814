"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const [RULE, ACCOUNT, REGION, STATUS, FAILED, CHECKED, EVIDENCE, MET, AFFECTED, DECLARED] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const STEP = 200;
  const SEVERITIES = ["critical", "high", "medium", "low"];
  const LETTER = { PASS: "✓", FAIL: "✗", MANUAL: "?", NOT_APPLICABLE: "–", ERROR: "!" };
  const rows = data.rows;
  let view = "rows", shown = STEP, found = [];

  const make = (name, text, attributes) => {
    const element = document.createElement(name);
    if (text !== undefined && text !== null) element.textContent = String(text);
    for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
    return element;
  };
  const rule = (row) => data.rules[row[RULE]];
  const account = (row) => data.accounts[row[ACCOUNT]];
  const status = (row) => data.statuses[row[STATUS]];
  const text = (index) => data.texts[index];
  const number = (id) => id.split(".").map(Number);
  const byNumber = (a, b) => {
    const [x, y] = [number(a), number(b)];
    for (let i = 0; i < Math.max(x.length, y.length); i++) {
      const difference = (x[i] || 0) - (y[i] || 0);
      if (difference) return difference;
    }
    return 0;
  };

  const fill = (id, all, values) => {
    at(id).append(make("option", all, { value: "" }), ...values.map(([value, label]) => make("option", label, { value })));
  };
  const unique = (list) => [...new Set(list)];
  const label = (a) => `${a[1]} (${a[0]})`;

  at("title").textContent = data.title;
  at("about").textContent = `Organization ${data.organization}, ${data.generated}, orgbase ${data.tool}`;
  const tile = (name, value, kind) => {
    const element = make("div", name, { class: "tile", role: "listitem" });
    element.prepend(make("b", value, kind ? { class: kind } : {}));
    return element;
  };
  if (data.score !== null) at("score").append(tile("of what was decided holds", `${data.score} %`));
  for (const name of data.statuses) at("score").append(tile(name, data.summary[name], name));
  if (data.compared) {
    at("score").append(tile("newly failed", data.compared.newly_failed.length), tile("fixed", data.compared.fixed.length));
  }
  fill("status", "all", data.statuses.map((s) => [s, s]));
  fill("section", "all", unique(data.rules.map((r) => r.section)).map((s) => [s, s]));
  fill("severity", "all", SEVERITIES.map((s) => [s, s]));
  const accounts = data.accounts.map((a, index) => [String(index), label(a)]);
  fill("account", "all", accounts.sort((a, b) => a[1].localeCompare(b[1])));
  fill("ou", "all", unique(data.accounts.map((a) => a[2])).sort().map((ou) => [ou, ou]));
  const ORDERS = {
    rule: ["rule", (a, b) => byNumber(rule(a).rule, rule(b).rule)],
    status: ["status", (a, b) => RANK[status(a)] - RANK[status(b)]],
    severity: ["severity", (a, b) => SEVERITIES.indexOf(rule(a).severity) - SEVERITIES.indexOf(rule(b).severity)],
    account: ["account", (a, b) => label(account(a)).localeCompare(label(account(b)))],
    failed: ["most failed first", (a, b) => b[FAILED] - a[FAILED]],
  };
  const RANK = { FAIL: 0, ERROR: 1, MANUAL: 2, PASS: 3, NOT_APPLICABLE: 4 };
  for (const [key, [name]] of Object.entries(ORDERS)) at("sort").append(make("option", name, { value: key }));

  const words = (row) => {
    const [r, a] = [rule(row), account(row)];
    return [r.rule, r.title, r.category, a[0], a[1], a[2], text(row[REGION]), text(row[EVIDENCE]), text(row[MET]), row[AFFECTED].join(" ")]
      .join("\n").toLowerCase();
  };
  const inOu = (path, ou) => ou === "/" || path === ou || path.startsWith(`${ou}/`);
  const select = () => {
    const wanted = at("search").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const [s, section, severity, who, ou] = ["status", "section", "severity", "account", "ou"].map((id) => at(id).value);
    const failed = at("failed").checked;
    found = rows.filter((row) => {
      const state = status(row);
      if (failed && state !== "FAIL" && state !== "ERROR") return false;
      if (s && state !== s) return false;
      if (section && rule(row).section !== section) return false;
      if (severity && rule(row).severity !== severity) return false;
      if (who && row[ACCOUNT] !== Number(who)) return false;
      if (ou && !inOu(account(row)[2], ou)) return false;
      if (!wanted.length) return true;
      const all = words(row);
      return wanted.every((word) => all.includes(word));
    });
    found.sort(ORDERS[at("sort").value || "rule"][1]);
  };

  const detail = (row) => {
    const r = rule(row);
    const list = make("dl");
    const line = (name, value) => value && list.append(make("dt", name), make("dd", value));
    line("Why it matters", r.rationale);
    line("Found", text(row[EVIDENCE]) || "nothing wrong");
    line("Met by", text(row[MET]));
    line("Affected", row[AFFECTED].join(", "));
    line("How it is decided", r.decision);
    line("What to do", r.remediation);
    if (r.fix_control && status(row) === "FAIL") {
      line("Fixed by", row[DECLARED] ? `[${r.fix_control}], which the baseline declares: orgbase apply` : `[${r.fix_control}] in the baseline`);
    }
    line("Level", `${r.level}${r.scored ? "" : ", not scored"}, ${r.severity}`);
    return list;
  };
  const toggle = (line, row) => {
    const open = line.getAttribute("aria-expanded") === "true";
    line.setAttribute("aria-expanded", String(!open));
    if (open) return line.nextSibling.remove();
    const cell = make("td", null, { colspan: "8" });
    cell.append(detail(row));
    const more = make("tr", null, { class: "detail" });
    more.append(cell);
    line.after(more);
  };
  const tableRow = (row) => {
    const [r, a, state] = [rule(row), account(row), status(row)];
    const line = make("tr", null, { class: "row", tabindex: "0", "aria-expanded": "false" });
    const cell = (name, value, kind) => {
      const element = make("td", value, { "data-name": name, ...(kind ? { class: kind } : {}) });
      line.append(element);
      return element;
    };
    cell("Section", r.rule, "rule");
    cell("Rule", r.title);
    cell("Category", r.category);
    cell("Account", a[1]).append(make("div", `${a[0]} ${text(row[REGION])}`, { class: "soft" }));
    cell("Status", `${LETTER[state]} ${state}`, `status ${state}`);
    cell("Results", `${row[FAILED]}/${row[CHECKED]}`);
    cell("Affected", row[AFFECTED].length);
    cell("Last updated", data.generated, "soft");
    line.addEventListener("click", () => toggle(line, row));
    line.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      toggle(line, row);
    });
    return line;
  };
  const drawRows = () => {
    const table = make("table");
    const head = make("tr");
    const orders = { Section: "rule", Account: "account", Status: "status", Results: "failed" };
    for (const name of ["Section", "Rule", "Category", "Account", "Status", "Results", "Affected", "Last updated"]) {
      const cell = make("th", orders[name] ? null : name, { scope: "col" });
      if (orders[name]) {
        const button = make("button", name, { type: "button", title: `Sort by ${name}` });
        button.addEventListener("click", () => { at("sort").value = orders[name]; update(); });
        cell.append(button);
        if (at("sort").value === orders[name]) cell.setAttribute("aria-sort", "ascending");
      }
      head.append(cell);
    }
    const top = make("thead");
    top.append(head);
    const body = make("tbody");
    body.append(...found.slice(0, shown).map(tableRow));
    table.append(top, body);
    at("rows").replaceChildren(table);
    at("more").hidden = found.length <= shown;
  };

  // The worst status of a rule in an account stands for all its regions.
  const drawGrid = () => {
    const cells = new Map();
    for (const row of found) {
      const key = `${row[ACCOUNT]} ${row[RULE]}`;
      const known = cells.get(key);
      if (known === undefined || RANK[status(row)] < RANK[known]) cells.set(key, status(row));
    }
    const rules = unique(found.map((row) => row[RULE])).sort((a, b) => byNumber(data.rules[a].rule, data.rules[b].rule));
    const who = unique(found.map((row) => row[ACCOUNT])).sort((a, b) => label(data.accounts[a]).localeCompare(label(data.accounts[b])));
    const table = make("table");
    const head = make("tr");
    head.append(make("th", "Account"));
    for (const r of rules) head.append(make("th", data.rules[r].rule, { scope: "col", title: data.rules[r].title }));
    const top = make("thead");
    top.append(head);
    const body = make("tbody");
    for (const a of who.slice(0, shown)) {
      const line = make("tr");
      line.append(make("th", label(data.accounts[a]), { scope: "row", title: label(data.accounts[a]) }));
      for (const r of rules) {
        const state = cells.get(`${a} ${r}`);
        const cell = make("td");
        if (state) {
          const name = `${data.rules[r].rule} in ${label(data.accounts[a])}: ${state}`;
          const button = make("button", LETTER[state], { type: "button", class: state, title: name, "aria-label": name });
          button.addEventListener("click", () => jump(a, r));
          cell.append(button);
        }
        line.append(cell);
      }
      body.append(line);
    }
    table.append(top, body);
    at("grid").replaceChildren(table);
    at("more").hidden = who.length <= shown;
  };
  const jump = (a, r) => {
    at("account").value = String(a);
    at("search").value = "";
    show("rows");
    const wanted = found.findIndex((row) => row[RULE] === r);
    if (wanted >= shown) { shown = wanted + STEP; drawRows(); }
    const line = at("rows").querySelectorAll("tr.row")[wanted];
    if (line) { line.focus(); line.click(); }
  };

  const draw = () => (view === "rows" ? drawRows() : drawGrid());
  const update = () => {
    shown = STEP;
    select();
    const total = rows.length === found.length ? "" : ` of ${rows.length}`;
    at("count").textContent = `Rules (${found.length}${total})`;
    draw();
  };
  const show = (name) => {
    view = name;
    at("rows").hidden = name !== "rows";
    at("grid").hidden = name !== "grid";
    at("view-rows").setAttribute("aria-pressed", String(name === "rows"));
    at("view-grid").setAttribute("aria-pressed", String(name === "grid"));
    update();
  };
  for (const id of ["failed", "status", "section", "severity", "account", "ou", "sort"]) at(id).addEventListener("change", update);
  let waiting;
  at("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(update, 120); });
  at("reset").addEventListener("click", () => {
    for (const id of ["search", "status", "section", "severity", "account", "ou"]) at(id).value = "";
    at("failed").checked = false;
    at("sort").value = "rule";
    update();
  });
  at("view-rows").addEventListener("click", () => show("rows"));
  at("view-grid").addEventListener("click", () => show("grid"));
  at("more").addEventListener("click", () => { shown += STEP; draw(); });
  window.addEventListener("beforeprint", () => { shown = found.length; draw(); });
  if (data.skipped.length) {
    at("skipped").hidden = false;
    at("skipped").querySelector("ul").append(...data.skipped.map((s) => make("li", `${s.account_name} (${s.account_id}): ${s.reason}`)));
  }
  show("rows");
})();
