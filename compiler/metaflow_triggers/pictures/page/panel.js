"use strict";
// Panel: what is told of a node, and of the picture where none is chosen. Every text of a user becomes a text node.
// In:  a `Model.index`, and what a click on the name of a node does.
// Out: {node, overview, list}: elements.
const Panel = (() => {
  const MANY = 100;

  function make(name, text, ...inside) {
    const element = document.createElement(name);
    if (text !== "" && text !== undefined && text !== null) element.textContent = text;
    element.append(...inside.filter(Boolean));
    return element;
  }

  function classed(element, name) {
    element.className = name;
    return element;
  }

  function place(span) {
    return span ? classed(make("span", `${Model.plain(span.file)}:${span.line}`), "place") : null;
  }

  function facts(rows) {
    const told = rows.filter(([, value]) => value);
    if (!told.length) return null;
    return make("dl", "", ...told.flatMap(([name, value]) => [
      make("dt", name),
      value instanceof Node ? make("dd", "", value) : make("dd", Model.plain(value)),
    ]));
  }

  function pretty(text) {
    try {
      return JSON.stringify(typeof text === "string" ? JSON.parse(text) : text, null, 1);
    } catch {
      return text;
    }
  }

  function json(value) {
    return value === undefined || value === null ? null : make("pre", Model.plain(pretty(value)).replace(/\\u\{a\}/g, "\n"));
  }

  function create(known, choose, follow) {
    const { picture } = known;

    function button(at) {
      const node = picture.nodes[at];
      const of = node.kind === "set" ? picture.nodes[known.ends[known.outs[at][0]][1]] : null;
      const made = classed(make("button", of ? `all of, for ${Model.plain(of.name)}` : Model.plain(node.name)), `to ${node.kind}`);
      made.type = "button";
      made.addEventListener("click", () => choose(at));
      return made;
    }

    // An edge seen from one of its ends: the other end, and what has to hold.
    function edge(at, other) {
      const one = picture.edges[at];
      const to = known.ends[at][other];
      const isSet = picture.nodes[to].kind === "set" && other === 0;
      const item = make("li", "", isSet ? make("span", "all of") : button(to));
      if (one.change) item.append(" ", classed(make("span", one.change), `change ${one.change}`));
      if (one.words && !one.filter) item.append(make("span", ` ${Model.plain(one.words)}`));
      if (one.filter && one.match) item.append(make("span", ` ${one.match.join(", ")}`));
      if (isSet) item.append(make("ul", "", ...known.ins[to].map((part) => edge(part, 0))));
      if (one.filter) item.append(classed(make("div", "if it matches"), "small"), json(one.filter));
      if (one.mappings) {
        const rows = one.mappings.map((mapping) => make("tr", "", make("td", Model.plain(mapping.parameter)),
          make("td", "field" in mapping ? Model.plain(mapping.field) : Model.plain(mapping.constant)), make("td", "field" in mapping ? "field" : "constant")));
        const head = make("tr", "", ...["parameter", "from", "which is a"].map((name) => make("th", name)));
        item.append(make("table", "", make("thead", "", head), make("tbody", "", ...rows)));
      }
      if (one.auto_map) item.append(classed(make("div", "every other parameter by its own name"), "small"));
      if (one.origin) item.append(classed(make("div", "origin"), "small"), json(one.origin));
      if (one.options) item.append(classed(make("div", "options"), "small"), json(one.options));
      if (one.place) item.append(make("div", "", place(one.place)));
      return item;
    }

    function finding(one) {
      const item = classed(make("li", "", classed(make("span", `${one.severity} ${one.code}`), `severity ${one.severity}`),
        make("span", ` ${Model.plain(one.message)}`)), "finding");
      if (one.label) item.append(classed(make("div", Model.plain(one.label)), "small"));
      for (const text of one.notes) item.append(classed(make("div", `note: ${Model.plain(text)}`), "small"));
      for (const text of one.helps) item.append(classed(make("div", `help: ${Model.plain(text)}`), "small"));
      if (one.span) item.append(make("div", "", place(one.span)));
      return item;
    }

    function findings(list) {
      return list.length ? [make("h3", "Findings"), make("ul", "", ...list.map(finding))] : [];
    }

    function node(at) {
      const one = picture.nodes[at];
      const leads = known.ins[at].map((number) => edge(number, 0));
      const led = known.outs[at].map((number) => edge(number, 1));
      const told = one.catalogue;
      const follows = [["What leads here", true, false], ["What it leads to", false, true], ["Both", true, true]].map(([name, up, down]) => {
        const made = make("button", name);
        made.type = "button";
        made.addEventListener("click", () => follow(at, up, down));
        return made;
      });
      return [
        make("h2", one.kind === "set" ? "all of" : Model.plain(one.name)),
        classed(make("p", `${one.kind}${one.known ? "" : ", not in these files"}${one.change ? `, ${one.change}` : ""}`), "small"),
        one.changes ? make("ul", "", ...one.changes.map((text) => make("li", Model.plain(text)))) : null,
        facts([
          ["Project", one.project], ["Branch", one.branch], ["Backends", (one.backends || []).join(", ")], ["", one.words],
          ["Source", place(one.place)],
        ]),
        classed(make("div", "", make("span", "Follow: "), ...follows), "follow"),
        ...findings((one.diagnostics || []).map((number) => picture.diagnostics[number])),
        told ? make("h3", "In the catalogue") : null,
        told ? facts([["Owner", told.owner], ["", told.description], ["Origin", json(told.origin)], ["Schema", json(told.schema)]]) : null,
        leads.length ? make("h3", one.kind === "event" ? "Emitted by" : one.kind === "set" ? "All of" : "Starts when") : null,
        leads.length ? make("ul", "", ...leads) : null,
        !leads.length && one.kind === "flow" && one.known ? make("p", "It is started by hand.") : null,
        led.length ? make("h3", one.kind === "flow" ? "Leads to" : "Starts") : null,
        led.length ? make("ul", "", ...led) : null,
      ].filter(Boolean);
    }

    function list(found, title) {
      const kind = (at) => classed(make("span", ` ${picture.nodes[at].kind}`), "small");
      const items = found.slice(0, MANY).map((at) => make("li", "", button(at), picture.nodes[at].kind === "flow" ? null : kind(at)));
      const more = found.length - items.length;
      return [make("h2", title), make("ul", "", ...items), more > 0 ? make("p", `and ${more} more`) : null].filter(Boolean);
    }

    function all(shown, fits) {
      return shown.filter((at) => fits(picture.nodes[at]));
    }

    function changes(at) {
      const { change, changes: texts } = picture.nodes[at];
      const told = (texts || []).map((text) => make("div", Model.plain(text)));
      return make("li", "", button(at), " ", classed(make("span", change), `change ${change}`), ...told);
    }

    function overview(shown) {
      const flows = all(shown, (node) => node.kind === "flow");
      const placed = new Set(picture.nodes.flatMap((one) => one.diagnostics || []));
      const others = picture.diagnostics.filter((_, number) => !placed.has(number));
      const changed = all(shown, (node) => node.kind === "flow" && node.change);
      const remarks = (picture.remarks || []).map((text) => make("p", Model.plain(text)));
      return [
        ...remarks,
        changed.length ? make("h2", "Changes") : null,
        changed.length ? make("ul", "", ...changed.map(changes)) : null,
        ...list(flows, flows.length === 1 ? "1 flow" : `${flows.length} flows`),
        ...(others.length ? [make("h3", "Findings about no single one"), make("ul", "", ...others.map(finding))] : []),
      ].filter(Boolean);
    }

    return { node, list, overview };
  }

  return { create };
})();
