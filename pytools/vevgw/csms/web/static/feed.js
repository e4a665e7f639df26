// The WebSocket to the CSMS: what changes there, and requests to it.

const RETRY_MS = [500, 1000, 2000, 5000];

export class Feed {
  #socket = null;
  #requests = new Map();
  #nextId = 1;
  #failures = 0;

  /** @param on {message(data), link(connected)} */
  constructor(on) {
    this.on = on;
    this.#open();
  }

  /** Asks the CSMS for something; fails with one sentence. */
  request(method, parameters = {}) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        reject(new Error("There is no connection to the CSMS."));
        return;
      }
      const id = this.#nextId++;
      this.#requests.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, parameters }));
    });
  }

  #open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/feed`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#failures = 0;
      this.on.link(true);
    };
    socket.onmessage = (event) => {
      const data = JSON.parse(event.data);
      if (data.type === "answer") this.#settle(data);
      else this.on.message(data);
    };
    socket.onclose = () => {
      this.on.link(false);
      for (const { reject } of this.#requests.values()) {
        reject(new Error("The connection to the CSMS broke before it answered."));
      }
      this.#requests.clear();
      const wait = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)];
      setTimeout(() => this.#open(), wait);
    };
  }

  #settle(data) {
    const request = this.#requests.get(data.id);
    if (!request) return;
    this.#requests.delete(data.id);
    if (data.error === undefined) request.resolve(data.result);
    else request.reject(new Error(data.error));
  }
}
