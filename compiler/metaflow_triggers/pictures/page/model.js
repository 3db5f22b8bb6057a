"use strict";
// Model: what can be asked of a picture, without a page: search, chains, filters, where a part of it is drawn.
// In:  the document of `graph --format json`, with `layout` (pictures/page/__init__.py).
// Out: sets of numbers of nodes, places. Nothing here touches a page, so that it is the same in every one, and in tests.
const Model = (() => {
  const BETWEEN = { layers: 48, nodes: 16, bends: 8, parts: 40 };
  const LONGEST = { name: 36, words: 28 };

  // A user's text on one line: what would move or reorder the text around it is written as its number.
  function plain(text) {
    return String(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0).toString(16)}}`);
  }

  function cut(text, length) {
    const chars = Array.from(plain(text));
    if (chars.length <= length) return chars.join("");
    const half = Math.floor((length - 1) / 2);
    return `${chars.slice(0, length - 1 - half).join("")}…${chars.slice(chars.length - half).join("")}`;
  }

  // The name in its box: a flow's project and branch stand below it.
  function label(node) {
    const home = node.project ? `${node.project}.${node.branch}.` : "";
    return cut(home && node.name.startsWith(home) ? node.name.slice(home.length) : node.name, LONGEST.name);
  }

  function below(node) {
    if (node.kind !== "flow") return node.words ? cut(node.words, LONGEST.name) : "";
    if (!node.known) return "not in these files";
    return cut(node.project ? `${node.project}.${node.branch}` : node.place ? node.place.file.split("/").pop() : "", LONGEST.name);
  }

  function beside(edge) {
    return edge.words ? cut(edge.words, LONGEST.words) : "";
  }

  // Who leads to whom, and what is searched.
  function index(picture) {
    const number = new Map(picture.nodes.map((node, at) => [node.id, at]));
    const ins = picture.nodes.map(() => []);
    const outs = picture.nodes.map(() => []);
    const ends = picture.edges.map((edge) => [number.get(edge.from), number.get(edge.to)]);
    ends.forEach(([from, to], at) => { outs[from].push(at); ins[to].push(at); });
    const texts = picture.nodes.map((node, at) => {
      const told = node.catalogue || {};
      const parts = [node.name, node.kind, node.words, told.owner, told.description, node.place && node.place.file];
      for (const edge of ins[at].map((one) => picture.edges[one])) {
        parts.push(edge.filter, ...(edge.mappings || []).flatMap((one) => [one.parameter, one.field]));
      }
      for (const one of node.diagnostics || []) parts.push(picture.diagnostics[one].code);
      return parts.filter(Boolean).join("\n").toLowerCase();
    });
    return { picture, number, ins, outs, ends, texts };
  }

  // The nodes in whose texts all words stand; null for no words. Those with the first word in their name come first.
  function search(known, text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return null;
    const found = [];
    known.texts.forEach((one, at) => { if (words.every((word) => one.includes(word))) found.push(at); });
    const rank = (at) => {
      const name = known.picture.nodes[at].name.toLowerCase();
      return name === words[0] ? 0 : name.startsWith(words[0]) ? 1 : name.includes(words[0]) ? 2 : 3;
    };
    return found.map((at) => [rank(at), at]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((one) => one[1]);
  }

  function reach(known, start, edges, end) {
    const found = new Set([start]);
    for (const at of found) for (const edge of edges[at]) found.add(known.ends[edge][end]);
    return found;
  }

  // What leads to a node (`up`), and what it leads to (`down`).
  function chain(known, start, up, down) {
    const before = up ? reach(known, start, known.ins, 0) : [];
    const after = down ? reach(known, start, known.outs, 1) : [];
    return new Set([start, ...before, ...after]);
  }

  // The flows of a project or a backend with what is next to them; of an event its chain. null: no filter, all of it.
  function filtered(known, wanted) {
    const { nodes } = known.picture;
    const sets = [];
    const ofFlows = (fits) => {
      const found = new Set();
      nodes.forEach((node, at) => { if (node.kind === "flow" && node.known && fits(node)) found.add(at); });
      for (const at of [...found]) {
        for (const edge of known.outs[at]) found.add(known.ends[edge][1]);
        for (const edge of known.ins[at]) {
          const from = known.ends[edge][0];
          found.add(from);
          if (nodes[from].kind === "set") for (const one of known.ins[from]) found.add(known.ends[one][0]);
        }
      }
      return found;
    };
    if (wanted.project !== "") sets.push(ofFlows((node) => (node.project || "-") === wanted.project));
    if (wanted.backend !== "") sets.push(ofFlows((node) => (node.backends || []).includes(wanted.backend)));
    if (wanted.event !== "") sets.push(chain(known, known.number.get(wanted.event), true, true));
    if (wanted.wrong) {
      const found = new Set();
      nodes.forEach((node, at) => { if (weight(known.picture, node)) found.add(at); });
      sets.push(found);
    }
    if (wanted.changed) {
      const found = new Set();
      nodes.forEach((node, at) => { if (node.change) found.add(at); });
      known.picture.edges.forEach((edge, at) => { if (edge.change) known.ends[at].forEach((end) => found.add(end)); });
      sets.push(found);
    }
    if (!sets.length) return null;
    return sets.reduce((all, one) => new Set([...all].filter((at) => one.has(at))));
  }

  // "error" or "warning" for the heaviest diagnostic of a node, "" for none but notes.
  function weight(picture, node) {
    const found = (node.diagnostics || []).map((one) => picture.diagnostics[one].severity);
    return found.includes("error") ? "error" : found.includes("warning") ? "warning" : "";
  }

  // --- places: {x, y, w, h} of each node that is shown, the bends of each edge ---

  function whole(picture) {
    const { width, height, nodes, edges } = picture.layout;
    const places = nodes.map(([x, y, w, h]) => ({ x, y, w, h }));
    return { width, height, places, bends: edges.map((flat) => pairs(flat)) };
  }

  function pairs(flat) {
    const found = [];
    for (let at = 0; at < flat.length; at += 2) found.push([flat[at], flat[at + 1]]);
    return found;
  }

  // The same picture with some of its nodes: each connected part with its order, and without the empty room.
  function compact(known, shown) {
    const { nodes, edges } = known.picture.layout;
    const parts = new Map();
    const part = (number) => {
      if (!parts.has(number)) parts.set(number, new Map());
      return parts.get(number);
    };
    const put = (home, layer, item) => {
      if (!home.has(layer)) home.set(layer, []);
      home.get(layer).push(item);
    };
    const items = new Map();
    for (const at of [...shown].sort((a, b) => a - b)) {
      const [, y, w, h, layer, number] = nodes[at];
      const item = { at, key: y + h / 2, w, h, layer, left: [], right: [], weight: 1 };
      items.set(at, item);
      put(part(number), layer, item);
    }
    const chains = [];
    known.ends.forEach(([from, to], edge) => {
      if (!items.has(from) || !items.has(to) || from === to) return;
      const home = part(nodes[from][5]);
      const step = nodes[from][4] < nodes[to][4] ? 1 : -1;
      let before = items.get(from);
      const join = (one, other) => {
        const [left, right] = step > 0 ? [one, other] : [other, one];
        left.right.push(right);
        right.left.push(left);
      };
      const chain = [];
      pairs(edges[edge]).forEach(([, y], place) => {
        const layer = nodes[from][4] + step * (place + 1);
        if (!home.has(layer) || !home.get(layer).some((one) => one.at !== undefined)) return;
        const item = { key: y, w: 0, h: 6, layer, left: [], right: [], weight: 4 };
        put(home, layer, item);
        join(before, item);
        chain.push(item);
        before = item;
      });
      join(before, items.get(to));
      chains.push([edge, chain]);
    });
    const rooms = words(known, items);
    const boxes = [...parts.entries()].sort((a, b) => a[0] - b[0]).map(([number, home]) => {
      const rows = [...home.entries()].sort((a, b) => a[0] - b[0]).map(([, row]) => row.sort((a, b) => a.key - b.key));
      return { rows, ...align(rows, rooms) };
    });
    const { width, height } = shelves(boxes);
    const places = nodes.map(() => null);
    for (const [at, item] of items) places[at] = { x: item.x, y: item.y, w: item.w, h: item.h };
    const bends = edges.map(() => []);
    for (const [edge, chain] of chains) bends[edge] = chain.map((item) => [item.x, item.y + 3]);
    return { width, height, places, bends };
  }

  // Room for what is written beside the edges that end in an item.
  function words(known, items) {
    const found = new Map();
    known.ends.forEach(([from, to], edge) => {
      if (!items.has(from) || !items.has(to)) return;
      const right = items.get(from).layer < items.get(to).layer ? items.get(to) : items.get(from);
      const text = Array.from(beside(known.picture.edges[edge])).length * 6.2;
      found.set(right, Math.max(found.get(right) || 0, text));
    });
    return found;
  }

  function align(rows, rooms) {
    const gap = (a, b) => (a.h + b.h) / 2 + (a.at === undefined && b.at === undefined ? BETWEEN.bends : BETWEEN.nodes);
    for (const row of rows) {
      let down = 0;
      row.forEach((item, at) => { down += at ? gap(row[at - 1], item) : item.h / 2; item.middle = down; });
    }
    for (let turn = 0; turn < 10; turn += 1) {
      const order = turn % 2 ? [...rows].reverse() : rows;
      for (const row of order) {
        const others = row.map((item) => (turn >= 8 ? [...item.left, ...item.right] : turn % 2 ? item.right : item.left));
        const wanted = row.map((item, at) => others[at].length
          ? others[at].reduce((sum, one) => sum + one.middle, 0) / others[at].length : item.middle);
        const weights = row.map((item, at) => (others[at].length ? item.weight : 0.1));
        spread(wanted, weights, row.slice(1).map((item, at) => gap(row[at], item)))
          .forEach((middle, at) => { row[at].middle = middle; });
      }
    }
    const top = Math.min(...rows.flat().map((item) => item.middle - item.h / 2));
    let right = 0;
    rows.forEach((row, number) => {
      const widest = Math.max(...row.map((item) => item.w));
      if (number) right += Math.max(BETWEEN.layers, ...row.map((item) => (rooms.get(item) || 0) + BETWEEN.layers / 2));
      for (const item of row) { item.x = right + (widest - item.w) / 2; item.y = item.middle - item.h / 2 - top; }
      right += widest;
    });
    return { width: right, height: Math.max(...rows.flat().map((item) => item.y + item.h)) };
  }

  // As near to the wanted places as order and gaps allow: neighbours that would overlap share the mean of their wishes.
  function spread(wanted, weights, gaps) {
    let shift = 0;
    const shifts = [0, ...gaps.map((gap) => (shift += gap))];
    const blocks = [];
    wanted.forEach((want, at) => {
      let block = { mean: want - shifts[at], weight: weights[at], count: 1 };
      while (blocks.length && blocks[blocks.length - 1].mean > block.mean) {
        const other = blocks.pop();
        const weight = block.weight + other.weight;
        block = { mean: (block.mean * block.weight + other.mean * other.weight) / weight, weight, count: block.count + other.count };
      }
      blocks.push(block);
    });
    return blocks.flatMap((block) => Array(block.count).fill(block.mean)).map((mean, at) => mean + shifts[at]);
  }

  function shelves(boxes) {
    const area = boxes.reduce((sum, box) => sum + (box.width + BETWEEN.parts) * (box.height + BETWEEN.parts), 0);
    const limit = Math.max(Math.sqrt(area * 1.6), ...boxes.map((box) => box.width));
    let right = 0, down = 0, row = 0, widest = 0;
    for (const box of [...boxes].sort((a, b) => b.height - a.height)) {
      if (right && right + box.width > limit) { right = 0; down += row + BETWEEN.parts; row = 0; }
      for (const item of box.rows.flat()) { item.x += right; item.y += down; }
      widest = Math.max(widest, right + box.width);
      row = Math.max(row, box.height);
      right += box.width + BETWEEN.parts;
    }
    return { width: widest, height: down + row };
  }

  // An edge from box to box over its bends, as the text of a path, its arrow, and the middle of its last stretch.
  function path(from, to, bends, aside) {
    if (from === to) {
      const { x, y, w } = from;
      const right = x + w - 14;
      return { line: `M${right} ${y}c0 -26 -${w / 2} -26 -${w / 2} 0`, tip: `M${right - w / 2 - 4} ${y - 7}l4 7l4 -7`, middle: [right - w / 4, y - 22] };
    }
    const forward = to.x >= from.x;
    const start = [forward ? from.x + from.w : from.x, from.y + from.h / 2 + aside];
    const end = [forward ? to.x : to.x + to.w, to.y + to.h / 2 + aside];
    const points = [start, ...bends, end];
    let line = `M${fixed(start)}`;
    for (let at = 1; at < points.length; at += 1) {
      const [a, b] = [points[at - 1], points[at]];
      const half = (b[0] - a[0]) / 2;
      line += `C${fixed([a[0] + half, a[1]])} ${fixed([b[0] - half, b[1]])} ${fixed(b)}`;
    }
    const back = forward ? -7 : 7;
    const last = points[points.length - 2];
    return {
      line,
      tip: `M${fixed([end[0] + back, end[1] - 4])}L${fixed(end)}L${fixed([end[0] + back, end[1] + 4])}`,
      middle: [(last[0] + end[0]) / 2, (last[1] + end[1]) / 2],
    };
  }

  function fixed([x, y]) {
    return `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
  }

  // The node that an arrow key leads to from another: along an edge, or to the nearest in the same column.
  function step(known, layout, at, key) {
    const here = layout.places[at];
    const seen = (one) => one !== at && layout.places[one];
    const nearest = (list, far) => list.filter(seen).sort((a, b) => far(a) - far(b) || a - b)[0];
    const middle = (one) => layout.places[one].y + layout.places[one].h / 2;
    const away = (one) => Math.abs(middle(one) - middle(at));
    if (key === "ArrowRight") return nearest(known.outs[at].map((edge) => known.ends[edge][1]), away);
    if (key === "ArrowLeft") return nearest(known.ins[at].map((edge) => known.ends[edge][0]), away);
    const down = key === "ArrowDown";
    const all = layout.places.map((_, one) => one).filter((one) => seen(one) && (down ? middle(one) > middle(at) : middle(one) < middle(at)));
    return nearest(all, (one) => away(one) + 3 * Math.abs(layout.places[one].x + layout.places[one].w / 2 - here.x - here.w / 2));
  }

  return { plain, cut, label, below, beside, index, search, chain, filtered, weight, whole, compact, path, step };
})();
