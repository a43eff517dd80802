"use strict";
// The review: a verdict on each image, remembered by the browser, and written as the table that `tocoad feedback` takes.
(() => {
  const list = document.getElementById("cards");
  if (!list) return;
  const element = (id) => document.getElementById(id);
  const main = element("main");
  const cards = [...list.children];
  const parts = new Map(cards.map((card) => [card, partsOf(card)]));
  const buttons = [...document.querySelectorAll("[data-choose]")];
  const [who, order, viewer, told] = [element("who"), element("order"), element("viewer"), element("told")];
  const KEYS = { f: "false reject", m: "missed defect", u: "unclear" };
  const MEMORY = `tocoad review ${main.dataset.key}`;
  let wanted = "";
  let found = cards;
  let open = null;
  let unsaved = false;

  function partsOf(card) {
    const say = card.querySelector(".say");
    return {
      say,
      radios: [...say.querySelectorAll("input[type=radio]")],
      type: say.querySelector(".type"),
      input: say.querySelector(".type input"),
      clear: say.querySelector(".clear"),
    };
  }

  const verdictOf = (card) => parts.get(card).radios.find((radio) => radio.checked)?.value ?? "";
  const judged = () => cards.filter(verdictOf);
  const byName = (a, b) => (a.dataset.name < b.dataset.name ? -1 : 1);
  const orders = {
    doubt: (a, b) => cards.indexOf(a) - cards.indexOf(b),
    name: byName,
    high: (a, b) => b.dataset.score - a.dataset.score || byName(a, b),
    low: (a, b) => a.dataset.score - b.dataset.score || byName(a, b),
  };

  // Not at every verdict: a card does not vanish under the reader's finger.
  function choose(choice) {
    wanted = choice;
    const ordered = [...cards].sort(orders[order?.value ?? "doubt"]);
    found = ordered.filter(
      (card) => !wanted || (wanted === "open" ? !verdictOf(card) : card.dataset.label === wanted)
    );
    const shown = new Set(found);
    list.append(...ordered);
    for (const card of cards) card.hidden = !shown.has(card);
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.choose === wanted));
    element("none").hidden = found.length > 0;
  }

  function judge(card, verdict) {
    for (const radio of parts.get(card).radios) radio.checked = radio.value === verdict;
    card.dataset.when = verdict ? new Date().toISOString() : "";
    changed(card);
  }

  function changed(card) {
    unsaved = true;
    show(card);
    tell();
    remember();
  }

  function show(card) {
    const { type, clear } = parts.get(card);
    const verdict = verdictOf(card);
    type.hidden = verdict !== "missed defect";
    clear.hidden = !verdict;
    card.classList.toggle("judged", Boolean(verdict));
  }

  function tell() {
    const said = judged().map(verdictOf);
    const count = (verdict, one, many) => {
      const number = said.filter((each) => each === verdict).length;
      return number ? [`${number} ${number === 1 ? one : many}`] : [];
    };
    const kinds = [
      ...count("false reject", "false reject", "false rejects"),
      ...count("missed defect", "missed defect", "missed defects"),
      ...count("unclear", "unclear", "unclear"),
    ];
    told.textContent = `${said.length} of ${cards.length} judged${kinds.length ? `: ${kinds.join(", ")}` : ""}`;
    element("open-count").textContent = String(cards.length - said.length);
    element("bar").hidden = !said.length;
  }

  // A browser may refuse to remember; then a page that is closed is lost.
  function remember() {
    const said = judged().map((card) => [
      card.dataset.sha256, [verdictOf(card), parts.get(card).input.value, card.dataset.when],
    ]);
    try {
      localStorage.setItem(MEMORY, JSON.stringify({ who: who.value, said: Object.fromEntries(said) }));
    } catch {}
  }

  function recall() {
    let known = null;
    try {
      known = JSON.parse(localStorage.getItem(MEMORY));
    } catch {}
    who.value = known?.who ?? "";
    for (const card of cards) {
      const [verdict, type, when] = known?.said?.[card.dataset.sha256] ?? ["", "", ""];
      for (const radio of parts.get(card).radios) radio.checked = radio.value === verdict;
      parts.get(card).input.value = type;
      card.dataset.when = when;
      show(card);
    }
  }

  function go(card, by) {
    const next = found[found.indexOf(card) + by];
    if (viewer.open) {
      if (next) enlarge(next);
      else element("close").focus();
    } else if (next) {
      next.focus();
      next.scrollIntoView({ block: "nearest" });
    } else if (by > 0) {
      element("download").focus();
    }
  }

  function say(card, verdict) {
    judge(card, verdict);
    if (verdict === "missed defect") parts.get(card).input.focus();
    else if (verdict) go(card, 1);
  }

  function giveBack() {
    if (open) open.append(parts.get(open).say);
  }

  function enlarge(card) {
    giveBack();
    open = card;
    element("viewer-name").textContent = card.dataset.name;
    element("viewer-line").replaceChildren(...[...card.querySelectorAll(".card-line")].map((e) => e.cloneNode(true)));
    const panels = [...card.querySelectorAll(".panel")].map((panel) => panel.cloneNode(true));
    for (const picture of panels.flatMap((panel) => [...panel.querySelectorAll("img")])) picture.loading = "eager";
    element("viewer-panels").replaceChildren(...panels);
    element("viewer-say").replaceChildren(parts.get(card).say);
    const place = found.indexOf(card);
    element("viewer-place").textContent = `${place + 1} of ${found.length}`;
    element("previous").disabled = place <= 0;
    element("next").disabled = place === found.length - 1;
    if (!viewer.open) viewer.showModal();
    viewer.focus();
  }

  function table() {
    const cell = (text) => `"${text.replaceAll('"', '""')}"`;
    const rows = judged().map((card) => {
      const verdict = verdictOf(card);
      const type = verdict === "missed defect" ? parts.get(card).input.value.trim() : "";
      return [card.dataset.path, verdict, type, who.value.trim(), card.dataset.when, card.dataset.sha256];
    });
    const lines = [["path", "verdict", "defect_type", "who", "when", "sha256"], ...rows];
    // With its mark a spreadsheet takes it for what it is, UTF-8.
    return `\ufeff${lines.map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
  }

  function download() {
    if (!who.value.trim()) {
      told.textContent = "Who looked? Your name goes with every verdict.";
      who.focus();
      return;
    }
    const unfit = judged().find((card) => verdictOf(card) === "missed defect" && !parts.get(card).input.validity.valid);
    if (unfit) {
      choose("");
      told.textContent = "A defect type has letters, digits, spaces, '_' and '-' only.";
      parts.get(unfit).input.focus();
      return;
    }
    const time = new Date().toISOString().replace(/[-:]/g, "").slice(0, 13).replace("T", "-");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
    link.download = `${main.dataset.file}-${time}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
    element("file-name").textContent = link.download;
    unsaved = false;
    tell();
  }

  for (const card of cards) {
    const { say: form, radios, input, clear } = parts.get(card);
    for (const radio of radios) {
      radio.addEventListener("change", () => {
        judge(card, radio.value);
        if (radio.value === "missed defect") input.scrollIntoView({ block: "nearest" });
      });
    }
    input.addEventListener("input", () => changed(card));
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        go(card, 1);
      }
    });
    clear.addEventListener("click", () => {
      judge(card, "");
      radios[0].focus();
    });
    card.querySelector(".enlarge").addEventListener("click", () => enlarge(card));
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  for (const button of buttons) button.addEventListener("click", () => choose(button.dataset.choose));
  order?.addEventListener("change", () => choose(wanted));
  who.addEventListener("input", remember);
  element("reset").addEventListener("click", () => {
    choose("");
    buttons[0].focus();
  });
  element("start").addEventListener("click", () => {
    choose("");
    go((found.find((card) => !verdictOf(card)) ?? found[0]), 0);
  });
  element("download").addEventListener("click", download);
  element("close").addEventListener("click", () => viewer.close());
  element("previous").addEventListener("click", () => go(open, -1));
  element("next").addEventListener("click", () => go(open, 1));
  viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
  viewer.addEventListener("close", () => {
    giveBack();
    const last = open;
    open = null;
    go(last, 0);
  });
  // Single keys, of an image alone: in a field they are letters.
  document.addEventListener("keydown", (event) => {
    const card = open ?? document.activeElement.closest(".card");
    const typing = event.target.matches("input:not([type=radio]), select");
    if (!card || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    const by = { j: 1, k: -1, arrowright: 1, arrowleft: -1 }[key];
    const onRadio = event.target.matches("[type=radio]");  // whose own keys the arrows are
    if (KEYS[key]) say(card, KEYS[key]);
    else if (key === "x") judge(card, "");
    else if (by && !(onRadio && key.startsWith("arrow"))) go(card, by);
    else if (key === " " && event.target === card) enlarge(card);
    else return;
    event.preventDefault();
  });
  window.addEventListener("beforeunload", (event) => unsaved && event.preventDefault());

  document.documentElement.classList.add("scripted");
  // What a browser restores of an earlier visit by itself, it restores without a word; this is all.
  if (order) order.value = "doubt";
  recall();
  choose("");
  tell();
})();
