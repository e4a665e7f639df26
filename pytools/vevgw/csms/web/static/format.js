// Numbers and times for people.

const TIME = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23",
});
const DATE_TIME = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

function format(formatter, utc) {
  const time = new Date(utc);
  return Number.isNaN(time.getTime()) ? String(utc) : formatter.format(time);
}

export const clock = (utc) => format(TIME, utc);
export const dateTime = (utc) => format(DATE_TIME, utc);

export function energy(wh) {
  if (wh === null || wh === undefined) return "–";
  return Math.abs(wh) < 1000 ? `${Math.round(wh)} Wh` : `${(wh / 1000).toFixed(2)} kWh`;
}

export function power(w) {
  if (w === null || w === undefined) return "–";
  return Math.abs(w) < 1000 ? `${Math.round(w)} W` : `${(w / 1000).toFixed(1)} kW`;
}

export function latency(ms) {
  if (ms === null || ms === undefined) return "";
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export function duration(fromUtc, toUtc) {
  const seconds = Math.round((new Date(toUtc ?? Date.now()) - new Date(fromUtc)) / 1000);
  if (!Number.isFinite(seconds)) return "–";
  const two = (n) => String(n).padStart(2, "0");
  const sign = seconds < 0 ? "-" : "";
  const s = Math.abs(seconds);
  return `${sign}${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}
