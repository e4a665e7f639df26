// Power and energy of one transaction, drawn by uPlot when it is installed.

import { h, setText } from "./dom.js";
import { clock, dateTime, energy } from "./format.js";
import { changed, shownTransaction, state } from "./state.js";

const HEIGHT = 200;
let library = null; // a promise once it is being loaded
let plot = null;
let drawn = null; // [transaction, points, width, colours]

const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => {
  drop();
  changed();
});
const box = document.getElementById("chart");
new ResizeObserver(changed).observe(box);

export function paintCurve(feed) {
  const transaction = shownTransaction();
  document.getElementById("curve").hidden = !transaction;
  if (!transaction) return;
  const end = transaction.stop_utc ? `stopped ${dateTime(transaction.stop_utc)}` : "running";
  setText(document.getElementById("curve-title"),
    `Transaction ${transaction.id} · connector ${transaction.connector} · ${energy(transaction.energy_wh)} · ${end}`);
  const points = state.curves.get(transaction.id);
  if (!points) {
    fetchCurve(feed, transaction.id);
    return;
  }
  const powerless = points.length > 2 && points.every((point) => point[1] === null);
  let note = powerless ? "No power was measured; the curve is the average between energy readings." : "";
  if (!state.about.charts) note += ` Charts need uPlot, which is not installed: run \`${state.about.charts_hint}\` once.`;
  setText(document.getElementById("chart-note"), note.trim());
  if (state.about.charts) draw(transaction, points);
}

function fetchCurve(feed, id) {
  state.curves.set(id, []); // live points gather here meanwhile
  feed.request("curve", { transaction: id }).then((points) => {
    const live = state.curves.get(id) ?? [];
    const all = new Map([...points, ...live].map((point) => [point[0], point]));
    state.curves.set(id, [...all.values()].sort((a, b) => a[0] - b[0]));
    changed();
  }).catch(() => state.curves.delete(id));
}

function draw(transaction, points) {
  if (!window.uPlot) {
    library ??= load();
    return;
  }
  const width = box.clientWidth;
  if (drawn && drawn[0] === transaction.id && drawn[1] === points && drawn[2] === width) return;
  if (plot && drawn[0] !== transaction.id) drop();
  const data = columns(points);
  if (!plot) {
    plot = new window.uPlot(options(width), data, box);
  } else {
    if (drawn[2] !== width) plot.setSize({ width, height: HEIGHT });
    plot.setData(data);
  }
  box.setAttribute("role", "img");
  box.setAttribute("aria-label",
    `Power and energy of transaction ${transaction.id}, ${points.length} points, ${energy(transaction.energy_wh)} in all`);
  box.dataset.points = points.length;
  drawn = [transaction.id, points, width];
}

function drop() {
  plot?.destroy();
  plot = null;
  drawn = null;
}

/** Turns points into uPlot's columns, s, kW and kWh; without measured power it is derived. */
function columns(points) {
  const times = points.map((point) => point[0] / 1000);
  let kw = points.map((point) => (point[1] === null ? null : point[1] / 1000));
  const kwh = points.map((point) => (point[2] === null ? null : point[2] / 1000));
  if (kw.every((value) => value === null)) {
    kw = kwh.map((value, i) => {
      if (i === 0 || value === null || kwh[i - 1] === null || times[i] <= times[i - 1]) return null;
      return ((value - kwh[i - 1]) * 3600) / (times[i] - times[i - 1]);
    });
  }
  return [times, kw, kwh];
}

function options(width) {
  const style = getComputedStyle(document.documentElement);
  const probe = h("i", { hidden: true });
  document.body.append(probe);
  const colour = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const [text, line, first, second] = ["--muted", "--line", "--accent", "--energy"].map(colour);
  probe.remove();
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: text, font, labelFont: font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  // Under the pointer, else the latest.
  const digits = (chart, value, series) => {
    const shown = value ?? chart.data[series].findLast((v) => v !== null);
    return shown === undefined ? "–" : shown.toFixed(2);
  };
  const fromZero = (_, low, high) => [Math.min(0, low ?? 0), Math.max(1e-3, high ?? 0) * 1.08];
  return {
    width,
    height: HEIGHT,
    padding: [12, 0, 0, 0],
    cursor: { y: false },
    scales: { x: { time: true }, kW: { range: fromZero }, kWh: { range: fromZero } },
    axes: [
      { ...axis, space: 70, values: "{HH}:{mm}:{ss}" },
      { ...axis, scale: "kW", label: "kW", labelSize: 18, size: 48 },
      { ...axis, scale: "kWh", label: "kWh", side: 1, labelSize: 18, size: 48, grid: { show: false } },
    ],
    series: [
      { label: "Time", value: (chart, value) => clock((value ?? chart.data[0].at(-1)) * 1000) },
      { label: "Power, kW", scale: "kW", stroke: first, width: 2, spanGaps: true, value: digits },
      { label: "Energy, kWh", scale: "kWh", stroke: second, width: 2, dash: [6, 3], spanGaps: true, value: digits },
    ],
  };
}

function load() {
  return new Promise((resolve) => {
    document.head.append(h("link", { rel: "stylesheet", href: "/vendor/uPlot.min.css" }));
    document.head.append(h("script", { src: "/vendor/uPlot.iife.min.js", onload: () => {
      changed();
      resolve();
    } }));
  });
}
