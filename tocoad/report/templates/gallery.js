"use strict";
// The gallery: filter, order, and a viewer for one image at a time. Without this script all pictures are there to see.
(() => {
  const list = document.getElementById("cards");
  if (!list) return;
  const element = (id) => document.getElementById(id);
  const cards = [...list.children];
  const buttons = [...document.querySelectorAll("[data-choose]")];
  const [type, order, viewer] = [element("type"), element("order"), element("viewer")];
  const FIRST = 12;  // enough to see what goes wrong; the rest at a press
  let outcome = "";
  let whole = false;
  let found = cards;
  let open = null;

  const byName = (a, b) => (a.dataset.name < b.dataset.name ? -1 : 1);
  const orders = {
    worst: (a, b) => cards.indexOf(a) - cards.indexOf(b),
    name: byName,
    high: (a, b) => b.dataset.score - a.dataset.score || byName(a, b),
    low: (a, b) => a.dataset.score - b.dataset.score || byName(a, b),
  };

  function update() {
    const ordered = [...cards].sort(orders[order.value]);
    found = ordered.filter(
      ({ dataset }) => (!outcome || dataset.outcome === outcome) && (!type.value || dataset.type === type.value)
    );
    const shown = whole ? found : found.slice(0, FIRST);
    list.append(...ordered);
    for (const card of cards) card.hidden = !shown.includes(card);
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.choose === outcome));
    const among = found.length < cards.length ? " that fit" : "";
    element("count").textContent = `Showing ${shown.length} of ${found.length}${among}`;
    element("more").hidden = shown.length === found.length;
    element("more").textContent = `Show all ${found.length}`;
    element("none").hidden = found.length > 0;
  }

  function choose(wanted) {
    outcome = wanted;
    update();
  }

  function show(card) {
    open = card;
    element("viewer-name").textContent = card.dataset.name;
    element("viewer-line").replaceChildren(...card.querySelector(".card-line").cloneNode(true).childNodes);
    const panels = [...card.querySelectorAll(".panel")].map((panel) => panel.cloneNode(true));
    for (const picture of panels.flatMap((panel) => [...panel.querySelectorAll("img")])) picture.loading = "eager";
    element("viewer-panels").replaceChildren(...panels);
    const place = found.indexOf(card);
    element("viewer-place").textContent = `${place + 1} of ${found.length}`;
    element("previous").disabled = place === 0;
    element("next").disabled = place === found.length - 1;
    if (!viewer.open) viewer.showModal();
  }

  function step(by) {
    const next = found[found.indexOf(open) + by];
    if (next) show(next);
  }

  function showAll() {
    whole = true;
    update();
  }

  for (const button of buttons) button.addEventListener("click", () => choose(button.dataset.choose));
  for (const select of [type, order]) select.addEventListener("change", update);
  for (const link of document.querySelectorAll("a[data-outcome]")) {
    link.addEventListener("click", () => {
      type.value = "";
      choose(link.dataset.outcome);
    });
  }
  element("reset").addEventListener("click", () => {
    type.value = "";
    choose("");
    buttons[0].focus();
  });
  element("more").addEventListener("click", () => {
    const next = found[FIRST];
    showAll();
    next.querySelector(".enlarge").focus();
  });
  list.addEventListener("click", (event) => {
    const button = event.target.closest(".enlarge");
    if (button) show(button.closest("li"));
  });
  element("close").addEventListener("click", () => viewer.close());
  element("previous").addEventListener("click", () => step(-1));
  element("next").addEventListener("click", () => step(1));
  viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
  // Of the document: a button that is disabled under the reader's finger leaves the keys to the body.
  document.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (viewer.open && by) {
      event.preventDefault();
      step(by);
    }
  });
  // The last image looked at, not the first, is where a reader goes on.
  viewer.addEventListener("close", () => {
    if (open.hidden) showAll();
    open.querySelector(".enlarge").focus();
  });

  document.documentElement.classList.add("scripted");
  document.querySelector(".controls").hidden = false;
  // A browser may restore the choices of an earlier visit without a word.
  type.value = "";
  order.value = "worst";
  update();
})();
