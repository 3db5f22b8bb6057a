"use strict";
// Page: one picture with its search, filters, panel, keys and mouse.
// In:  the elements of page.html, the document in #data.
// Out: `Page`: what is chosen and shown, for a page that adds to it.
const Page = (() => {
  const find = (id) => document.getElementById(id);
  const picture = JSON.parse(find("data").textContent);
  const known = Model.index(picture);
  const svg = find("svg");
  const view = Draw.view(svg);
  const all = picture.nodes.map((_, at) => at);
  const state = { search: "", project: "", event: "", backend: "", wrong: false, changed: false, chain: null, chosen: null };
  const everything = Model.whole(picture);
  let layout = everything;
  let drawn = null, matches = null, focused = 0, entry = null;
  const hearers = [];
  const panel = Panel.create(known, (at) => choose(at, true), (at, up, down) => follow(at, up, down));

  // What is shown, drawn anew.
  function show() {
    const filter = Model.filtered(known, state);
    const chain = state.chain && Model.chain(known, state.chain.at, state.chain.up, state.chain.down);
    const shown = filter && chain ? new Set([...filter].filter((at) => chain.has(at))) : filter || chain;
    layout = shown ? Model.compact(known, shown) : everything;
    const inside = svg.contains(document.activeElement);
    view.measure();
    drawn = Draw.draw(svg, known, layout);
    view.fit(layout);
    if (state.chosen !== null && !drawn.nodes.has(state.chosen)) state.chosen = null;
    mark();
    if (state.chosen !== null) view.show(layout.places[state.chosen], 0.6);
    if (inside && entry) entry.focus({ preventScroll: true });
  }

  // Adds to the classes of an element what stands out now; most have what they had.
  const looks = new WeakMap();
  function look(group, more) {
    if ((looks.get(group) || "") === more) return;
    if (!group.dataset.as) group.dataset.as = group.getAttribute("class");
    group.setAttribute("class", group.dataset.as + more);
    if (group.hasAttribute("role")) group.setAttribute("aria-pressed", String(more.includes("chosen")));
    looks.set(group, more);
  }

  // Of all nodes one is reached by Tab, the others from it by arrow keys.
  function enter(group) {
    if (entry) entry.setAttribute("tabindex", "-1");
    if (group) group.setAttribute("tabindex", "0");
    entry = group;
  }

  // Which nodes and edges stand out, and what the panel tells.
  function mark() {
    matches = Model.search(known, state.search);
    const found = matches && matches.filter((at) => drawn.nodes.has(at));
    const hits = new Set(found || []);
    const lit = state.chosen !== null && !state.chain ? Model.chain(known, state.chosen, true, true) : found && hits;
    for (const [at, group] of drawn.nodes) {
      look(group, `${lit && !lit.has(at) ? " dim" : ""}${hits.has(at) ? " found" : ""}${at === state.chosen ? " chosen" : ""}`);
    }
    for (const [at, group] of drawn.edges) {
      look(group, lit && !(lit.has(known.ends[at][0]) && lit.has(known.ends[at][1])) ? " dim" : "");
    }
    if (!drawn.nodes.has(focused)) focused = drawn.nodes.keys().next().value;
    if (state.chosen !== null) focused = state.chosen;
    enter(drawn.nodes.get(focused));
    const shown = all.filter((at) => drawn.nodes.has(at));
    const flows = shown.filter((at) => picture.nodes[at].kind === "flow").length;
    find("count").textContent = found
      ? `${found.length} of ${shown.length} found` : `${flows} ${flows === 1 ? "flow" : "flows"}, ${shown.length} in all`;
    find("whole").disabled = !(state.chain || state.chosen !== null || Model.filtered(known, state) || state.search);
    find("panel").replaceChildren(...(state.chosen !== null ? panel.node(state.chosen)
      : found ? panel.list(found, `${found.length} found`) : panel.overview(shown)));
    find("panel").scrollTop = 0;
    for (const hear of hearers) hear(drawn);
  }

  function choose(at, focus) {
    if (!drawn.nodes.has(at)) return clear(at);
    state.chosen = at;
    focused = at;
    mark();
    view.show(layout.places[at], focus ? 0.8 : 0);
    if (focus) drawn.nodes.get(at).focus({ preventScroll: true });
  }

  function follow(at, up, down) {
    state.chain = { at, up, down };
    state.chosen = at;
    show();
    drawn.nodes.get(at).focus({ preventScroll: true });
  }

  // The whole picture again, with a node chosen or none.
  function clear(at = null) {
    Object.assign(state, { search: "", project: "", event: "", backend: "", wrong: false, changed: false, chain: null, chosen: at });
    for (const id of ["search", "project", "event", "backend"]) find(id).value = "";
    for (const id of ["wrong", "changed"]) find(id).checked = false;
    show();
    if (at !== null) choose(at, true);
  }

  function options(id, values) {
    find(id).append(...values.map(([value, name]) => {
      const option = document.createElement("option");
      option.value = value;
      option.textContent = Model.plain(name);
      return option;
    }));
    find(id).closest("label").hidden = values.length < 2;
    find(id).addEventListener("change", () => { state[id] = find(id).value; state.chain = null; show(); });
  }

  const flows = picture.nodes.filter((node) => node.kind === "flow" && node.known);
  const projects = [...new Set(flows.map((node) => node.project || "-"))].sort();
  options("project", projects.map((name) => [name, name === "-" ? "without @project" : name]));
  options("event", picture.nodes.filter((node) => node.kind === "event").map((node) => [node.id, node.name]));
  options("backend", [...new Set(flows.flatMap((node) => node.backends || []))].sort().map((name) => [name, name]));
  function box(id, is) {
    find(id).closest("label").hidden = !is;
    find(id).addEventListener("change", () => { state[id] = find(id).checked; state.chain = null; show(); });
  }

  box("wrong", picture.nodes.some((node) => Model.weight(picture, node)));
  box("changed", [...picture.nodes, ...picture.edges].some((one) => one.change));
  find("search").addEventListener("input", () => { state.search = find("search").value; state.chosen = null; mark(); });
  find("search").addEventListener("keydown", (event) => {
    const first = event.key === "Enter" && matches && matches.find((at) => drawn.nodes.has(at));
    if (event.key === "Enter") event.preventDefault();
    if (first || first === 0) choose(first, true);
  });
  find("whole").addEventListener("click", () => { clear(); find("search").focus(); });
  find("larger").addEventListener("click", () => view.zoom(1.3));
  find("smaller").addEventListener("click", () => view.zoom(1 / 1.3));
  find("fit").addEventListener("click", () => view.fit(layout));

  const nodeOf = (target) => { const group = target.closest("[data-at]"); return group ? Number(group.dataset.at) : null; };
  let dragged = null;
  const frame = svg.parentElement;
  frame.addEventListener("pointerdown", (event) => { dragged = { x: event.clientX, y: event.clientY, far: false }; });
  frame.addEventListener("pointermove", (event) => {
    if (!dragged || !event.buttons) return;
    const [right, down] = [dragged.x - event.clientX, dragged.y - event.clientY];
    if (!dragged.far && Math.hypot(right, down) < 4) return;
    if (!dragged.far) frame.setPointerCapture(event.pointerId);
    dragged = { x: event.clientX, y: event.clientY, far: true };
    view.move(right, down);
  });
  frame.addEventListener("click", (event) => {
    if (dragged && dragged.far) { dragged = null; return; }
    const at = nodeOf(event.target);
    if (at !== null) choose(at, false);
    else if (state.chosen !== null && !state.chain) { state.chosen = null; mark(); }
  });
  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) view.zoom(Math.exp(-event.deltaY / 300), event);
    else view.move(event.deltaX, event.deltaY);
  }, { passive: false });
  svg.addEventListener("keydown", (event) => {
    const at = nodeOf(event.target);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") view.zoom(1.3);
    else if (event.key === "-") view.zoom(1 / 1.3);
    else if (event.key === "0") view.fit(layout);
    else if (at !== null && (event.key === "Enter" || event.key === " ")) choose(at, true);
    else if (at !== null && event.key.startsWith("Arrow")) {
      const next = Model.step(known, layout, at, event.key);
      if (next !== undefined) {
        focused = next;
        enter(drawn.nodes.get(next));
        view.show(layout.places[next], 0.5);
        drawn.nodes.get(next).focus({ preventScroll: true });
      }
    } else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !event.defaultPrevented) clear(); });
  window.addEventListener("resize", () => view.resized());
  show();
  // Calls `hear` with what is drawn, now and whenever what is drawn, chosen or told has changed.
  function hear(hearer) {
    hearers.push(hearer);
    hearer(drawn);
  }

  return { state, known, show, choose, follow, clear, hear, svg };
})();
