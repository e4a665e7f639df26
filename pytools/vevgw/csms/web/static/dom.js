// Elements, and lists of them that keep what the user has opened or focused.

/** Makes an element: h("button.primary", {onclick, "aria-label": "..."}, "Send", child, ...). */
export function h(kind, properties = {}, ...children) {
  const [name, ...classes] = kind.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && !key.includes("-")) element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** Makes the children of a parent fit a list, reusing the element of each key. */
export function keyed(parent, items, key, create, update) {
  const old = parent.keyedNodes ?? new Map();
  const now = new Map();
  for (const item of items) now.set(key(item), item);
  for (const [name, node] of old) {
    if (!now.has(name)) node.remove();
  }
  let place = parent.firstChild;
  const nodes = new Map();
  for (const [name, item] of now) {
    const node = old.get(name) ?? create(item);
    update?.(node, item);
    nodes.set(name, node);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  parent.keyedNodes = nodes;
}

/** Sets a text only if it differs: a selection in it survives. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Replaces all children, unless what they show (a string) has not changed. */
export function repaint(parent, shown, make) {
  if (parent.shown === shown) return;
  parent.shown = shown;
  parent.replaceChildren(...make().flat(Infinity).filter((child) => child !== null));
}
