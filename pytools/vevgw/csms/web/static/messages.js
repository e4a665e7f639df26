// The timeline of messages: newest first, each decoded when opened.

import { h, keyed, setText } from "./dom.js";
import { clock, dateTime, latency } from "./format.js";
import { changed, state } from "./state.js";

const PAGE = 100;
const TYPES = { 2: "CALL", 3: "CALLRESULT", 4: "CALLERROR" };
let feed = null;
let shown = PAGE;
let paused = null; // the frames shown while paused

const search = h("input", { type: "search", id: "search", placeholder: "Search messages", autocomplete: "off", oninput: changed });
const direction = h("select", { id: "direction", onchange: changed },
  h("option", { value: "" }, "both directions"),
  h("option", { value: "in" }, "from charge points"),
  h("option", { value: "out" }, "to charge points"));
const problems = h("input", { type: "checkbox", onchange: changed });
const pause = h("button", { type: "button", "aria-pressed": "false", onclick: () => {
  paused = paused ? null : state.frames.slice();
  pause.setAttribute("aria-pressed", String(paused !== null));
  changed();
} }, "Pause");
const count = h("p.muted.small", { role: "status" });
const list = h("div.frames");
const more = h("button", { type: "button", onclick: showMore });
const end = h("p.problem", { role: "alert" });
let older = { query: "", frames: [], complete: false }; // from the database, for one query

export function initMessages(theFeed) {
  feed = theFeed;
  document.getElementById("messages").append(
    h("div.bar", {},
      h("label.hidden", { htmlFor: "search" }, "Search messages"), search,
      h("label.hidden", { htmlFor: "direction" }, "Direction"), direction,
      h("label.check", {}, problems, "Only problems"),
      pause),
    count, list, end, h("div", {}, more));
}

export function paintMessages() {
  const wanted = query();
  const key = JSON.stringify(wanted);
  if (older.query !== key) {
    older = { query: key, frames: [], complete: false };
    shown = PAGE;
    setText(end, "");
  }
  const all = paused ?? state.frames;
  const found = all.filter((frame) => fits(frame, wanted)).reverse().concat(older.frames);
  const missed = paused ? state.frames.filter((frame) => frame.n > (paused.at(-1)?.n ?? 0)).length : 0;
  setText(pause, paused ? `Go on (${missed} new)` : "Pause");
  setText(count, found.length === 0 ? "No message fits." : `${found.length} messages, the newest first`);
  keyed(list, found.slice(0, shown), (frame) => frame.n, createFrame, updateFrame);
  const rest = found.length > shown;
  more.hidden = !rest && (older.complete || (all[0]?.n ?? 1) <= 1);
  setText(more, rest ? "Show more" : "Search older messages");
}

function query() {
  return {
    charge_point: state.selected, direction: direction.value || null, text: search.value.trim(), problems: problems.checked,
  };
}

function fits(frame, wanted) {
  return (wanted.charge_point === null || frame.cp === wanted.charge_point)
    && (wanted.direction === null || frame.dir === wanted.direction)
    && (!wanted.problems || frame.verdict !== "ok" || frame.type === 4 || frame.fault !== "")
    && haystack(frame).includes(wanted.text.toLowerCase());
}

function showMore() {
  shown += PAGE;
  changed();
  if (more.textContent === "Show more") return;
  const asked = older;
  const before = asked.frames.at(-1)?.n ?? (paused ?? state.frames)[0]?.n ?? Number.MAX_SAFE_INTEGER;
  more.disabled = true;
  feed.request("search", { before, ...JSON.parse(asked.query) }).then((frames) => {
    asked.frames.push(...frames);
    asked.complete = frames.length === 0;
  }).catch((error) => setText(end, error.message)).finally(() => {
    more.disabled = false;
    changed();
  });
}

function haystack(frame) {
  frame.haystack ??= `${frame.cp} ${frame.action ?? ""} ${frame.verdict} ${frame.reason} ${frame.fault} ${frame.raw}`.toLowerCase();
  return frame.haystack;
}

function createFrame(frame) {
  const incoming = frame.dir === "in";
  const kind = frame.verdict === "invalid" ? "invalid" : frame.verdict === "ok" && !frame.fault ? "ok" : "odd";
  const details = h(`details.frame.${frame.dir}.${kind}`, { ontoggle: () => {
    if (details.open && details.children.length === 1) details.append(body(frame));
  } });
  details.dataset.n = frame.n;
  details.append(h("summary", {},
    h("time.time.mono", { title: dateTime(frame.utc) }, clock(frame.utc)),
    h("span.arrow", { title: incoming ? "received" : "sent" },
      h("span", { "aria-hidden": "true" }, incoming ? "←" : "→"), h("span.hidden", {}, incoming ? "received" : "sent")),
    h("span.what", {}, h("span.action", {}, frame.action ?? "unreadable"), " ",
      h("span.muted.small", {}, TYPES[frame.type] ?? ""), " ", h("span.muted.small.cp", {}, frame.cp)),
    h("span.latency.muted.small", { title: "time since the CALL" }, latency(frame.ms)),
    h("span.verdict", {}, frame.verdict === "ok" ? "" : h(`span.badge.${kind === "invalid" ? "bad" : "warn"}`, {}, frame.verdict)),
    frame.reason ? h("span.reason", {}, frame.reason) : null,
    frame.fault ? h("span.reason", {}, `fault on purpose: ${frame.fault}`) : null));
  return details;
}

function updateFrame(details) {
  details.querySelector(".cp").hidden = state.selected !== null;
}

function body(frame) {
  const decoded = h("pre", { tabIndex: 0, "aria-label": "Decoded payload" });
  const raw = h("pre", { tabIndex: 0, "aria-label": "Text as on the wire" }, frame.raw);
  const fill = (text) => {
    setText(raw, text);
    setText(decoded, decode(text));
  };
  if (frame.size > frame.raw.length) {
    setText(decoded, "loading ...");
    feed.request("frame", { n: frame.n }).then((whole) => fill(whole.raw)).catch((error) => setText(decoded, error.message));
  } else {
    fill(frame.raw);
  }
  const facts = [
    ["Time", dateTime(frame.utc)],
    ["Direction", frame.dir === "in" ? `from ${frame.cp}` : `to ${frame.cp}`],
    ["Type", TYPES[frame.type] ?? "none that could be read"],
    ["Message id", frame.id ?? "none"],
    ["Latency", latency(frame.ms)],
    ["Fault", frame.fault],
    ["Verdict", frame.reason ? `${frame.verdict}: ${frame.reason}` : frame.verdict],
  ].filter((fact) => fact[1]);
  return h("div.body", {},
    h("dl.facts", {}, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("div", {}, h("span.muted", {}, "Decoded"), decoded),
    h("details", {}, h("summary.muted", {}, "As on the wire"), raw));
}

/** Returns the payload of a frame for people. */
function decode(text) {
  try {
    const frame = JSON.parse(text);
    if (!Array.isArray(frame)) return JSON.stringify(frame, null, 2);
    const [type, , ...rest] = frame;
    const payload = { 2: () => rest[1], 3: () => rest[0], 4: () => ({ code: rest[0], description: rest[1], details: rest[2] }) }[type];
    return JSON.stringify(payload ? payload() : frame, null, 2) ?? "nothing";
  } catch {
    return "not JSON";
  }
}
