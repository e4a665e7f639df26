// Everything that the page knows. Views read it; feed and views write it and call changed().

const KEPT_FRAMES = 2000;

export const state = {
  about: {},
  linked: null, // null: not yet
  databaseFailure: null,
  chargePoints: new Map(),
  transactions: new Map(),
  frames: [], // oldest first
  faults: [],
  curves: new Map(), // by transaction: [[ms, W, Wh], ...]
  selected: null, // identity; null: all
  tab: "messages",
  transaction: null, // shown as a curve; null: the latest of the selected charge point
};

const painters = [];
let asked = false;

/** Has a function called before the next frame of the display whenever something has changed. */
export function onPaint(painter) {
  painters.push(painter);
}

export function changed() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    for (const paint of painters) paint();
  });
}

export function apply(message) {
  if (message.type === "snapshot") {
    state.chargePoints.clear();
    state.transactions.clear();
    state.curves.clear();
    state.frames = [];
    state.about = message.about;
  }
  if (message.database_failure !== undefined) state.databaseFailure = message.database_failure;
  for (const entry of message.charge_points ?? []) state.chargePoints.set(entry.identity, entry);
  for (const transaction of message.transactions ?? []) state.transactions.set(transaction.id, transaction);
  for (const [id, points] of Object.entries(message.points ?? {})) addPoints(Number(id), points);
  if (message.frames) addFrames(message.frames);
  if (message.faults !== undefined) state.faults = message.faults;
  changed();
}

function addFrames(frames) {
  const latest = state.frames.at(-1)?.n ?? 0;
  const inOrder = frames.every((frame, i) => frame.n > (i ? frames[i - 1].n : latest));
  if (inOrder) {
    state.frames.push(...frames);
  } else {
    const all = new Map([...state.frames, ...frames].map((frame) => [frame.n, frame]));
    state.frames = [...all.values()].sort((a, b) => a.n - b.n);
  }
  if (state.frames.length > 1.2 * KEPT_FRAMES) state.frames.splice(0, state.frames.length - KEPT_FRAMES);
}

/** Adds points to a curve that is shown; others are fetched whole when they are. */
export function addPoints(id, points) {
  const curve = state.curves.get(id);
  if (!curve) return;
  const all = new Map([...curve, ...points].map((point) => [point[0], point]));
  state.curves.set(id, [...all.values()].sort((a, b) => a[0] - b[0]));
}

export function transactionsOf(identity) {
  const all = [...state.transactions.values()];
  return identity === null ? all : all.filter((t) => t.charge_point === identity);
}

/** The transaction whose curve is shown. */
export function shownTransaction() {
  const chosen = state.transactions.get(state.transaction);
  if (chosen && (state.selected === null || chosen.charge_point === state.selected)) return chosen;
  return state.selected === null ? undefined : transactionsOf(state.selected).at(-1);
}
