"use strict";
// Asks for this page again and takes over what changed.  What is there stays there: elements are
// changed in place, so focus, selection, scrolling and opened <details> are the reader's.
(() => {
  const EVERY = 10_000, PATIENCE = 8_000;
  const live = document.getElementById("live");
  const pause = document.getElementById("pause");
  let reached = new Date(), timer = 0, asking = false, paused = false;

  const key = (node) => (node.nodeType === 1 && node.id) || "";
  const alike = (a, b) => a.nodeName === b.nodeName && key(a) === key(b);

  // What is the reader's, or this script's, and not the server's.
  const own = (node, name) =>
    (name === "open" && node.nodeName === "DETAILS") ||
    (name === "hidden" && node.classList.contains("copy"));

  function change(from, to) {
    if (from.nodeType !== 1) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    if (from.isEqualNode(to)) return;
    for (const { name } of [...from.attributes])
      if (!to.hasAttribute(name) && !own(from, name)) from.removeAttribute(name);
    for (const { name, value } of to.attributes)
      if (from.getAttribute(name) !== value && !own(from, name)) from.setAttribute(name, value);
    const keyed = new Map([...from.children].filter(key).map((node) => [key(node), node]));
    let at = from.firstChild;
    for (const next of [...to.childNodes]) {
      let node = key(next) ? keyed.get(key(next)) : at;
      if (!node || !alike(node, next)) {
        from.insertBefore(document.importNode(next, true), at);
        continue;
      }
      while (at !== node && at && !later(to, at)) at = drop(at);
      if (at === node) at = at.nextSibling;
      else from.insertBefore(node, at);
      change(node, next);
    }
    while (at) at = drop(at);
  }
  const later = (to, node) => key(node) && [...to.children].some((next) => alike(next, node));
  function drop(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  }

  function show(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const main = page.getElementById("main");
    if (!main) throw new Error("another page");
    change(document.getElementById("main"), main);
    if (document.title !== page.title) document.title = page.title;
    const icon = document.querySelector("link[rel=icon]");
    const href = page.querySelector("link[rel=icon]").getAttribute("href");
    if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
    buttons();
  }

  function say(words) {
    if (live.textContent !== words) live.textContent = words;
    live.hidden = !words;
  }

  async function ask() {
    if (asking || document.hidden || paused) return;
    asking = true;
    const patience = new AbortController();
    const limit = setTimeout(() => patience.abort(), PATIENCE);
    try {
      const answer = await fetch(location.origin + location.pathname, { cache: "no-store", signal: patience.signal });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      show(await answer.text());
      reached = new Date();
      say("");
    } catch (error) {
      const why = /^status|^another/.test(error.message) ? ` (it answers with ${error.message})` : "";
      say(`The agent was not reached since ${reached.toISOString().slice(11, 19)} UTC${why}. ` +
        "What is shown is from then.");
    } finally {
      clearTimeout(limit);
      asking = false;
      next();
    }
  }
  function next() {
    clearTimeout(timer);
    if (!document.hidden && !paused) timer = setTimeout(ask, EVERY);
  }

  // Browsers give the clipboard to pages from https and from localhost only.
  function buttons() {
    if (!isSecureContext || !navigator.clipboard) return;
    for (const button of document.querySelectorAll(".copy[hidden]")) button.hidden = false;
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    await navigator.clipboard.writeText(button.previousElementSibling.textContent + "\n");
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    ask();
    next();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? next() : ask()));
  document.getElementById("updates").hidden = false;
  buttons();
  next();
})();
