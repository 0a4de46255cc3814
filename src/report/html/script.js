"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const items = [...document.querySelectorAll("[data-item]")];
  const texts = items.map((item) => item.textContent.toLowerCase());
  const selects = [...document.querySelectorAll("#filters select")];
  const show = () => {
    const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    items.forEach((item, index) => {
      const fits = words.every((word) => texts[index].includes(word))
        && selects.every((select) => !select.value || item.getAttribute(select.dataset.by) === select.value);
      item.hidden = !fits;
      if (fits) shown += 1;
    });
    for (const group of document.querySelectorAll("[data-group]")) {
      group.hidden = !group.querySelector("[data-item]:not([hidden])");
    }
    at("count").textContent = shown === items.length ? `${shown} shown` : `${shown} of ${items.length} shown`;
  };
  at("search").addEventListener("input", show);
  for (const select of selects) select.addEventListener("change", show);
  at("reset").addEventListener("click", () => {
    at("search").value = "";
    for (const select of selects) select.value = "";
    show();
  });
  const folds = [...document.querySelectorAll("details.item")];
  at("fold").hidden = folds.length === 0;
  at("fold").addEventListener("click", () => {
    const open = folds.some((fold) => fold.open);
    for (const fold of folds) fold.open = !open;
    at("fold").textContent = open ? "Open all" : "Fold all";
  });
  at("filters").hidden = items.length === 0;
  if (items.length) show();
})();
