"use strict";
// Keeps the page as it is now: asks for it again and replaces what has changed. Without this the page is complete.
(() => {
  const EVERY = 5000, PATIENCE = 4000, RETRIES = [5000, 10000, 30000];
  const byId = (id) => document.getElementById(id);
  let etag = null, failures = 0, timer = 0, asking = false;
  let heard = Date.now(), title = document.title;

  const said = (text) => { byId("said").textContent = text; };

  // The server's clock, in the time of its logs.
  const showTime = (unix) => {
    const offset = Number(byId("now").dataset.offset);
    const zone = byId("now").textContent.split(" ").pop();
    byId("now").textContent = new Date((unix + offset) * 1000).toISOString().slice(11, 19) + " " + zone;
  };

  const showAge = () => {
    const seconds = Math.round((Date.now() - heard) / 1000);
    byId("age").textContent = seconds < 8 ? "updates every 5 s" : seconds + " s old";
  };

  const clockOf = (time) => new Date(time).toTimeString().slice(0, 8);

  const stale = (text) => {
    byId("stale").textContent = text;
    byId("stale").hidden = text === "";
    document.documentElement.classList.toggle("stale", text !== "");
    document.title = (text === "" ? "" : "? ") + title;
  };

  // Somebody reads or copies here: it must not move under the hand.
  const isInUse = () => {
    const main = document.querySelector("main"), selection = document.getSelection();
    const selected = selection && !selection.isCollapsed && main.contains(selection.anchorNode);
    return selected || (document.activeElement !== document.body && main.contains(document.activeElement));
  };

  const showButtons = () => {
    for (const button of document.querySelectorAll(".commands button")) button.hidden = false;
  };

  const replace = (text) => {
    const next = new DOMParser().parseFromString(text, "text/html");
    const before = document.querySelector("main"), after = next.querySelector("main");
    if (!after) throw new Error("no page");
    const open = Array.from(before.querySelectorAll("details[open]"), (one) => one.id);
    const verdict = byId("verdict").textContent;
    after.querySelectorAll("details").forEach((one) => { one.open = open.includes(one.id); });
    before.replaceWith(document.adoptNode(after));
    byId("now").dataset.offset = next.getElementById("now").dataset.offset;
    byId("now").textContent = next.getElementById("now").textContent;
    title = next.title;
    document.querySelector("link[rel=icon]").href = next.querySelector("link[rel=icon]").href;
    showButtons();
    if (byId("verdict").textContent !== verdict) said(byId("verdict").textContent);
  };

  const ask = async () => {
    const headers = etag === null ? {} : { "If-None-Match": etag };
    const answer = await fetch(location.pathname, { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (answer.status === 200) {
      const text = await answer.text();
      if (isInUse()) return;
      replace(text);
      etag = answer.headers.get("ETag");
    } else if (answer.status === 304) {
      const date = Date.parse(answer.headers.get("Date"));
      if (!Number.isNaN(date)) showTime(date / 1000);
    } else {
      throw new Error(answer.status === 503 ? "its logs could not be read in time" : "it answered " + answer.status);
    }
  };

  const turn = async () => {
    clearTimeout(timer);
    if (asking) return;
    let pause = EVERY;
    if (!document.hidden && !isInUse()) {
      asking = true;
      try {
        await ask();
        [failures, heard] = [0, Date.now()];
        stale("");
      } catch (error) {
        pause = RETRIES[Math.min(failures, RETRIES.length - 1)];
        failures += 1;
        const why = error.message.startsWith("it") ? ": " + error.message : "";
        stale("No answer from Badgateway since " + clockOf(heard) + why + "; what you see is old.");
      }
      asking = false;
    }
    showAge();
    timer = setTimeout(turn, pause);
  };

  const copy = async (button) => {
    const code = button.parentElement.querySelector("code");
    let done = false;
    try {
      await navigator.clipboard.writeText(code.textContent);
      done = true;
    } catch {
      // No secure context, or no focus: the old way.
      document.getSelection().selectAllChildren(code);
      done = document.execCommand("copy");
      if (done) document.getSelection().removeAllRanges();
    }
    // What could not be copied stays selected.
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    said(done ? "Copied: " + code.textContent : "The command is selected: press Ctrl+C.");
    setTimeout(() => { button.textContent = "Copy"; if (done) button.blur(); }, 2000);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".commands button");
    if (button) copy(button);
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });
  showButtons();
  showAge();
  setInterval(showAge, 1000);
  timer = setTimeout(turn, EVERY);
})();
