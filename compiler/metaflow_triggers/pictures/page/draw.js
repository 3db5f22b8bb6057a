"use strict";
// Draw: a picture as SVG. Every text of a user becomes a text node, never markup.
// In:  an <svg>, a `Model.index`, a layout of `Model.whole` or `Model.compact`.
// Out: {show, mark, view}: elements by number, which nodes and edges stand out, and the window that is seen.
const Draw = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const MARGIN = 24;
  const CHANGES = { added: "+", removed: "\u2212", changed: "~" };

  function make(name, attributes, parent, text) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  }

  function shape(node, { x, y, w, h }) {
    if (node.kind === "flow") return ["rect", { x, y, width: w, height: h, rx: 5 }];
    if (node.kind === "event") return ["rect", { x, y, width: w, height: h, rx: h / 2 }];
    if (node.kind === "set") return ["path", { d: `M${x + 10} ${y}H${x + w - 10}L${x + w} ${y + h / 2}L${x + w - 10} ${y + h}H${x + 10}L${x} ${y + h / 2}Z` }];
    return ["path", { d: `M${x + 10} ${y}H${x + w}L${x + w - 10} ${y + h}H${x}Z` }];
  }

  function sign(picture, node) {
    return node.change ? CHANGES[node.change] : Model.weight(picture, node) ? "!" : "";
  }

  function title(node) {
    return node.kind === "set" ? "all of" : Model.label(node);
  }

  // What is written in a box (and `more`, below it), then what its shape and color say.
  function told(known, at, more = "") {
    const { picture } = known;
    const node = picture.nodes[at];
    const parts = [[title(node), Model.below(node), sign(picture, node), more].filter(Boolean).join(" "), node.kind];
    if (node.change) parts.push(node.change);
    if (!node.known) parts.push("not in these files");
    const count = (node.diagnostics || []).length;
    if (count) parts.push(`${count} ${count === 1 ? "finding" : "findings"}`, Model.weight(picture, node));
    return parts.filter(Boolean).join(", ");
  }

  function box(known, at, place) {
    const { picture } = known;
    const node = picture.nodes[at];
    const weight = Model.weight(picture, node);
    const classes = ["node", node.kind, node.known ? "" : "unknown", weight, node.change || ""].filter(Boolean).join(" ");
    const group = make("g", { class: classes, tabindex: -1, role: "button", "aria-pressed": "false", "aria-label": told(known, at), "data-at": at });
    make(...shape(node, place), group);
    const below = Model.below(node);
    const middle = place.x + place.w / 2;
    const name = { x: middle, y: place.y + place.h / 2 + (below ? -3 : 4), class: "name" };
    make("text", name, group, title(node));
    group.append(" "); // for who reads the texts one after the other
    if (below) make("text", { x: middle, y: place.y + place.h / 2 + 12, class: "below" }, group, below);
    const badge = sign(picture, node);
    group.append(" ");
    if (badge) {
      make("circle", { cx: place.x + place.w - 2, cy: place.y + 2, r: 8, class: "badge" }, group);
      make("text", { x: place.x + place.w - 2, y: place.y + 6, class: "sign" }, group, badge);
    }
    return group;
  }

  function draw(svg, known, layout) {
    const { picture } = known;
    const edges = new Map(), nodes = new Map();
    const lines = make("g", { "aria-hidden": "true" }), boxes = make("g", {});
    const beside = new Map();
    known.ends.forEach(([from, to], at) => {
      const [a, b] = [layout.places[from], layout.places[to]];
      if (!a || !b) return;
      const edge = picture.edges[at];
      const twins = beside.get(`${from} ${to}`) || 0;
      beside.set(`${from} ${to}`, twins + 1);
      const { line, tip, middle } = Model.path(a, b, layout.bends[at], twins * 9);
      const group = make("g", { class: ["edge", edge.kind, edge.change || ""].filter(Boolean).join(" ") }, lines);
      make("path", { d: line, class: "line" }, group);
      make("path", { d: tip, class: "tip" }, group);
      if (edge.words && edge.kind !== "emits") make("text", { x: middle[0], y: middle[1] - 4, class: "beside" }, group, Model.beside(edge));
      edges.set(at, group);
    });
    layout.places.forEach((place, at) => {
      if (!place) return;
      const group = box(known, at, place);
      boxes.append(group);
      nodes.set(at, group);
    });
    const [width, height] = [layout.width + 2 * MARGIN, layout.height + 2 * MARGIN];
    svg.setAttribute("viewBox", `${-MARGIN} ${-MARGIN} ${width} ${height}`);
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    svg.replaceChildren(lines, boxes);
    return { nodes, edges };
  }

  // A window on the picture: moved, made larger, put around something. The drawing as a whole is moved and scaled, by the
  // style of its element, so that nothing in it is laid out anew.
  function view(svg) {
    const frame = svg.parentElement;
    let size = [800, 600], scale = 1, left = 0, top = 0; // asking for the size has the browser lay out the page
    const put = () => {
      svg.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
      svg.classList.toggle("far", scale < 0.4); // too small to be read
    };
    const around = (x, y, to) => {
      scale = to;
      left = size[0] / 2 - (x + MARGIN) * to;
      top = size[1] / 2 - (y + MARGIN) * to;
      put();
    };
    const middle = () => [(size[0] / 2 - left) / scale - MARGIN, (size[1] / 2 - top) / scale - MARGIN];
    const measured = () => { size = [frame.clientWidth || 800, frame.clientHeight || 600]; };
    measured();
    return {
      measure: measured,
      fit({ width, height }) {
        const to = Math.min(1.15, size[0] / (width + 2 * MARGIN), size[1] / (height + 2 * MARGIN));
        around(width / 2, height / 2, to);
      },
      zoom(by, event) {
        const edges = event ? frame.getBoundingClientRect() : null;
        const [x, y] = event ? [event.clientX - edges.left, event.clientY - edges.top] : [size[0] / 2, size[1] / 2];
        const to = Math.min(4, Math.max(0.02, scale * by));
        left = x - (x - left) * (to / scale);
        top = y - (y - top) * (to / scale);
        scale = to;
        put();
      },
      move(right, down) {
        left -= right;
        top -= down;
        put();
      },
      show({ x, y, w, h }, least = 0) {
        const [a, b] = [left + (x + MARGIN) * scale, top + (y + MARGIN) * scale];
        const inside = a >= 0 && b >= 0 && a + w * scale <= size[0] && b + h * scale <= size[1];
        if (!inside || scale < least) around(x + w / 2, y + h / 2, Math.max(scale, least));
      },
      resized() {
        const [x, y] = middle();
        measured();
        around(x, y, scale);
      },
    };
  }

  return { draw, view, told };
})();
