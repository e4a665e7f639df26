// Every operation of the CSMS as a form, and the answers to those sent.

import { h, repaint, setText } from "./dom.js";
import { clock, latency } from "./format.js";
import { build, labelled } from "./forms.js";
import { changed, state, transactionsOf } from "./state.js";

const KEPT_ANSWERS = 20;
let feed = null;
let operations = null;
let payload = null; // the form shown

const target = h("select", { id: "target", required: true });
const action = h("select", { id: "action", onchange: showForm });
const about = h("p.muted");
const fields = h("div.field");
const asJson = h("input", { type: "checkbox", onchange: toggleJson });
const text = h("textarea", { id: "payload", rows: 8, hidden: true, spellcheck: false, "aria-label": "Payload as JSON" });
text.classList.add("mono");
const check = h("input", { type: "checkbox", checked: true });
const problem = h("p.problem", { role: "alert" });
const answers = h("div.answers", { role: "log", "aria-label": "Answers" });
const form = h("form", { id: "operation", onsubmit: send },
  h("div.pair", {}, labelled("Charge point", target), labelled("Operation", action)),
  about, fields, text,
  h("div.bar", {},
    h("button.primary", { type: "submit" }, "Send"),
    h("label.check", {}, asJson, "Edit as JSON"),
    h("label.check", { title: "Without it anything is sent, however wrong" }, check, "Check against the schema")),
  problem);

export function initOperations(theFeed) {
  feed = theFeed;
  document.getElementById("operations").append(form, answers);
}

export function paintOperations() {
  if (!state.linked) return;
  const connected = [...state.chargePoints.values()].filter((entry) => entry.connected).map((entry) => entry.identity).sort();
  const wanted = state.selected ?? target.value;
  repaint(target, JSON.stringify([connected, state.selected]), () => connected.map((identity) => h("option", { value: identity }, identity)));
  if (connected.includes(wanted) && target.wanted !== state.selected) target.value = wanted;
  target.wanted = state.selected;
  if (connected.length === 0) setText(problem, "No charge point is connected.");
  else if (problem.textContent === "No charge point is connected.") setText(problem, "");
  if (operations === null) {
    operations = [];
    feed.request("operations").then(offer).catch((error) => {
      operations = null;
      setText(problem, error.message);
    });
  }
}

function offer(list) {
  operations = list;
  const groups = new Map();
  for (const operation of operations) {
    if (!groups.has(operation.group)) groups.set(operation.group, h("optgroup", { label: operation.group }));
    groups.get(operation.group).append(h("option", { value: operation.action }, operation.action));
  }
  action.replaceChildren(...groups.values());
  showForm();
  changed();
}

function showForm() {
  const operation = operations.find((o) => o.action === action.value);
  setText(about, operation.help);
  setText(problem, "");
  payload = build(operation.form, "", true, suggest);
  fields.replaceChildren(operation.form.fields.length ? payload.element : h("p.muted", {}, "It has no parameters."));
  asJson.checked = false;
  toggleJson();
}

/** What a required field starts with: something that fits the selected charge point. */
function suggest(name, field) {
  const own = transactionsOf(target.value || null);
  const running = own.findLast((t) => t.stop_utc === null);
  if (name === "transactionId") return running?.id;
  if (name === "connectorId") return running?.connector ?? 1;
  if (name === "idTag") return own.at(-1)?.id_tag;
  if (field.type === "date-time") {
    const time = new Date(Date.now() + (name === "expiryDate" ? 3600e3 : 0));
    return new Date(time - time.getTimezoneOffset() * 60e3).toISOString().slice(0, 19);
  }
  return {
    reservationId: 1, listVersion: 1, requestId: 1, chargingProfileId: 1, stackLevel: 0, startPeriod: 0, limit: 16, duration: 3600,
  }[name];
}

function toggleJson() {
  if (asJson.checked) text.value = JSON.stringify(readLeniently(), null, 2);
  text.hidden = !asJson.checked;
  fields.hidden = asJson.checked;
  // Hidden fields must not hold the form back.
  for (const control of fields.querySelectorAll("input, select, textarea")) control.disabled = asJson.checked;
}

function readLeniently() {
  try {
    return payload.read();
  } catch {
    return {};
  }
}

function read() {
  if (!asJson.checked) return payload.read();
  try {
    return JSON.parse(text.value);
  } catch (error) {
    throw new Error(`The payload is not JSON: ${error.message}.`);
  }
}

async function send(event) {
  event.preventDefault();
  setText(problem, "");
  let parameters;
  try {
    parameters = { charge_point: target.value, action: action.value, payload: read(), timeout_s: 30, validate: check.checked };
  } catch (error) {
    setText(problem, error.message);
    return;
  }
  const result = h("span.muted", {}, "waiting for the answer ...");
  const answer = h("div.answer.waiting", {},
    h("div", {}, h("b", {}, parameters.action), h("span.muted.small", {}, ` ${clock(Date.now())} to ${parameters.charge_point} `)), result);
  answers.prepend(answer);
  answer.scrollIntoView({ block: "nearest" });
  while (answers.children.length > KEPT_ANSWERS) answers.lastChild.remove();
  const since = performance.now();
  try {
    const value = await feed.request("call", parameters);
    answer.className = "answer";
    const status = value?.status ? h("b", {}, value.status) : null;
    result.replaceWith(h("div", {}, status, h("span.muted.small", {}, ` after ${latency(performance.now() - since)}`),
      h("pre", { tabIndex: 0 }, JSON.stringify(value, null, 2))));
  } catch (error) {
    answer.className = "answer bad";
    // Further lines are for logs; a page has the timeline for that.
    result.replaceWith(h("p.problem", {}, error.message.split("\n")[0]));
  }
}
