"use strict";
// Live: the picture with what happens: state from the engine's process, marks at the nodes, the tables, the bar.
// In:  the picture as `Page` draws it, server-sent events.
// Out: `Live`, for tests. What is kept is the last state, whose lists are bounded where they are made.
const Live = (() => {
  const { find, make, button, chip, when, until, say, act } = Own;
  const { picture } = Page.known;
  const plain = Model.plain;
  const KEPT = "metaflow-triggers chosen";
  const state = { events: [], accepted: 0, active: [], ended: [], refused: [], sets: [], flows: {}, polls: [], schedules: [], paused: {}, notes: [], problem: null, edition: null };
  let edition = null, linked = "connecting", drawn = null;

  const detail = Detail.create({ openForm: (...of) => emit.open(...of) });
  const emit = Emit.create(detail, (done) => { if (done.sequence !== null) detail.event(done.sequence); else detail.close(); });
  const lists = Lists.create({ openEvent: detail.event, openRun: detail.run, choose: chooseNode, act });
  const keyOf = new Map(Object.entries(picture.flows));
  const nodeOfFlow = new Map(Object.entries(picture.flows).map(([node, key]) => [key, node]));
  const nodeOfSet = new Map(Object.entries(picture.sets));

  function chooseNode(id) {
    const at = Page.known.number.get(id);
    if (at === undefined) return say("it is not in this picture", true);
    return Page.choose(at, true);
  }

  // What is written below a box, and its look: by the node's id.
  function marks() {
    const found = new Map();
    for (const [key, told] of Object.entries(state.flows)) {
      const words = [told.running ? `${told.running} running` : "", told.waiting ? `${told.waiting} waiting` : ""].filter(Boolean);
      if (!words.length && told.last) words.push(Own.state(told.last));
      found.set(nodeOfFlow.get(key), { words: words.join(", "), look: told.running ? "running" : told.waiting ? "claimed" : told.last });
    }
    const all = state.paused["*"];
    for (const [node, key] of keyOf) {
      if (!all && !state.paused[key]) continue;
      const before = found.get(node);
      found.set(node, { words: ["paused", before && before.words].filter(Boolean).join(", "), look: "paused" });
    }
    for (const one of state.sets) {
      const node = nodeOfSet.get(`${one.flow_key} ${one.place}`);
      found.set(node, { words: `${one.arrived.length} of ${one.arrived.length + one.missing.length}`, look: "claimed" });
    }
    for (const one of state.polls) {
      const bad = one.down || one.last_result === "error";
      found.set(`poll/${one.trigger_name}`, { words: one.enabled ? one.down ? "not polled" : one.last_result || "" : "disabled", look: bad ? "failed" : one.enabled ? "" : "paused" });
    }
    return found;
  }

  // Puts marks at the nodes that are drawn; what has not changed is left alone.
  const put = new WeakMap();
  function mark() {
    const found = marks();
    for (const [at, group] of drawn.nodes) {
      const one = found.get(picture.nodes[at].id);
      const said = one ? `${one.look} ${one.words}` : "";
      if ((put.get(group) || "") === said) continue;
      put.set(group, said);
      for (const old of group.querySelectorAll(".mark")) old.remove();
      group.setAttribute("aria-label", Draw.told(Page.known, at, one && one.words));
      group.dataset.look = (one && one.look) || "";
      if (!one || !one.words) continue;
      const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
      const box = group.firstChild.getBBox();
      text.setAttribute("class", "mark");
      text.setAttribute("x", box.x + box.width / 2);
      text.setAttribute("y", box.y + box.height + 11);
      text.textContent = one.words;
      group.append(text);
    }
  }

  // The events that have just come shine for a moment.
  let shone = 0;
  function shine() {
    const fresh = new Set();
    for (const one of state.events) {
      if (one.sequence <= shone) break;
      if (one.kind === "event") fresh.add(Page.known.number.get(`event/${one.name}`));
    }
    const first = shone === 0;
    shone = state.accepted;
    if (first) return;
    for (const at of fresh) {
      const group = drawn.nodes.get(at);
      if (!group) continue;
      group.classList.add("fresh");
      setTimeout(() => group.classList.remove("fresh"), 1200);
    }
  }

  // --- what is told of the node that is chosen ---

  const now = make("div", { id: "now" });
  let nowSaid = "";
  function told() {
    const at = Page.state.chosen;
    if (at === null) { now.remove(); return; }
    const node = picture.nodes[at];
    const rows = parts(node);
    const said = `${node.id} ${JSON.stringify(rows.said)}`;
    if (said !== nowSaid || !now.firstChild) {
      const focus = now.contains(document.activeElement) ? [...now.querySelectorAll("button")].indexOf(document.activeElement) : -1;
      now.replaceChildren(...rows.make().filter(Boolean));
      if (focus >= 0) { const one = now.querySelectorAll("button")[focus]; if (one) one.focus(); }
      nowSaid = said;
    }
    const panel = find("panel");
    if (now.parentElement !== panel) panel.insertBefore(now, panel.children[2] || null);
  }

  function parts(node) {
    const key = keyOf.get(node.id);
    if (node.kind === "flow" && key) {
      const runs = [...[...state.active].reverse(), ...state.ended].filter((row) => row.flow_key === key).slice(0, 8);
      const paused = state.paused[key], all = state.paused["*"];
      const due = state.schedules.find((one) => one[0] === key);
      return {
        said: [paused, all, due, runs.map((row) => [row.id, row.state, row.run_id])],
        make: () => [
          make("div", { class: "follow" }, paused
            ? button("Resume", () => act("resume", { flow: key })) : button("Pause", () => act("pause", { flow: key })),
          paused ? make("span", { text: `paused since ${when(paused)}` }) : null, all ? make("span", { text: `all flows are paused since ${when(all)}` }) : null),
          due ? make("p", { text: `next time: ${when(due[1])}` }) : null,
          make("h3", { text: "Runs" }),
          runs.length ? make("ul", {}, runs.map((row) => make("li", {}, button(`#${row.id}`, () => detail.run(row.id), { class: "to flow" }), " ", chip(row.state), " ", make("span", { class: "small", text: plain(`${when(row.started_at || row.scheduled_at)} ${row.reason}`) }))))
            : make("p", { class: "small", text: "None of late." }),
        ],
      };
    }
    if (node.kind === "event") {
      const came = state.events.filter((row) => row.kind === "event" && row.name === node.name).slice(0, 8);
      return {
        said: came.map((row) => row.sequence),
        make: () => [
          make("div", { class: "follow" }, button("Emit", () => emit.open(node.name), { "aria-label": `Emit ${node.name}` })),
          make("h3", { text: "Came" }),
          came.length ? make("ul", {}, came.map((row) => make("li", {}, button(when(row.at), () => detail.event(row.sequence), { class: "to event" }), " ", make("span", { class: "small", text: plain(row.id) }))))
            : make("p", { class: "small", text: "Not of late." }),
        ],
      };
    }
    if (node.kind === "poll") {
      const one = state.polls.find((row) => row.trigger_name === node.name);
      if (!one) return { said: null, make: () => [] };
      return {
        said: [one.enabled, one.last_poll_at, one.last_result, one.down],
        make: () => [
          make("div", { class: "follow" }, one.enabled ? button("Disable", () => act("disable", { name: node.name })) : button("Enable", () => act("enable", { name: node.name }))),
          make("p", { text: plain(one.last_poll_at ? `last polled ${when(one.last_poll_at)}: ${Lists.result(one)}` : "not polled yet") }),
          make("p", { class: "small", text: one.enabled ? `next: ${until(one.next_due_at)}; suppressed so far: ${one.suppressed_count}` : "disabled" }),
        ],
      };
    }
    if (node.kind === "set") {
      const one = state.sets.find((row) => nodeOfSet.get(`${row.flow_key} ${row.place}`) === node.id);
      return {
        said: one || null,
        make: () => [make("p", { text: one ? plain(`has ${one.arrived.join(", ")}; waits for ${one.missing.join(", ")}`) : "nothing of it has come" })],
      };
    }
    return { said: null, make: () => [] };
  }

  // --- the bar ---

  function bar() {
    const running = state.active.filter((row) => row.state === "started").length;
    const sums = `${state.accepted} in the log, ${running} running, ${state.active.length - running} waiting`;
    if (find("sums").textContent !== sums) find("sums").textContent = sums;
    const all = Boolean(state.paused["*"]);
    find("pause-all").textContent = all ? "Resume all" : "Pause all";
    const link = linked === "live" ? state.problem ? "the database cannot be read" : "live" : linked;
    if (find("link").textContent !== link) find("link").textContent = link;
    find("link").className = linked === "live" && !state.problem ? "live" : "bad";
    document.body.classList.toggle("stale", linked !== "live");
    banner();
  }

  let bannerSaid = "";
  function banner() {
    const other = edition !== null && state.edition !== edition;
    const problem = state.problem;
    const said = JSON.stringify([problem, other]);
    if (said === bannerSaid) return;
    bannerSaid = said;
    find("banner").hidden = !problem && !other;
    find("banner").replaceChildren(...[
      problem ? make("div", {}, make("strong", { text: problem.code }), ` ${plain(problem.message)}. It is tried again.`, problem.helps.map((help) => make("pre", {}, plain(help)))) : null,
      other ? make("div", {}, "The flows are others by now. ", button("Show them", () => location.reload())) : null,
    ].filter(Boolean));
  }

  function show() {
    lists.show(state);
    mark();
    shine();
    told();
    bar();
  }

  // --- the connection: it comes back by itself ---

  async function listen() {
    let pause = 500;
    for (;;) {
      try {
        await Begin.stream("/api/live", (name, value) => {
          if (name === "ended") {
            linked = Model.plain(value);
            bar();
            return;
          }
          linked = "live";
          pause = 500;
          if (name === "state") Object.assign(state, value);
          if (edition === null) edition = state.edition;
          if (!document.hidden) show();
        });
        if (linked === "live") linked = "the connection was cut; trying again";
      } catch (error) {
        if (error.status === 401) linked = "another engine serves here now: open the address that it has printed";
        else if (linked === "live" || linked === "connecting") linked = "the engine does not answer; trying again";
      }
      bar();
      await Begin.later(pause);
      pause = Math.min(3000, pause * 1.5);
    }
  }

  find("emit").addEventListener("click", () => emit.open(Page.state.chosen !== null && picture.nodes[Page.state.chosen].kind === "event" ? picture.nodes[Page.state.chosen].name : ""));
  find("pause-all").addEventListener("click", () => act(state.paused["*"] ? "resume" : "pause", { flow: null }));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) show(); });
  const before = sessionStorage.getItem(KEPT);
  let chosen = null;
  Page.hear((made) => {
    drawn = made;
    if (Page.state.chosen !== chosen) {
      chosen = Page.state.chosen;
      if (chosen !== null) detail.close();
    }
    if (chosen === null) sessionStorage.removeItem(KEPT);
    else sessionStorage.setItem(KEPT, picture.nodes[chosen].id);
    mark();
    told();
  });
  if (before !== null && Page.known.number.has(before)) Page.choose(Page.known.number.get(before), false);
  listen();
  return { state, detail, emit, lists, show };
})();
globalThis.Live = Live;
globalThis.Page = Page;
