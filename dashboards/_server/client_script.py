"""Script of a live page: requests frames, updates the page and reconnects."""

__all__ = ["script"]


def script() -> str:
    """Return the script."""
    return _SCRIPT


_SCRIPT = r"""
(function () {
  "use strict";
  const set = JSON.parse(document.getElementById("live").textContent);
  const at = (name) => document.getElementById(name);
  const view = {last: set.last, left: null, right: null, width: 1000, tables: false, find: ""};
  const KINDS = {float64: Float64Array, float32: Float32Array, int32: Int32Array,
    int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array,
    uint32: Uint32Array};
  const BUSY = 4;  // draw for at most a fifth of the time
  let socket = null, paused = false, settingRange = false, timer = 0, ring = 0, wait = 250;
  let over = Boolean(set.over);  // the run is complete
  let changes = set.changes, texts = {}, shown = null, late = null, requested = false;

  // The view is stored in the address, so that a reloaded page restores it.
  function storeView() {
    const place = view.left === null ? "" : `${view.left},${view.right}`;
    const state = [view.last === null ? "all" : view.last, place, paused ? "paused" : ""];
    history.replaceState(null, "", "#" + state.join(";"));
  }
  function restoreView() {
    const [last, place, stopped] = location.hash.slice(1).split(";");
    if (!last) return;
    view.last = last === "all" ? null : Number(last) || set.last;
    const ends = (place || "").split(",").map(Number);
    if (ends.length === 2 && ends.every(Number.isFinite)) [view.left, view.right] = ends;
    paused = stopped === "paused";
  }
  const theme = sessionStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  addEventListener("pagehide", () => {
    const chosen = document.documentElement.dataset.theme;
    if (chosen) sessionStorage.setItem("theme", chosen);
  });

  function reload() {
    const last = Number(sessionStorage.getItem("drawn")) || 0;
    const again = Math.max(0, last + 3000 - Date.now());
    setTimeout(() => {
      sessionStorage.setItem("drawn", Date.now());
      location.reload();
    }, again);
  }
  const held = () => window.Bokeh && Bokeh.documents[0];
  const time = () => held() && held().get_model_by_name("time");

  function ask() {
    if (!socket || socket.readyState !== 1 || requested) return;
    if (paused && shown) return;
    requested = true;
    socket.send(JSON.stringify(view));
  }
  function changeView() {  // after a change of the view
    requested = false;
    storeView();
    updateControls();
    if (paused) shown = late = null;
    ask();
  }
  function connect() {
    const address = new URL(set.address, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    address.hash = "";
    socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      wait = 250;
      requested = false;
      at("lost").hidden = true;
      document.body.dataset.live = "yes";
      updateControls();
      ask();
    };
    socket.onmessage = (message) => {
      requested = false;
      if (paused && shown) { late = message.data; return; }  // arrived after pausing
      const began = performance.now();
      take(message.data);
      if (document.hidden) return;  // a hidden page requests when it becomes visible
      // The second animation frame starts when this one is drawn; two take up to 33 ms anyway.
      requestAnimationFrame(() => requestAnimationFrame(() => {
        setTimeout(ask, BUSY * Math.max(0, performance.now() - began - 33));
      }));
    };
    socket.onclose = () => {
      if (!set.closing) lose();
    };
  }
  function lose() {
    const lost = at("lost");
    if (lost.hidden) {
      lost.textContent = "Connection lost. Data may be outdated; reconnecting.";
      lost.hidden = false;
    }
    delete document.body.dataset.live;
    updateControls();
    setTimeout(connect, wait);
    wait = Math.min(wait * 1.6, 3000);
  }
  document.addEventListener("visibilitychange", () => document.hidden || ask());
  addEventListener("pagehide", () => { set.closing = true; if (socket) socket.close(); });

  function column(spec, body, source, name) {
    if (!(typeof spec[0] === "string" && Array.isArray(spec[1]) && spec.length === 3)) return spec;
    const [kind, shape, start] = spec;
    const n = shape.reduce((a, b) => a * b, 1);
    const flat = new KINDS[kind](body, start, n);
    if (shape.length === 1) return flat;
    const Image = source.data[name][0].constructor, size = shape[1] * shape[2];
    return Array.from({length: shape[0]},
      (_, i) => new Image(flat.slice(i * size, (i + 1) * size), shape.slice(1)));
  }
  function take(data) {
    const size = new DataView(data).getUint32(0, true);
    const frame = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, size)));
    if (frame.waiting !== undefined) {
      at("lost").textContent = frame.waiting;
      at("lost").hidden = false;
      return;
    }
    at("lost").hidden = true;
    if (frame.shape !== set.shape) {
      if (frame.changes > changes) sessionStorage.setItem("said", frame.newest);
      return reload();
    }
    const body = data.slice(4 + size);
    for (const [name, columns] of Object.entries(frame.sources)) {
      const source = held().get_model_by_name(name);
      const fresh = {};
      for (const [key, spec] of Object.entries(columns)) {
        fresh[key] = column(spec, body, source, key);
      }
      source.data = fresh;
    }
    if (frame.follows && time()) {
      settingRange = true;
      time().setv({start: frame.left, end: frame.right});
      settingRange = false;
    }
    shown = frame;
    if (Boolean(frame.over) !== over) {
      over = Boolean(frame.over);
      updateControls();
    }
    for (const [name, html] of Object.entries(frame.texts)) write(name, html);
    if (frame.changes > changes) announce(frame.newest);
    changes = frame.changes;
    offer();
  }
  function announce(text) {
    at("said").textContent = text;
    // A static ring: one that fades would be repainted sixty times per second.
    document.body.classList.add("news");
    clearTimeout(ring);
    ring = setTimeout(() => document.body.classList.remove("news"), 4000);
  }
  function write(name, html) {
    const place = at(name);
    if (!place || texts[name] === html) return;
    texts[name] = html;
    const inner = name.endsWith("-table") ? place.querySelector(".scroll") : null;
    if (!inner) {
      const focus = place.contains(document.activeElement) && document.activeElement;
      const way = focus && focus.getAttribute("href");
      place.innerHTML = html;
      if (way) for (const link of place.querySelectorAll("a"))
        if (link.getAttribute("href") === way) link.focus();
      return;
    }
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    inner.innerHTML = fresh.content.querySelector(".scroll").innerHTML;
  }
  function offer() {
    const link = at("rows");
    if (!link || !time()) return;
    const ends = `left=${time().start}&right=${time().end}`;
    link.href = `rows.csv?key=${encodeURIComponent(set.key)}&${ends}`;
    link.hidden = Boolean(set.process);
  }
  function updateControls() {
    const state = at("state");
    if (!state) return;
    const live = socket && socket.readyState === 1;
    const newest = over ? "finished" : "live";
    const still = paused ? "paused" : view.left !== null ? "history" : newest;
    const word = live ? still : "not connected";
    if (state.textContent !== word) {
      state.textContent = word;
      state.className = `state ${word.replace(" ", "-")}`;
    }
    at("pause").textContent = paused ? "Resume" : "Pause";
    at("follow").hidden = view.left === null;
    at("follow").textContent = over ? "Jump to the end" : "Back to live";
    if (at("last")) at("last").value = view.last === null ? "" : String(view.last);
  }

  function follow() {
    clearTimeout(timer);
    view.left = view.right = null;
    changeView();
  }
  function moved() {
    if (settingRange) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const [left, right] = [time().start, time().end].sort((a, b) => a - b);
      if (!(right > left)) return;
      [view.left, view.right] = [left, right];
      changeView();
    }, 60);
  }
  function shift(by, scale) {
    const {start, end} = time(), middle = (start + end) / 2, half = (end - start) / 2 * scale;
    const center = middle + by * (end - start);
    time().setv({start: center - half, end: center + half});
  }
  function measure() {
    const picture = document.querySelector(".picture");
    const wide = picture ? Math.max(100, picture.clientWidth - 92) : 1000;
    const changed = Math.abs(wide - view.width) > 40;
    if (changed) view.width = Math.round(wide);
    return changed;
  }
  window.streamlyt = {follow};

  function begin() {
    restoreView();
    measure();
    if (time()) {
      time().change.connect(moved);
      for (const [name, by, scale] of [["earlier", -0.5, 1], ["later", 0.5, 1],
        ["closer", 0, 0.5], ["wider", 0, 2]]) {
        at(name).addEventListener("click", () => shift(by, scale));
      }
      if (view.left !== null) {
        settingRange = true;
        time().setv({start: view.left, end: view.right});
        settingRange = false;
      }
      at("follow").addEventListener("click", follow);
      at("pause").addEventListener("click", () => {
        paused = !paused;
        storeView();
        updateControls();
        if (!paused && late) take(late);
        late = null;
        ask();
      });
      if (at("last")) at("last").addEventListener("change", () => {
        view.last = at("last").value ? Number(at("last").value) : null;
        follow();
      });
      document.addEventListener("toggle", () => {
        const open = document.querySelectorAll(".card details[open]").length > 0;
        if (open !== view.tables) { view.tables = open; changeView(); }
      }, true);
      addEventListener("resize", () => { if (measure()) changeView(); });
      offer();
    }
    if (at("find")) at("find").addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => { view.find = at("find").value; changeView(); }, 120);
    });
    const said = sessionStorage.getItem("said");  // from before the reload
    sessionStorage.removeItem("said");
    if (said) setTimeout(() => announce(said), 300);
    connect();
  }
  function whenDrawn() {
    if (!document.querySelector(".picture") || (time() && held().is_idle)) begin();
    else setTimeout(whenDrawn, 30);
  }
  whenDrawn();
})();
"""
