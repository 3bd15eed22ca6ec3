// What the page does beyond being read: keys, filter, theme, ages that tick, rows that stay open when the
// page is replaced, and an amber banner when what is shown is no longer known to be true.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripts");

  const QUIET_AFTER = 40_000; // the hub gives a sign of life every 15 s
  const THEMES = ["auto", "light", "dark"];
  const $ = (id) => document.getElementById(id);

  // --- theme, before anything is painted ---
  let theme = "auto";
  try { theme = localStorage.getItem("cordon-theme") || "auto"; } catch { /* private windows may refuse */ }
  function wear(next) {
    theme = THEMES.includes(next) ? next : "auto";
    root.dataset.theme = theme;
    if ($("theme-word")) $("theme-word").textContent = theme;
    try { localStorage.setItem("cordon-theme", theme); } catch { /* likewise */ }
  }
  wear(theme);
  const turn = () => wear(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);

  // --- ages: the hub's clock, carried on by ours ---
  let ahead = 0; // hub's clock less ours, in ms
  const now = () => Date.now() + ahead;
  function plain(ms) {
    const s = Math.floor(ms / 1000);
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 86400) return `${Math.floor(s / 3600)} h`;
    return s < 172800 ? "1 day" : `${Math.floor(s / 86400)} days`;
  }
  function tick() {
    for (const time of document.querySelectorAll("[data-ago]")) {
      const age = Math.max(0, now() - Number(time.dataset.ago));
      const words = age < 1000 ? "now" : `${plain(age)} ago`;
      if (time.textContent !== words) time.textContent = words;
    }
    doubt();
  }

  // --- is this page still true? ---
  let heard = Date.now();
  let broken = "";
  function doubt() {
    const state = $("state");
    const banner = $("lost");
    if (!state || !banner) return;
    const at = Number(state.dataset.at || 0);
    const from = at ? `This page is from ${plain(Math.max(0, now() - at))} ago.` : "";
    let words = "";
    if (broken === "rest") words = `This tab rests because newer ones are open. ${from} Reload it to go on.`;
    else if (broken || Date.now() - heard > QUIET_AFTER)
      words = `Connection lost. ${from} It is tried again by itself; if cordon up was restarted, open the new link that it printed.`;
    else if (at && now() - at > Number(state.dataset.stale))
      words = `${from} The hub has judged nothing since: see whether cordon up still runs.`;
    banner.hidden = words === "" || (!broken && state.querySelector(".banner") !== null);
    const said = $("lost-words");
    if (said.textContent !== words) said.textContent = words;
    root.classList.toggle("lost", words !== "");
    const shape = document.querySelector(".verdict use");
    if (words && !shape.dataset.was) {
      shape.dataset.was = shape.getAttribute("href");
      shape.setAttribute("href", "#g-blind");
    } else if (!words && shape.dataset.was) {
      shape.setAttribute("href", shape.dataset.was);
      delete shape.dataset.was;
    }
    document.title = (words ? "page is old · " : "") + state.dataset.tab.replace(/^page is old · /, "");
  }
  function alive(hubNow) {
    heard = Date.now();
    broken = "";
    if (hubNow) ahead = Number(hubNow) - Date.now();
  }
  function arrived() {
    alive($("state")?.dataset.now);
    for (const part of document.querySelectorAll("#state time")) local(part);
    sift();
    tick();
  }
  document.addEventListener("htmx:sseOpen", (event) => {
    alive();
    event.detail.source.addEventListener("beat", (beat) => { alive(beat.data); doubt(); });
    doubt();
  });
  document.addEventListener("htmx:sseError", () => { broken = "lost"; doubt(); });
  document.addEventListener("htmx:sseClose", () => { broken = "rest"; doubt(); });
  document.addEventListener("htmx:sseMessage", arrived);

  // The tooltip says the exact moment in UTC; here it is also said in the reader's own time.
  function local(time) {
    if (time.title.includes("·")) return;
    const here = new Date(time.dateTime);
    time.title += ` · ${here.toLocaleString([], { dateStyle: "medium", timeStyle: "medium" })} here`;
  }

  // --- filter ---
  function sift() {
    const find = $("find");
    if (!find) return;
    const wanted = find.value.trim().toLowerCase();
    const rows = document.querySelectorAll("[data-row]");
    let shown = 0;
    for (const row of rows) {
      const hit = wanted === "" || row.textContent.toLowerCase().includes(wanted);
      row.closest("li").hidden = !hit;
      shown += hit ? 1 : 0;
    }
    $("found").textContent = wanted === "" ? "" : `${shown} of ${rows.length} rows`;
  }

  // --- keys ---
  const heads = () => [...document.querySelectorAll("details[data-row] > summary")].filter((head) => head.offsetParent);
  function step(by) {
    const all = heads();
    if (all.length === 0) return;
    const row = document.activeElement?.closest?.("details[data-row]");
    const here = row ? all.indexOf(row.firstElementChild) : -1;
    const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + by));
    all[next].focus({ focusVisible: true });
    all[next].scrollIntoView({ block: "nearest" });
  }
  async function copy(row) {
    const line = row?.querySelector(".command");
    if (!line) return;
    row.open = true;
    const button = line.querySelector("button");
    try {
      await navigator.clipboard.writeText(line.querySelector("code").textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(line.querySelector("code"));
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }
  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    c: () => copy(document.activeElement?.closest?.("details[data-row]")),
    t: turn,
    "/": () => { $("find").focus(); $("find").select(); },
    "?": () => { $("keys").showModal(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("keys")?.open) return;
    if (event.target.id === "find") {
      if (event.key === "Escape") { $("find").value = ""; sift(); $("find").blur(); }
      if (event.key === "Enter") step(1);
      return;
    }
    if (event.key === "Escape" && $("find")?.value) { $("find").value = ""; sift(); }
    const key = KEYS[event.key];
    if (key && $("find")) { event.preventDefault(); key(); }
  });

  document.addEventListener("DOMContentLoaded", () => {
    wear(theme);
    if (!$("state")) return;
    // What the reader opened or filtered is the reader's, not the hub's.
    globalThis.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
      !((name === "open" && node.tagName === "DETAILS") || (name === "hidden" && node.tagName === "LI"));
    $("find").addEventListener("input", sift);
    $("theme").addEventListener("click", turn);
    $("help").addEventListener("click", () => $("keys").showModal());
    $("keys-close").addEventListener("click", () => $("keys").close());
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-copy]");
      if (button) copy(button.closest("details"));
    });
    arrived();
    setInterval(tick, 1000);
  });
})();
