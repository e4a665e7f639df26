// The list of charge points, and the head and connectors of the selected one.

import { h, keyed, repaint, setText } from "./dom.js";
import { dateTime, energy, power } from "./format.js";
import { state, transactionsOf } from "./state.js";

const KIND = {
  Available: "good", Preparing: "warn", Charging: "good", SuspendedEV: "warn", SuspendedEVSE: "warn",
  Finishing: "warn", Reserved: "warn", Unavailable: "bad", Faulted: "bad",
};

export function paintChargePoints(select) {
  const wanted = document.getElementById("find").value.toLowerCase();
  const found = [...state.chargePoints.values()]
    .filter((entry) => describe(entry).toLowerCase().includes(wanted))
    .sort((a, b) => b.connected - a.connected || a.identity.localeCompare(b.identity, undefined, { numeric: true }));
  keyed(
    document.getElementById("charge-points"), [null, ...found], (entry) => entry?.identity ?? null,
    (entry) => h("li", {}, h("button", { type: "button", onclick: () => select(entry?.identity ?? null) },
      h("span"), h("span.name"), h("span.chips"))),
    (item, entry) => {
      const [dot, name, chips] = item.firstChild.children;
      const current = String((entry?.identity ?? null) === state.selected);
      if (item.firstChild.getAttribute("aria-current") !== current) item.firstChild.setAttribute("aria-current", current);
      if (entry === null) {
        setText(name, "All charge points");
        setText(chips, `${[...state.chargePoints.values()].filter((e) => e.connected).length} of ${state.chargePoints.size} connected`);
        return;
      }
      if (item.entry === entry) return;
      item.entry = entry;
      dot.className = entry.connected ? "dot on" : "dot";
      setText(name, entry.identity);
      const connectors = entry.connectors.filter((c) => c.id > 0).map((c) => `${c.id}: ${c.status}`);
      setText(chips, [entry.connected ? "" : "not connected", ...connectors].filter(Boolean).join(" · "));
    },
  );
}

function describe(entry) {
  return `${entry.identity} ${Object.values(entry.boot).join(" ")} ${entry.connectors.map((c) => c.status).join(" ")}`;
}

export function paintChargePoint(feed) {
  const entry = state.chargePoints.get(state.selected);
  repaint(document.getElementById("head"), JSON.stringify([state.selected, entry, state.chargePoints.size]), () =>
    state.selected === null ? overview() : head(state.selected, entry, feed));
  const connectors = (entry?.connectors ?? []).filter((c) => c.id > 0 || c.error_code !== "NoError" || entry.connectors.length === 1);
  keyed(document.getElementById("connectors"), connectors, (c) => `${state.selected}/${c.id}`,
    () => h("article.card"), (card, c) => paintConnector(card, c));
}

function overview() {
  const none = state.chargePoints.size === 0;
  return [
    h("h2", {}, "All charge points"),
    none ? h("p.about", {}, `None has connected yet. Point one to ${state.about.url ?? ""}/<identity>.`) : null,
  ];
}

function head(identity, entry, feed) {
  if (!entry) return [h("h2", {}, identity), h("p.about", {}, "It has not connected yet.")];
  const boot = entry.boot;
  const about = [
    [boot.chargePointVendor, boot.chargePointModel].filter(Boolean).join(" "),
    boot.firmwareVersion && `firmware ${boot.firmwareVersion}`,
    boot.chargePointSerialNumber && `serial number ${boot.chargePointSerialNumber}`,
    entry.boot_utc && `booted ${dateTime(entry.boot_utc)}`,
  ];
  const registration = { Accepted: "good", Pending: "warn", Rejected: "bad" }[entry.registration];
  const close = h("button", { type: "button", onclick: () => {
    feed.request("close", { charge_point: identity }).catch((error) => setText(problem, error.message));
  } }, "Disconnect");
  const problem = h("p.problem.about", { role: "alert" });
  return [
    h("h2", {}, identity),
    h(`span.badge.${entry.connected ? "good" : "bad"}`, {}, entry.connected ? "connected" : "not connected"),
    h("span.badge", { className: `badge ${registration ?? ""}` }, entry.registration ?? "never booted"),
    entry.frozen ? h("span.badge.warn", {}, "frozen by a fault") : null,
    entry.connected ? close : null,
    h("p.about", {}, about.filter(Boolean).join(" · ")),
    problem,
  ];
}

function paintConnector(card, connector) {
  const transaction = transactionsOf(state.selected).findLast((t) => t.connector === connector.id);
  const running = transaction && transaction.stop_utc === null ? transaction : undefined;
  repaint(card, JSON.stringify([connector, running]), () => [
    h("header", {},
      h("h3", {}, connector.id === 0 ? "Charge point" : `Connector ${connector.id}`),
      h("span.badge", { className: `badge ${KIND[connector.status] ?? ""}` }, connector.status)),
    connector.error_code === "NoError" ? null : h("p.problem", {}, connector.error_code),
    running
      ? h("p.figures", {},
        h("span", {}, h("b", {}, energy(running.energy_wh))),
        running.power_w === null ? null : h("span", {}, h("b", {}, power(running.power_w))))
      : null,
    h("p.muted.small", {}, running
      ? `transaction ${running.id} of ${running.id_tag}`
      : `since ${dateTime(connector.utc)}`),
  ]);
}
