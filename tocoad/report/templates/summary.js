"use strict";
// The summary: search, filter and order. Without this script every category is there, those that need a person first.
(() => {
  const element = (id) => document.getElementById(id);
  const [list, table] = [element("rows"), element("figures")];
  const FIRST = 50;  // what a screen or two take; the rest at a press
  const FEW = 8;  // so few need no search
  const DESCENDING = new Set([3]);  // of false rejects the most come first, of all else the least
  const TEXTS = new Set([0, 1]);

  // Both list the categories in the same order: who needs a person first.
  const rows = [...list.querySelectorAll(":scope > .row")].map((item, need) => {
    const body = table.tBodies[need];
    return { item, body, need, text: item.textContent.toLowerCase(), values: [...body.rows[0].cells].map(valueOf) };
  });
  if (rows.length < 2) return;
  const heads = [...table.tHead.rows[0].cells];
  const buttons = [...document.querySelectorAll("[data-state]")];
  const [find, gate, order] = [element("find"), element("gate"), element("order")];
  let state = "";
  let column = -1;  // who needs a person first
  let descending = false;
  let whole = false;
  let found = rows;

  function valueOf(cell, index) {
    // As it is shown; what the data cannot tell is a dash.
    return TEXTS.has(index) ? cell.textContent : parseFloat(cell.textContent.replace(/[<>]/, ""));
  }

  function compare(a, b) {
    const [x, y] = [a.values[column], b.values[column]];
    if (TEXTS.has(column)) return x.localeCompare(y, "en", { numeric: true }) * (descending ? -1 : 1) || a.need - b.need;
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a.need - b.need;
    return (descending ? y - x : x - y) || a.need - b.need;
  }

  function sortBy(wanted, turned) {
    column = wanted;
    descending = turned;
    rows.sort(column < 0 ? (a, b) => a.need - b.need : compare);
    list.append(...rows.map((row) => row.item));
    for (const row of rows) table.insertBefore(row.body, table.tFoot);
    heads.forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    order.value = String(column);
    element("urgent").hidden = column >= 0;
    update();
  }

  function choose() {
    whole = false;  // of another choice the first ones are enough again
    update();
  }

  function update() {
    const words = find.value.toLowerCase().split(/\s+/);
    found = rows.filter(
      ({ item, text }) =>
        (!state || item.dataset.is === state) &&
        (!gate.value || item.dataset.gate === gate.value) &&
        words.every((word) => text.includes(word))
    );
    const shown = new Set(whole ? found : found.slice(0, FIRST));
    for (const row of rows) row.item.hidden = row.body.hidden = !shown.has(row);
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.state === state));
    const among = found.length < rows.length ? " that fit" : "";
    element("count").textContent = `Showing ${shown.size} of ${found.length}${among}`;
    for (const more of document.querySelectorAll(".show-all")) {
      more.hidden = shown.size === found.length;
      more.textContent = `Show all ${found.length}`;
    }
    element("none").hidden = found.length > 0;
  }

  heads.forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      sortBy(index, index === column ? !descending : DESCENDING.has(index));
    });
    order.add(new Option(head.textContent.trim(), String(index)));
  });
  for (const button of buttons) {
    button.addEventListener("click", () => {
      state = button.dataset.state;
      choose();
    });
  }
  find.addEventListener("input", choose);
  gate.addEventListener("change", choose);
  order.addEventListener("change", () => sortBy(Number(order.value), DESCENDING.has(Number(order.value))));
  element("reset").addEventListener("click", () => {
    find.value = gate.value = state = "";
    choose();
    find.focus();
  });
  for (const more of document.querySelectorAll(".show-all")) {
    more.addEventListener("click", () => {
      const next = found[FIRST];
      whole = true;
      update();
      // A reader goes on where the list ended; a category without a page has nothing to take the keys.
      const target = more.closest("section").contains(list) ? next.item : next.body;
      target.querySelector("a")?.focus();
    });
  }

  document.documentElement.classList.add("scripted");
  element("controls").hidden = rows.length <= FEW;
  // A browser may restore the words of an earlier visit, and not what they did to the page.
  order.value = "-1";
  update();
})();
