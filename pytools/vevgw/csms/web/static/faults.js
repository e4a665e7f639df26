// Faults on purpose: a form that adds one, and a switch for each.

import { h, keyed, repaint, setText } from "./dom.js";
import { build, labelled } from "./forms.js";
import { changed, state } from "./state.js";

const PLACES = {
  in: "a received message", out: "a message to send", connect: "the opening of a connection", now: "at once",
};
let feed = null;
let kinds = null;
let scope = null;
let options = null; // the form of the chosen kind
let limits = null; // the form of the scope

const what = h("select", { id: "what", onchange: showKind });
const place = h("select", { id: "place", onchange: showPlace });
const about = h("p.muted");
const optionFields = h("div.field");
const limitFields = h("div.field");
const problem = h("p.problem", { role: "alert" });
const list = h("div.faults");
const none = h("p.muted", {}, "Nothing goes wrong on purpose.");
const form = h("form", { id: "fault", onsubmit: add },
  h("div.pair", {},
    labelled("What goes wrong", what),
    labelled("Where", place)),
  about, optionFields, limitFields,
  h("div.bar", {}, h("button.primary", { type: "submit" }, "Switch on")),
  problem);

export function initFaults(theFeed) {
  feed = theFeed;
  document.getElementById("faults").append(h("h2", {}, "Faults on purpose"), list, none, h("h3", {}, "Another fault"), form);
}

export function paintFaults() {
  if (kinds === null && state.linked) {
    kinds = [];
    feed.request("fault_kinds").then(offer).catch((error) => {
      kinds = null;
      setText(problem, error.message);
    });
  }
  none.hidden = state.faults.length > 0;
  keyed(list, state.faults, (fault) => fault.id, () => h("article.fault"), paintFault);
}

function paintFault(row, fault) {
  repaint(row, JSON.stringify({ ...fault, age_s: 0 }), () => [
    h("button.switch", {
      type: "button", role: "switch", "aria-checked": String(fault.on), "aria-label": `Fault ${fault.id} ${fault.what}`,
      onclick: () => act("fault_switch", { id: fault.id, on: !fault.on }),
    }),
    h("div", {},
      h("div", {}, h("b", {}, `${fault.id} ${fault.what}`), h("span.muted", {}, ` ${describe(fault)}`)),
      h("div.small", {}, fault.on ? "" : "off · ", `acted ${fault.fired} ${fault.fired === 1 ? "time" : "times"}`)),
    h("button", { type: "button", "aria-label": `Remove fault ${fault.id}`, onclick: () => act("fault_remove", { id: fault.id }) }, "Remove"),
  ]);
}

function describe(fault) {
  const usual = { charge_point: "*", action: "*", message: fault.direction === "in" ? "call" : "any", probability: 1, skip: 0, from_s: 0 };
  const shown = ["id", "what", "direction", "on", "fired", "age_s"];
  const rest = Object.entries(fault)
    .filter(([key, value]) => !shown.includes(key) && value !== null && value !== usual[key])
    .map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [PLACES[fault.direction], ...rest].join(" · ");
}

function act(method, parameters) {
  setText(problem, "");
  feed.request(method, parameters).catch((error) => setText(problem, error.message));
}

function offer(answer) {
  kinds = answer.kinds;
  scope = answer.scope;
  what.replaceChildren(...kinds.map((kind) => h("option", { value: kind.what }, kind.what)));
  showKind();
  changed();
}

function showKind() {
  const kind = kinds.find((k) => k.what === what.value);
  setText(about, `${kind.help[0].toUpperCase()}${kind.help.slice(1)}.`);
  place.replaceChildren(...kind.directions.map((name) => h("option", { value: name }, PLACES[name])));
  options = build(kind.form, "", true, () => undefined);
  optionFields.replaceChildren(options.element);
  showPlace();
}

function showPlace() {
  const frames = place.value === "in" || place.value === "out";
  const fields = scope.fields
    .filter((field) => frames || !["action", "message"].includes(field.name))
    .map((field) => ({ ...field, default: { charge_point: state.selected ?? "*", action: "*" }[field.name] }));
  const [first, rest] = [["charge_point", "action"], null].map((names) =>
    build({ type: "object", fields: fields.filter((f) => (names ?? ["charge_point", "action"]).includes(f.name) === (names !== null)) }, "", true, () => undefined));
  limits = { read: () => ({ ...first.read(), ...rest.read() }) };
  limitFields.replaceChildren(first.element,
    h("details", {}, h("summary", {}, "When and how often"), rest.element));
}

async function add(event) {
  event.preventDefault();
  setText(problem, "");
  try {
    const fault = { what: what.value, direction: place.value, ...limits.read(), ...options.read() };
    await feed.request("fault_add", { fault });
  } catch (error) {
    setText(problem, error.message);
  }
}
