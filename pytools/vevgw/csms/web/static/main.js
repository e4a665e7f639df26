// Ties the parts together: what is selected, tabs, header.

import { paintChargePoint, paintChargePoints } from "./charge_points.js";
import { paintCurve } from "./curve.js";
import { h, setText } from "./dom.js";
import { initFaults, paintFaults } from "./faults.js";
import { Feed } from "./feed.js";
import { initMessages, paintMessages } from "./messages.js";
import { initOperations, paintOperations } from "./operations.js";
import { apply, changed, onPaint, state } from "./state.js";
import { paintTransactions } from "./transactions.js";

const TABS = { messages: "Messages", transactions: "Transactions", operations: "Operations", faults: "Faults" };

const feed = new Feed({
  message: (message) => {
    apply(message);
    if (message.type === "snapshot") readHash();
  },
  link: (linked) => {
    state.linked = linked;
    changed();
  },
});

// -- what is selected: in the address, so that a link and the back button work ------------------

function readHash() {
  const [identity = "", tab = ""] = location.hash.slice(1).split("/").map(decodeURIComponent);
  state.selected = identity || null;
  if (tab in TABS) state.tab = tab;
  changed();
}

function select(identity, tab) {
  location.hash = `${encodeURIComponent(identity ?? "")}/${tab}`;
}

window.addEventListener("hashchange", readHash);
document.getElementById("find").addEventListener("input", changed);

// -- tabs ---------------------------------------------------------------------------------------

const tabs = Object.entries(TABS).map(([name, title]) =>
  h("button", {
    id: `tab-${name}`, role: "tab", "aria-controls": name, type: "button",
    onclick: () => select(state.selected, name), onkeydown: moveTab,
  }, title));
document.getElementById("tabs").append(...tabs);

function moveTab(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const next = tabs[(tabs.indexOf(event.currentTarget) + step + tabs.length) % tabs.length];
  next.focus();
  next.click();
}

function paintTabs() {
  for (const tab of tabs) {
    const name = tab.getAttribute("aria-controls");
    tab.setAttribute("aria-selected", String(name === state.tab));
    tab.tabIndex = name === state.tab ? 0 : -1;
    const on = state.faults.filter((fault) => fault.on).length;
    if (name === "faults") setText(tab, on ? `Faults (${on} on)` : "Faults");
    document.getElementById(name).hidden = name !== state.tab;
  }
}

// -- header -------------------------------------------------------------------------------------

function paintHeader() {
  const link = document.getElementById("link");
  setText(link, { true: "live", false: "no connection, trying again", null: "connecting" }[state.linked]);
  link.className = `badge ${state.linked ? "good" : "warn"}`;
  setText(document.getElementById("address"), state.about.url ? `charge points connect to ${state.about.url}/<identity>` : "");
  const banner = document.getElementById("banner");
  banner.hidden = !state.databaseFailure;
  setText(banner, state.databaseFailure ? `The database cannot be written: ${state.databaseFailure}.` : "");
}

// -- start --------------------------------------------------------------------------------------

initMessages(feed);
initOperations(feed);
initFaults(feed);
onPaint(() => {
  paintHeader();
  paintTabs();
  paintChargePoints((identity) => select(identity, state.tab));
  paintChargePoint(feed);
  paintCurve(feed);
  if (state.tab === "messages") paintMessages();
  if (state.tab === "transactions") paintTransactions();
  if (state.tab === "operations") paintOperations();
  if (state.tab === "faults") paintFaults();
});
changed();
