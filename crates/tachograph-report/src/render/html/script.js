"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("claims").textContent);
  const panel = byId("panel"), title = byId("panel-title"), body = byId("panel-body");
  let opener = null;

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const entry = (list, term, value) => {
    list.append(element("dt", term));
    const described = element("dd");
    described.append(...(Array.isArray(value) ? value : [value]));
    list.append(described);
  };
  const run = ([name, digest], line) => {
    const source = element("p", undefined, "src");
    const place = line === undefined ? "" : ", line " + line;
    source.append(element("span", "runs/" + name + "/events.jsonl.zst" + place));
    source.append(element("span", "sha256 (unpacked) " + digest, "digest"));
    return source;
  };
  const sources = (source) => {
    if (source.file) return [element("span", source.file)];
    if (source.run) {
      const found = data.runs.find(([name]) => name === source.run);
      return [found ? run(found, source.line) : element("span", source.run)];
    }
    const members = (data.sets[source.set] || []).map((at) => data.runs[at]);
    const head = element("p", source.set + ": " + members.length + (members.length === 1 ? " run" : " runs"), "src");
    const shown = members.slice(0, 8).map((each) => run(each));
    if (members.length <= 8) return [head, ...shown];
    const more = element("details");
    more.append(element("summary", (members.length - 8) + " more"), ...members.slice(8).map((each) => run(each)));
    return [head, ...shown, more];
  };

  const open = (number) => {
    const claim = data.claims[number.dataset.claim];
    if (!claim) return;
    if (opener) opener.classList.remove("open");
    opener = number;
    number.classList.add("open");
    title.textContent = number.textContent + (claim.unit && !number.textContent.includes("%") ? " " + claim.unit : "");
    const list = element("dl");
    const unit = claim.unit ? " " + claim.unit : "";
    entry(list, "claim", element("code", claim.id));
    if (number.dataset.part !== "value") entry(list, "this is", "the claim's " + number.dataset.part);
    entry(list, "value", claim.value + unit);
    if (claim.interval) {
      entry(list, Math.round(claim.interval.confidence * 1000) / 10 + " % interval",
        claim.interval.low + " to " + claim.interval.high + unit);
    }
    if (claim.n !== undefined) entry(list, "n", String(claim.n));
    entry(list, "formula", [element("strong", claim.formula), document.createTextNode(" – " + (data.formulas[claim.formula] || ""))]);
    entry(list, "validity", element("span", claim.validity, "status " + claim.validity));
    entry(list, "from", sources(claim.source));
    body.replaceChildren(list);
    panel.hidden = false;
    panel.scrollTop = 0;
  };
  const close = () => {
    panel.hidden = true;
    if (opener) { opener.classList.remove("open"); opener.focus({ preventScroll: true }); opener = null; }
  };

  document.addEventListener("click", (event) => {
    const number = event.target.closest("data[data-claim]");
    if (number) { event.preventDefault(); open(number); }
    else if (!panel.hidden && !event.target.closest("#panel")) close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) close();
    const number = event.target.closest && event.target.closest("data[data-claim]");
    if (number && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); open(number); }
  });
  byId("panel-close").addEventListener("click", close);
  for (const number of document.querySelectorAll("data[data-claim]")) {
    number.setAttribute("role", "button");
    number.removeAttribute("title");
  }

  const theme = byId("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  if (matchMedia("(max-width: 60rem)").matches) document.querySelector("nav details").open = false;
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));

  const links = new Map([...document.querySelectorAll("nav li a")].map((link) => [link.hash.slice(1), link]));
  const mark = () => {
    let here = null;
    for (const heading of document.querySelectorAll("h2[id]")) {
      if (heading.getBoundingClientRect().top < innerHeight / 3) here = heading.id;
    }
    links.forEach((link, id) => link.classList.toggle("here", id === here));
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
})();
