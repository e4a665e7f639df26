// Forms from descriptions of JSON schemas (see forms.py): build one, read what was entered.

import { h } from "./dom.js";

const LONG_TEXT = 200; // characters
const LONG_NAMES = ["data", "text"]; // without a limit, and seldom short

/**
 * Builds the part of a form for one value.
 * @param form      its description
 * @param name      of the value
 * @param required  whether it must be given
 * @param suggest   (name, form) -> what a required field starts with, or undefined
 * @returns {element, read()}: read() gives the value, undefined when left out; throws one sentence.
 */
export function build(form, name, required, suggest) {
  switch (form.type) {
    case "object": return buildObject(form, name, required, suggest);
    case "array": return buildArray(form, name, required, suggest);
    default: return buildField(form, name, required, suggest);
  }
}

function title(name, required) {
  return [name, required ? h("span.required", { title: "required", "aria-label": ", required" }, " *") : null];
}

function buildField(form, name, required, suggest) {
  const control = makeControl(form, name, required);
  const start = form.default ?? (required ? suggest(name, form) : undefined);
  if (start !== undefined) control.value = form.type === "any" ? JSON.stringify(start) : start;
  return { element: labelled([title(name, required), hint(form)], control), flat: true, read: () => readControl(form, name, control, required) };
}

let count = 0;

/** A control below its label. */
export function labelled(text, control) {
  control.id ||= `field-${++count}`;
  return h("div.field", {}, h("label", { htmlFor: control.id }, text), control);
}

function hint(form) {
  const text = { "date-time": " time, local", number: form.step ? ` number, step ${form.step}` : " number", integer: " integer", any: " JSON", uri: " URL" }[form.type]
    ?? (form.type === "string" && form.max ? ` up to ${form.max} characters` : "");
  return h("span.muted.small", {}, text);
}

function makeControl(form, name, required) {
  const common = { name, required };
  switch (form.type) {
    case "enum":
      return choice(common, form.choices);
    case "boolean":
      return choice(common, ["true", "false"]);
    case "date-time":
      return h("input", { ...common, type: "datetime-local", step: "1" });
    case "integer":
    case "number":
      return h("input", { ...common, type: "number", step: form.type === "integer" ? "1" : "any", min: form.min ?? "", max: form.max ?? "" });
    case "any":
      return h("textarea", { ...common, spellcheck: false });
    default:
      return (form.max ?? 0) > LONG_TEXT || LONG_NAMES.includes(name)
        ? h("textarea", { ...common, spellcheck: false, rows: 2 })
        : h("input", { ...common, type: "text", autocomplete: "off", spellcheck: false });
  }
}

function choice(common, choices) {
  return h("select", common, common.required ? null : h("option", { value: "" }, "– left out –"),
    choices.map((text) => h("option", { value: text }, String(text))));
}

function readControl(form, name, control, required) {
  const text = control.value;
  if (text === "" && !required) return undefined;
  switch (form.type) {
    case "boolean":
      return text === "true";
    case "integer":
    case "number":
      if (text === "" || !Number.isFinite(Number(text))) throw new Error(`${name} must be a number.`);
      return Number(text);
    case "date-time": {
      const time = new Date(text);
      if (Number.isNaN(time.getTime())) throw new Error(`${name} must be a date and a time.`);
      return time.toISOString();
    }
    case "any":
      try {
        return JSON.parse(text);
      } catch {
        throw new Error(`${name} must be JSON.`);
      }
    default:
      return text;
  }
}

function buildObject(form, name, required, suggest) {
  const parts = form.fields.map((field) => [field.name, build(field, field.name, field.required, suggest)]);
  const flat = parts.filter(([, part]) => part.flat).map(([, part]) => part.element);
  const nested = parts.filter(([, part]) => !part.flat).map(([, part]) => part.element);
  const content = [flat.length ? h("div.pair", {}, flat) : null, ...nested].filter(Boolean);
  const read = () => {
    const value = {};
    for (const [key, part] of parts) {
      const given = part.read();
      if (given !== undefined) value[key] = given;
    }
    return value;
  };
  if (name === "") return { element: h("div.field", {}, content), read };
  return optional(name, required, content, read);
}

/** A fieldset; one that may be left out is, until its box is ticked. */
function optional(name, required, content, read) {
  if (required) return { element: h("fieldset", {}, h("legend", {}, title(name, true)), content), read };
  const inner = h("fieldset", { disabled: true, hidden: true }, content);
  inner.style.border = "0";
  inner.style.padding = "0";
  const box = h("input", { type: "checkbox", name, onchange: () => {
    inner.disabled = inner.hidden = !box.checked;
  } });
  const element = h("fieldset", {}, h("legend", {}, h("label.check", {}, box, name)), inner);
  return { element, read: () => (box.checked ? read() : undefined) };
}

function buildArray(form, name, required, suggest) {
  const parts = [];
  const items = h("div.field");
  const add = () => {
    const part = build(form.item, `${name} ${parts.length + 1}`, true, suggest);
    const row = h("div.item", {}, part.element, h("button", { type: "button", "aria-label": `Remove this ${name}`, onclick: () => {
      parts.splice(parts.indexOf(part), 1);
      row.remove();
    } }, "Remove"));
    parts.push(part);
    items.append(row);
  };
  if (required) add();
  const element = h("fieldset", {}, h("legend", {}, title(name, required)), items,
    h("div", {}, h("button", { type: "button", onclick: add }, `Add ${name}`)));
  return {
    element,
    read: () => (parts.length === 0 && !required ? undefined : parts.map((part) => part.read())),
  };
}
