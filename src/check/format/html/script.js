"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const rows = data.rows, total = rows.rule.length;
  const STEP = 100, PRINTED = 3000;
  const SEVERITIES = ["critical", "high", "medium", "low"];
  const MARK = { PASS: "✓", FAIL: "✗", MANUAL: "?", NOT_APPLICABLE: "–", ERROR: "!" };
  const WORD = { PASS: "PASS", FAIL: "FAIL", MANUAL: "MANUAL", NOT_APPLICABLE: "N/A", ERROR: "ERROR" };
  // Worst first: what stands for several regions, and the order of counts.
  const RANK = { FAIL: 0, ERROR: 1, MANUAL: 2, PASS: 3, NOT_APPLICABLE: 4 };
  const ORDER = ["FAIL", "ERROR", "MANUAL", "PASS", "NOT_APPLICABLE"];
  const VIEWS = ["rows", "grid", "rules", "accounts"];
  let view = "rows", shown = STEP, found = [], change = "", descending = false;

  // Characters that would hide or turn around what stands beside them are spelled out.
  const clean = (text) => String(text).replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const make = (name, text, attributes, ...children) => {
    const element = document.createElement(name);
    if (text !== undefined && text !== null) element.textContent = clean(text);
    for (const [key, value] of Object.entries(attributes || {})) if (value !== null && value !== undefined) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const text = (index) => data.texts[index];
  const rule = (i) => data.rules[rows.rule[i]];
  const account = (i) => data.accounts[rows.account[i]];
  const status = (i) => data.statuses[rows.status[i]];
  const affected = (i) => data.lists[rows.affected[i]];
  const label = (a) => clean(`${a[1]} (${a[0]})`);
  const unique = (list) => [...new Set(list)];
  const plural = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many || `${one}s`}`;
  const when = (moment) => moment.replace("T", " ").replace(/(\.\d+)?Z$/, "");
  const ranks = (values, compare) => {
    const order = values.map((_, i) => i).sort((a, b) => compare(values[a], values[b]) || a - b);
    const rank = [];
    order.forEach((index, place) => { rank[index] = place; });
    return rank;
  };
  const byName = new Intl.Collator("en", { numeric: true }).compare;
  const accountRank = ranks(data.accounts, (a, b) => byName(a[1], b[1]) || byName(a[0], b[0]));
  const severityRank = data.rules.map((r) => SEVERITIES.indexOf(r.severity));
  const statusRank = data.statuses.map((s) => RANK[s]);

  // ---- counts
  const counter = () => ({ PASS: 0, FAIL: 0, MANUAL: 0, NOT_APPLICABLE: 0, ERROR: 0, pass: 0, fail: 0 });
  const add = (counts, i) => {
    const state = status(i);
    counts[state] += 1;
    if (rule(i).scored && state === "PASS") counts.pass += 1;
    if (rule(i).scored && state === "FAIL") counts.fail += 1;
  };
  const score = (counts) => (counts.pass + counts.fail ? Math.round((counts.pass * 1000) / (counts.pass + counts.fail)) / 10 : null);
  const percent = (value) => (value === null ? "–" : `${value} %`);
  const bar = (counts) => {
    const all = ORDER.reduce((sum, s) => sum + counts[s], 0) || 1;
    const element = make("div", null, { class: "bar", "aria-hidden": "true" });
    for (const s of ["PASS", "FAIL", "ERROR", "MANUAL", "NOT_APPLICABLE"]) {
      if (!counts[s]) continue;
      const part = make("i", null, { class: s });
      part.style.width = `${(counts[s] * 100) / all}%`;
      element.append(part);
    }
    return element;
  };
  const told = (counts) => ORDER.filter((s) => counts[s]).map((s) => `${counts[s].toLocaleString("en")} ${WORD[s]}`).join(" · ");

  // ---- head
  at("title").textContent = clean(data.title);
  at("about").textContent = clean([`Organization ${data.organization}`, `${when(data.generated)} UTC`,
    plural(data.accounts.length, "account"), plural(data.rules.length, "rule"),
    data.baseline ? `baseline ${data.baseline}` : "no baseline", `orgbase ${data.tool}`].join(" · "));
  at("score").append(make("b", percent(data.score)), "of the scored results that could be decided hold");
  at("bar").replaceWith(bar(Object.fromEntries(ORDER.map((s) => [s, data.summary[s] || 0]))));

  const pressed = (element, on) => element.setAttribute("aria-pressed", String(on));
  const chip = (into, state, name, value, press) => {
    const button = make("button", null, { type: "button" }, make("b", value.toLocaleString("en"), { class: state }), name);
    button.addEventListener("click", press);
    into.append(button);
    return button;
  };
  const chips = ORDER.map((s) => {
    const press = () => { at("status").value = at("status").value === s ? "" : s; update(); };
    return [s, chip(at("chips"), s, `${MARK[s]} ${WORD[s]}`, data.summary[s] || 0, press)];
  });
  const changed = new Map();
  const changeChips = [];
  if (data.compared) {
    at("changes").hidden = false;
    at("changes").append(make("span", `Since ${when(data.compared.with)} UTC`, { class: "soft" }));
    for (const [name, list, state] of [["newly failed", data.compared.newly_failed, "FAIL"], ["fixed", data.compared.fixed, "PASS"]]) {
      for (const key of list) changed.set(key, name);
      changeChips.push([name, chip(at("changes"), state, name, list.length, () => { change = change === name ? "" : name; update(); })]);
    }
  }
  const changeOf = (i) => changed.size && changed.get([rule(i).rule, account(i)[0], text(rows.region[i])].filter(Boolean).join(" "));

  const versions = (data.versions || []).filter((v) => v.score !== null);
  if (versions.length > 1) {
    at("versions").hidden = false;
    at("versions").append("Score by benchmark version: ", ...versions.flatMap((v, n) => [
      ...(n ? [" · "] : []), `${v.version} `, make("b", percent(v.score))]));
  }

  const sectionCounts = new Map(unique(data.rules.map((r) => r.section)).map((s) => [s, counter()]));
  for (let i = 0; i < total; i++) add(sectionCounts.get(rule(i).section), i);
  const sectionButtons = [...sectionCounts].map(([name, counts]) => {
    const head = make("span", null, { class: "name" }, make("span", name), make("span", percent(score(counts))));
    const button = make("button", null, { type: "button" }, head, bar(counts), make("span", told(counts), { class: "soft" }));
    button.addEventListener("click", () => { at("section").value = at("section").value === name ? "" : name; update(); });
    at("sections").append(button);
    return [name, button];
  });

  // ---- filters
  const fill = (id, all, values) => {
    at(id).append(...(all ? [make("option", all, { value: "" })] : []), ...values.map(([value, name]) => make("option", name, { value })));
  };
  fill("status", "all", ORDER.map((s) => [s, s]));
  fill("section", "all", [...sectionCounts.keys()].map((s) => [s, s]));
  fill("rule", "all", data.rules.map((r, index) => [String(index), `${r.rule} ${r.title}`]));
  fill("severity", "all", SEVERITIES.filter((s) => data.rules.some((r) => r.severity === s)).map((s) => [s, s]));
  fill("account", "all", data.accounts.map((a, i) => [String(i), label(a), accountRank[i]]).sort((a, b) => a[2] - b[2]));
  fill("ou", "all", unique(data.accounts.flatMap((a) => parents(a[2]))).sort(byName).map((ou) => [ou, ou]));
  fill("region", "all", unique([...rows.region]).map(text).filter(Boolean).sort(byName).map((r) => [r, r]));
  // An OU and those above it, without the root, which is everybody.
  function parents(path) {
    const names = path.split("/").filter(Boolean);
    return names.map((_, n) => `/${names.slice(0, n + 1).join("/")}`);
  }
  const KEYS = {
    rule: ["rule", (i) => rows.rule[i]],
    status: ["status", (i) => statusRank[rows.status[i]]],
    severity: ["severity", (i) => severityRank[rows.rule[i]]],
    account: ["account", (i) => accountRank[rows.account[i]]],
    failed: ["most failed", (i) => -rows.failed[i]],
    affected: ["most affected", (i) => -affected(i).length],
  };
  fill("sort", null, Object.entries(KEYS).map(([key, [name]]) => [key, name]));
  const FILTERS = ["status", "section", "rule", "severity", "account", "ou", "region"];

  const lower = (t) => t.toLowerCase();
  const ruleWords = data.rules.map((r) => lower([r.rule, r.title, r.category, r.severity, r.fix_control || ""].join("\n")));
  const accountWords = data.accounts.map((a) => lower(a.join("\n")));
  const textWords = data.texts.map(lower);
  const listWords = data.lists.map((l) => lower(l.join("\n")));
  // For each word, which of the shared texts have it: a row is then four look-ups, however many rows there are.
  const search = (words) => words.map((word) => {
    const has = (list) => Uint8Array.from(list, (t) => (t.includes(word) ? 1 : 0));
    return { rule: has(ruleWords), account: has(accountWords), text: has(textWords), list: has(listWords) };
  });
  const inOu = (path, ou) => path === ou || path.startsWith(`${ou}/`);
  const select = () => {
    const words = search(lower(at("search").value.trim()).split(/\s+/).filter(Boolean));
    const values = Object.fromEntries(FILTERS.map((id) => [id, at(id).value]));
    const failed = at("failed").checked;
    const states = data.statuses.map((s) => (!failed || s === "FAIL" || s === "ERROR") && (!values.status || s === values.status));
    const rules = data.rules.map((r, index) => (!values.section || r.section === values.section)
      && (!values.severity || r.severity === values.severity) && (!values.rule || index === Number(values.rule)));
    const accounts = data.accounts.map((a, index) => (!values.account || index === Number(values.account)) && (!values.ou || inOu(a[2], values.ou)));
    found = [];
    for (let i = 0; i < total; i++) {
      if (!states[rows.status[i]] || !rules[rows.rule[i]] || !accounts[rows.account[i]]) continue;
      if (values.region && text(rows.region[i]) !== values.region) continue;
      if (change && changeOf(i) !== change) continue;
      const has = (w) => w.rule[rows.rule[i]] || w.account[rows.account[i]] || w.text[rows.region[i]] || w.text[rows.evidence[i]]
        || w.text[rows.met[i]] || w.list[rows.affected[i]];
      if (words.every(has)) found.push(i);
    }
    const key = KEYS[at("sort").value || "rule"][1];
    const keys = new Map(found.map((i) => [i, key(i)]));
    const sign = descending ? -1 : 1;
    found.sort((a, b) => sign * (keys.get(a) - keys.get(b)) || a - b);
  };

  // ---- one result in full
  // What stands between backticks is code.
  const prose = (value) => value.split("`").map((part, n) => (n % 2 ? make("code", part) : clean(part)));
  const definition = (list, name, value) => {
    if (!value || (Array.isArray(value) && !value.length)) return;
    const cell = make("dd");
    if (Array.isArray(value)) cell.append(make("ul", null, {}, ...value.map((v) => make("li", v))));
    else if (value instanceof Node) cell.append(value);
    else cell.textContent = clean(value);
    list.append(make("dt", name), cell);
  };
  const remedy = (i) => {
    const what = text(rows.remedy[i]);
    return what && make("span", null, {}, ...prose(what), rule(i).fix_reach ? clean(` (covers ${rule(i).fix_reach})`) : "");
  };
  const result = (list, i) => {
    definition(list, "Found", text(rows.evidence[i]));
    definition(list, "Met by", text(rows.met[i]));
    definition(list, "Results", `${rows.failed[i]} failed of ${rows.checked[i]} checked`);
    definition(list, `Affected (${affected(i).length})`, affected(i));
    definition(list, "Remedy", remedy(i));
  };
  const about = (list, r) => {
    definition(list, "Why it matters", r.rationale);
    definition(list, "How it is decided", r.decision);
    definition(list, "What to do", make("span", null, {}, ...prose(r.remediation)));
    definition(list, "Rule", `${r.section}, level ${r.level}${r.scored ? "" : ", not scored"}, severity ${r.severity}`);
  };
  const detail = (i) => {
    const list = make("dl");
    result(list, i);
    about(list, rule(i));
    return list;
  };
  const badge = (state) => make("span", `${MARK[state]} ${WORD[state]}`, { class: `status ${state}` });

  // ---- results
  const toggle = (line, i) => {
    const button = line.querySelector(".name-button");
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (open) { line.removeAttribute("data-open"); return line.nextSibling.remove(); }
    line.setAttribute("data-open", "");
    line.after(make("tr", null, { class: "detail" }, make("td", null, { colspan: "9" }, detail(i))));
  };
  const tableRow = (i) => {
    const [r, a, state] = [rule(i), account(i), status(i)];
    const line = make("tr", null, { class: "row" });
    const cell = (kind, value, name) => {
      const element = make("td", value, { class: kind, "data-name": name });
      line.append(element);
      return element;
    };
    cell("state").append(badge(state));
    cell("id", r.rule);
    const main = cell("main");
    main.append(make("button", r.title, { type: "button", class: "name-button", "aria-expanded": "false" }));
    const news = changeOf(i);
    if (news) main.append(make("span", news, { class: "tag" }));
    const under = state === "PASS" ? text(rows.met[i]) && `met by ${text(rows.met[i])}` : text(rows.evidence[i]);
    if (under) main.append(make("div", under, { class: "soft under" }));
    cell("minor", r.category);
    cell("place").append(make("bdi", a[1]), make("div", [a[0], text(rows.region[i])].filter(Boolean).join(" · "), { class: "soft" }));
    cell("number", `${rows.failed[i]}/${rows.checked[i]}`, "Results");
    cell("number", affected(i).length, "Affected");
    cell("sev").append(make("span", r.severity, { class: `severity ${r.severity}` }));
    cell("minor soft", when(text(rows.updated[i])));
    line.addEventListener("click", (event) => {
      if (String(window.getSelection()) && !event.target.closest("button")) return;
      toggle(line, i);
    });
    return line;
  };
  const sortBy = (key) => {
    descending = at("sort").value === key && !descending;
    at("sort").value = key;
    update();
  };
  const head = (columns) => {
    const line = make("tr");
    for (const [name, key, kind] of columns) {
      const [first, second] = name.split("|");
      const cell = make("th", key ? null : first, { scope: "col", class: kind }, ...(second && !key ? [make("small", second)] : []));
      if (key) {
        const button = make("button", first, { type: "button", title: `Sort by ${first.toLowerCase()}` });
        button.addEventListener("click", () => { sortBy(key); at("rows").querySelectorAll("th button").forEach((b) => b.textContent === first && b.focus()); });
        cell.append(button, ...(second ? [make("small", second)] : []));
        if (at("sort").value === key) cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
      }
      line.append(cell);
    }
    return make("thead", null, {}, line);
  };
  const COLUMNS = [["Status", "status"], ["Section", "rule"], ["Rule"], ["Category"], ["Account", "account"], ["Results|failed/checked", "failed", "number"],
    ["Affected", "affected", "number"], ["Severity", "severity"], ["Last updated|UTC"]];
  const empty = () => make("p", "Nothing matches these filters.", { class: "empty" });
  const drawRows = () => {
    if (!found.length) return at("rows").replaceChildren(empty());
    const body = make("tbody", null, {}, ...found.slice(0, shown).map(tableRow));
    at("rows").replaceChildren(make("table", null, { class: "list" }, head(COLUMNS), body));
    more(found.length);
  };
  const more = (all) => {
    at("more").hidden = all <= shown;
    at("more").textContent = `Show ${Math.min(STEP, all - shown)} more of ${all.toLocaleString("en")}`;
  };
  const showMore = () => {
    const from = shown;
    shown += STEP;
    if (view !== "rows") return draw();
    const body = at("rows").querySelector("tbody");
    body.append(...found.slice(from, shown).map(tableRow));
    more(found.length);
    body.querySelectorAll(".name-button")[from]?.focus({ preventScroll: true });
  };

  // ---- rules and accounts: counts of what is found
  const grouped = (of, all) => {
    const groups = all.map(() => counter());
    for (const i of found) add(groups[rows[of][i]], i);
    return groups.map((counts, index) => ({ index, counts })).filter(({ counts }) => ORDER.some((s) => counts[s]));
  };
  const worstFirst = (a, b) => b.counts.FAIL - a.counts.FAIL || b.counts.ERROR - a.counts.ERROR;
  const shareCells = (counts) => [
    make("td", null, { class: "share" }, bar(counts)),
    ...["FAIL", "ERROR", "MANUAL", "PASS", "NOT_APPLICABLE"].map((s) => make("td", null, { class: counts[s] ? "number" : "number zero", "data-name": WORD[s] }, make("b", counts[s], counts[s] ? { class: s } : { class: "soft" }))),
    make("td", percent(score(counts)), { class: "number", "data-name": "holds" }),
  ];
  const summary = (into, columns, groups, first, open) => {
    if (!groups.length) return at(into).replaceChildren(empty());
    const body = make("tbody");
    for (const { index, counts } of groups.slice(0, shown)) {
      const line = make("tr", null, { class: "row" }, ...first(index), ...shareCells(counts));
      line.addEventListener("click", () => open(index));
      body.append(line);
    }
    const counted = [["", "", "share"], ...["FAIL", "ERROR", "MANUAL", "PASS", "N/A", "Holds"].map((n) => [n, "", "number"])];
    at(into).replaceChildren(make("table", null, { class: "list" }, head([...columns, ...counted]), body));
    more(groups.length);
  };
  const drawRules = () => summary("rules", [["Rule"], ["Title"], ["Severity"]], grouped("rule", data.rules).sort((a, b) => a.index - b.index), (index) => {
    const r = data.rules[index];
    const main = make("td", null, { class: "main" }, make("button", r.title, { type: "button", class: "name-button plain" }),
      make("div", [r.section, `level ${r.level}`, r.scored ? "" : "not scored", r.fix_control ? `fixed by [${r.fix_control}]` : "fixed by hand"].filter(Boolean).join(" · "), { class: "soft" }));
    return [make("td", r.rule, { class: "id" }), main, make("td", null, { class: "sev" }, make("span", r.severity, { class: `severity ${r.severity}` }))];
  }, (index) => { at("rule").value = String(index); show("rows"); });
  const drawAccounts = () => summary("accounts", [["Account"], ["OU"]], grouped("account", data.accounts).sort((a, b) => worstFirst(a, b) || accountRank[a.index] - accountRank[b.index]), (index) => {
    const a = data.accounts[index];
    const main = make("td", null, { class: "main" }, make("button", a[1], { type: "button", class: "name-button plain" }), make("div", a[0], { class: "soft" }));
    return [main, make("td", a[2], { class: "place soft" })];
  }, (index) => { at("account").value = String(index); show("rows"); });

  // ---- grid: only the lines that can be seen exist
  let grid = null;
  const buildGrid = () => {
    const cells = new Map(), counts = new Map();
    for (const i of found) {
      const key = rows.account[i] * 1000 + rows.rule[i];
      const known = cells.get(key);
      if (known === undefined || statusRank[rows.status[i]] < statusRank[known]) cells.set(key, rows.status[i]);
      if (!counts.has(rows.account[i])) counts.set(rows.account[i], counter());
      add(counts.get(rows.account[i]), i);
    }
    const rules = unique(found.map((i) => rows.rule[i])).sort((a, b) => a - b);
    // The management account stands for the organization: only it has the rules that are decided once.
    const spread = new Map();
    for (const key of cells.keys()) spread.set(Math.floor(key / 1000), (spread.get(Math.floor(key / 1000)) || 0) + 1);
    const most = Math.max(...spread.values()), whole = [...spread].filter(([, n]) => n === most);
    const first = whole.length === 1 ? whole[0][0] : null;
    const who = [...counts.keys()].sort((a, b) => accountRank[a] - accountRank[b]);
    if (["status", "failed", "severity"].includes(at("sort").value)) who.sort((a, b) => counts.get(b).FAIL - counts.get(a).FAIL || accountRank[a] - accountRank[b]);
    else if (first !== null) who.sort((a, b) => (b === first) - (a === first));
    grid = { cells, counts, rules, who, from: -1, to: -1, row: 0, column: 0, height: window.matchMedia("(pointer: coarse)").matches ? 36 : 27 };
  };
  const gridHead = () => {
    const bands = make("tr", null, { class: "bands" }, make("th", "Account", { class: "corner", rowspan: "2", scope: "col" }));
    const numbers = make("tr", null, { class: "numbers" });
    let last = null, band = null;
    for (const r of grid.rules) {
      const one = data.rules[r];
      const first = one.section !== last;
      if (first) bands.append(band = make("th", one.section, { colspan: "0", scope: "colgroup", title: one.section }));
      band.setAttribute("colspan", String(Number(band.getAttribute("colspan")) + 1));
      numbers.append(make("th", null, { scope: "col", title: `${one.rule} ${one.title}`, class: first ? "first" : null }, make("span", one.rule)));
      last = one.section;
    }
    bands.append(make("th", "Holds", { class: "score", rowspan: "2", scope: "col" }));
    return make("thead", null, {}, bands, numbers);
  };
  const gridLine = (n) => {
    const a = grid.who[n];
    const line = make("tr", null, { "aria-rowindex": String(n + 3) }, make("th", label(data.accounts[a]), { scope: "row", title: `${label(data.accounts[a])}, ${data.accounts[a][2]}` }));
    let last = null;
    grid.rules.forEach((r, column) => {
      const one = data.rules[r];
      const cell = make("td", null, { class: one.section === last ? null : "first" });
      last = one.section;
      const state = data.statuses[grid.cells.get(a * 1000 + r)];
      if (state) {
        const name = `${one.rule} ${one.title} ${data.accounts[a][1]}: ${state}`;
        cell.append(make("button", MARK[state], { type: "button", class: `cell ${state}`, title: name, "aria-label": name, "data-n": n, "data-c": column,
          tabindex: n === grid.row && column === grid.column ? "0" : "-1" }));
      }
      line.append(cell);
    });
    line.append(make("td", percent(score(grid.counts.get(a))), { class: "score" }));
    return line;
  };
  const spacer = (lines) => {
    const line = make("tr", null, { "aria-hidden": "true" });
    line.style.height = `${lines * grid.height}px`;
    return line;
  };
  const drawLines = (all) => {
    const box = at("grid"), size = Math.ceil(Math.min(window.innerHeight, 1000) / grid.height);
    const top = Math.floor(box.scrollTop / grid.height);
    const from = all ? 0 : Math.max(0, top - 12), to = all ? grid.who.length : Math.min(grid.who.length, top + size + 12);
    if (!all && grid.from >= 0 && Math.max(0, top - 4) >= grid.from && Math.min(grid.who.length, top + size + 4) <= grid.to) return;
    const held = document.activeElement?.dataset?.n !== undefined;
    [grid.from, grid.to] = [from, to];
    const lines = [];
    for (let n = from; n < to; n++) lines.push(gridLine(n));
    box.querySelector("tbody").replaceChildren(...(from ? [spacer(from)] : []), ...lines, ...(to < grid.who.length ? [spacer(grid.who.length - to)] : []));
    if (held) box.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
  };
  const drawGrid = () => {
    at("more").hidden = true;
    if (!found.length) return at("grid").replaceChildren(empty());
    buildGrid();
    const first = grid.rules.findIndex((r) => grid.cells.has(grid.who[0] * 1000 + r));
    grid.column = Math.max(0, first);
    at("grid").scrollTop = 0;
    at("grid").replaceChildren(make("table", null, { "aria-rowcount": String(grid.who.length + 2) }, gridHead(), make("tbody")));
    drawLines(false);
  };
  const move = (row, column) => {
    const box = at("grid");
    row = Math.max(0, Math.min(grid.who.length - 1, row));
    column = Math.max(0, Math.min(grid.rules.length - 1, column));
    const y = row * grid.height;
    if (y < box.scrollTop) box.scrollTop = y;
    if (y > box.scrollTop + box.clientHeight - 80 - 2 * grid.height) box.scrollTop = y - box.clientHeight + 80 + 2 * grid.height;
    drawLines(false);
    const target = box.querySelector(`[data-n="${row}"][data-c="${column}"]`);
    if (!target) return false;
    box.querySelector('[tabindex="0"].cell')?.setAttribute("tabindex", "-1");
    [grid.row, grid.column] = [row, column];
    target.setAttribute("tabindex", "0");
    target.focus({ preventScroll: false });
    return true;
  };
  // Over cells that have no result to the next one that has.
  const walk = (down, right) => {
    let [row, column] = [grid.row + down, grid.column + right];
    while (row >= 0 && row < grid.who.length && column >= 0 && column < grid.rules.length) {
      if (move(row, column)) return;
      [row, column] = [row + down, column + right];
    }
  };
  const KEY = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-15, 0], PageDown: [15, 0] };
  at("grid").addEventListener("keydown", (event) => {
    if (event.target.dataset.n === undefined || !KEY[event.key]) return;
    event.preventDefault();
    walk(...KEY[event.key]);
  });
  at("grid").addEventListener("scroll", () => grid && window.requestAnimationFrame(() => grid && view === "grid" && drawLines(false)));
  at("grid").addEventListener("click", (event) => {
    const cell = event.target.closest("[data-n]");
    if (!cell) return;
    move(Number(cell.dataset.n), Number(cell.dataset.c));
    openCell(grid.who[grid.row], grid.rules[grid.column]);
  });
  const openCell = (a, r) => {
    const mine = found.filter((i) => rows.account[i] === a && rows.rule[i] === r).sort((x, y) => statusRank[rows.status[x]] - statusRank[rows.status[y]]);
    at("dialog-title").textContent = clean(`${data.rules[r].rule} ${data.rules[r].title}`);
    const body = make("div");
    for (const i of mine) {
      const list = make("dl");
      result(list, i);
      const where = [data.accounts[a][1], data.accounts[a][0], text(rows.region[i])].filter(Boolean).join(" · ");
      body.append(make("div", null, { class: "place" }, make("p", null, {}, badge(status(i)), " ", make("bdi", where)), list));
    }
    const list = make("dl");
    about(list, data.rules[r]);
    body.append(make("h3", "About the rule"), list);
    at("dialog-body").replaceChildren(body);
    at("dialog").showModal();
    at("dialog").scrollTop = 0;
  };
  at("close").addEventListener("click", () => at("dialog").close());
  at("dialog").addEventListener("click", (event) => { if (event.target === at("dialog")) at("dialog").close(); });
  at("legend").append(...ORDER.map((s) => make("span", null, {}, make("span", MARK[s], { class: `cell key ${s}` }), WORD[s])), make("span", "empty: decided once, for the organization"));

  // ---- the page
  const DRAW = { rows: drawRows, grid: drawGrid, rules: drawRules, accounts: drawAccounts };
  const draw = () => DRAW[view]();
  const update = () => {
    shown = STEP;
    select();
    const of = total === found.length ? "" : ` of ${total.toLocaleString("en")}`;
    at("count").textContent = `Rules (${found.length.toLocaleString("en")}${of})`;
    for (const [s, button] of chips) pressed(button, at("status").value === s);
    for (const [name, button] of changeChips) pressed(button, change === name);
    for (const [name, button] of sectionButtons) pressed(button, at("section").value === name);
    const chosen = FILTERS.filter((id) => at(id).value).map((id) => `${id}: ${at(id).selectedOptions[0].textContent}`);
    const words = at("search").value.trim();
    const active = [...(words ? [`“${words}”`] : []), ...(at("failed").checked ? ["failed only"] : []), ...chosen, ...(change ? [change] : [])];
    at("active").textContent = active.length ? `(${active.length} active)` : "";
    at("told").textContent = clean(active.join(" · "));
    draw();
  };
  const show = (name) => {
    view = name;
    for (const id of VIEWS) {
      at(id).hidden = id !== name;
      pressed(at(`view-${id}`), id === name);
    }
    at("legend").hidden = name !== "grid";
    update();
  };
  for (const id of [...FILTERS, "failed"]) at(id).addEventListener("change", update);
  at("sort").addEventListener("change", () => { descending = false; update(); });
  let waiting;
  at("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(update, 120); });
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("reset").addEventListener("click", () => {
    for (const id of ["search", ...FILTERS]) at(id).value = "";
    at("failed").checked = false;
    at("sort").value = "rule";
    [change, descending] = ["", false];
    update();
  });
  for (const id of VIEWS) at(`view-${id}`).addEventListener("click", () => show(id));
  at("more").addEventListener("click", showMore);
  window.addEventListener("beforeprint", () => {
    shown = PRINTED;
    if (view === "grid" && grid) drawLines(true); else draw();
    if (found.length > PRINTED && view === "rows") at("rows").append(make("p", `The first ${PRINTED.toLocaleString("en")} of ${found.length.toLocaleString("en")} are printed: filter to choose.`, { class: "soft" }));
  });
  window.addEventListener("afterprint", () => { shown = STEP; draw(); });
  const wide = window.matchMedia("(min-width: 901px)");
  const fold = () => { at("panel").open = wide.matches; };
  wide.addEventListener("change", fold);
  fold();
  if (data.exceptions.length) {
    at("exceptions").hidden = false;
    at("exceptions").querySelector("ul").append(...data.exceptions.map((line) => make("li", line)));
  }
  if (data.skipped.length) {
    at("skipped").hidden = false;
    at("skipped").querySelector("ul").append(...data.skipped.map((s) => make("li", `${s.account_name} (${s.account_id}): ${s.reason}`)));
  }
  show("rows");
})();
