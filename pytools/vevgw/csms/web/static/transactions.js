// Transactions, live and past.

import { h, keyed, repaint, setText } from "./dom.js";
import { dateTime, duration, energy } from "./format.js";
import { changed, shownTransaction, state, transactionsOf } from "./state.js";

const none = h("p.muted");
const rows = h("tbody");
const columns = [
  ["", "No."], ["wide", "Charge point"], ["wide number", "Connector"], ["", "Id tag"], ["wide", "Start"],
  ["number", "Duration"], ["number", "Energy"], ["", "End"],
];
const table = h("table", {}, h("caption.hidden", {}, "Transactions, the newest first"),
  h("thead", {}, h("tr", {}, columns.map(([kind, title]) => h("th", { className: kind, scope: "col" }, title)))), rows);

export function paintTransactions() {
  const panel = document.getElementById("transactions");
  if (!table.isConnected) panel.append(none, table);
  const found = transactionsOf(state.selected).sort((a, b) => b.id - a.id);
  table.hidden = found.length === 0;
  none.hidden = found.length > 0;
  setText(none, "There is no transaction yet.");
  const chosen = shownTransaction()?.id;
  keyed(rows, found, (t) => t.id, () => h("tr"), (row, t) => {
    row.setAttribute("aria-selected", String(t.id === chosen));
    const running = t.stop_utc === null;
    const lasted = duration(t.start_utc, t.stop_utc);
    repaint(row, JSON.stringify([t, running ? lasted : "", state.selected]), () => [
      h("td", {}, h("button.plain", { type: "button", "aria-label": `Show the curve of transaction ${t.id}`, onclick: () => show(t) }, String(t.id))),
      h("td.wide", {}, t.charge_point),
      h("td.wide.number", {}, String(t.connector)),
      h("td.tag", {}, t.id_tag, state.selected === null ? h("div.narrow.muted.small", {}, t.charge_point) : null, t.id_tag_status === "Accepted" ? null : h("div.problem.small", {}, t.id_tag_status)),
      h("td.wide", {}, dateTime(t.start_utc)),
      h("td.number", {}, lasted),
      h("td.number", {}, energy(t.energy_wh)),
      h("td", {}, running ? h("span.badge.good", {}, "running") : t.reason ?? ""),
    ]);
  });
}

function show(transaction) {
  state.transaction = transaction.id;
  changed();
  document.getElementById("curve").scrollIntoView({ block: "nearest" });
}
