"use strict";
// A picture goes to the server that this page came from; its answer is shown.
(() => {
  document.documentElement.classList.add("scripted");
  const element = (id) => document.getElementById(id);
  const [drop, file, category] = [element("drop"), element("file"), element("category")];
  if (!drop) return;
  const [section, verdict, shown] = [element("answer"), element("verdict"), element("shown")];
  const [given, seen] = [element("given"), element("seen")];
  let last = null;
  let asked = 0;

  function say(kind, headline, note) {
    section.hidden = false;
    verdict.className = `verdict ${kind}`;
    element("headline").textContent = headline;
    element("note").textContent = note;
  }

  // As many digits as tell the score from the threshold.
  function apart(score, threshold) {
    for (let digits = 4; digits < 17; digits += 1) {
      const pair = [score.toPrecision(digits), threshold.toPrecision(digits)];
      if (pair[0] !== pair[1] || score === threshold) return pair;
    }
    return [String(score), String(threshold)];
  }

  function answered(answer) {
    const [score, threshold] = apart(answer.pred_score, answer.threshold);
    const version = answer.model.version === null ? "" : ` version ${answer.model.version}`;
    say(
      answer.pred_label ? "rejected" : "passed",
      answer.pred_label ? "Rejected" : "Passed",
      `Score ${score} ${answer.pred_label ? ">" : "≤"} threshold ${threshold}, by ${answer.model.name}${version} (${answer.model.method}).`
    );
    seen.src = `data:image/png;base64,${answer.anomaly_map.png}`;
    element("seen-box").hidden = false;
  }

  async function ask(picture) {
    last = picture;
    const number = (asked += 1);
    URL.revokeObjectURL(given.src);
    given.src = URL.createObjectURL(picture);
    element("given-box").hidden = false;
    shown.classList.add("working");
    say("", "…", picture.name);
    let told;
    try {
      const path = `v1/predict/${encodeURIComponent(category.value)}?map=overlay`;
      const response = await fetch(path, { method: "POST", body: picture });
      const said = await response.json();
      told = response.ok ? () => answered(said) : () => failed(said.error);
    } catch {
      told = () => failed("the server does not answer");
    }
    // An answer to an earlier picture that comes late is not shown below this one.
    if (number !== asked) return;
    shown.classList.remove("working");
    told();
  }

  function failed(reason) {
    element("seen-box").hidden = true;
    say("failed", "No answer", reason);
  }

  // Browsers do not show TIFF.
  given.addEventListener("error", () => (element("given-box").hidden = true));
  file.addEventListener("change", () => {
    if (file.files[0]) ask(file.files[0]);
    file.value = "";
  });
  category.addEventListener("change", () => last && ask(last));
  for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
  for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, () => drop.classList.add("over"));
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  const taken = (data) => data.files[0] && ask(data.files[0]);
  addEventListener("drop", (event) => taken(event.dataTransfer));
  addEventListener("paste", (event) => taken(event.clipboardData));
})();
