"use strict";
// Lists: what happens, as tables below the picture: events, runs, sets, polls, refusals, what the engine says.
// In:  sections of the state, what a click on a row does.
// Out: {create}. A row stays the same element as long as it is told of, so that the focus stays where it is.
const Lists = (() => {
  const { find, make, button, chip, when, lasted, until } = Own;
  const plain = Model.plain;

  function cell(value) {
    return value instanceof Node ? value : document.createTextNode(value === null || value === undefined ? "" : plain(value));
  }

  const brief = ["When", "Kind", "State", "For", "Began", "Every", "Last"];

  // One table: `heads`; of a row its key, what it says (to see whether it has changed), its cells, what opens it.
  function table(heads, { key, cells, open, name }) {
    const body = make("tbody");
    const rows = new Map();
    const element = make("table", { class: "list" }, make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col", text: head })))), body);
    function show(items) {
      const wanted = new Set(items.map(key));
      for (const [one, row] of rows) if (!wanted.has(one)) { row.element.remove(); rows.delete(one); }
      let next = body.firstChild;
      for (const item of items) {
        const one = key(item);
        let row = rows.get(one);
        if (!row) {
          row = { element: make("tr"), item, said: null, first: open ? button("", () => open(row.item), { class: "row" }) : null };
          rows.set(one, row);
        }
        row.item = item;
        const values = cells(item);
        const said = values.map((value) => (value instanceof Node ? value.textContent + value.className : String(value))).join("\u0000");
        if (said !== row.said) {
          row.said = said;
          if (row.first) row.first.replaceChildren(cell(name(item)));
          const made = values.map((value, at) => make("td", { class: brief.includes(heads[at + 1]) ? "brief" : null }, cell(value)));
          if (!row.element.firstChild) row.element.append(make("td", {}, row.first || cell(name(item))));
          else if (!row.first) row.element.firstChild.replaceChildren(cell(name(item)));
          row.element.replaceChildren(row.element.firstChild, ...made);
        }
        if (row.element === next) next = next.nextSibling;
        else body.insertBefore(row.element, next);
      }
    }
    return { element, show };
  }

  function create({ openEvent, openRun, choose, act }) {
    const runs = { key: (row) => row.id, open: (row) => openRun(row.id), name: (row) => `${row.flow_key} #${row.id}` };
    const parts = {
      events: {
        name: "Events", empty: "No event yet.", count: (state) => state.accepted,
        ...table(["Event", "When", "Kind", "Id", "Payload"], {
          key: (row) => row.sequence, open: (row) => openEvent(row.sequence), name: title,
          cells: (row) => [when(row.at), row.kind, row.id, row.kind === "finish" ? "" : Model.cut(row.body, 160)],
        }),
        rows: (state) => state.events,
      },
      runs: {
        name: "Runs", empty: "No run yet.", count: (state) => (state.active.length ? `${state.active.length} active` : ""), ticks: true,
        ...table(["Run", "State", "For", "Began", "Because of", "Error"], {
          ...runs,
          cells: (row) => [chip(row.state), lasted(row), when(row.started_at || row.scheduled_at), row.reason,
            row.error && row.state !== "succeeded" ? Model.cut(`${row.step ? `in step ${row.step}: ` : ""}${row.error}`, 120) : ""],
        }),
        rows: (state) => [...[...state.active].reverse(), ...state.ended],
      },
      sets: {
        name: "Sets", empty: "No set is half there.", count: (state) => state.sets.length,
        ...table(["Set of", "Has", "Waits for"], {
          key: (row) => `${row.flow_key} ${row.place}`, name: (row) => row.flow_key,
          open: (row) => choose(Page.known.picture.sets[`${row.flow_key} ${row.place}`]),
          cells: (row) => [row.arrived.join(", "), row.missing.join(", ")],
        }),
        rows: (state) => state.sets,
      },
      polls: {
        name: "Polls", empty: "No poll and no schedule.", count: (state) => state.polls.length + state.schedules.length, ticks: true,
        ...table(["Poll or schedule", "Starts", "Every", "Next", "Last", "Result", "Enabled"], {
          key: (row) => row.key, name: (row) => row.name, open: (row) => choose(row.node),
          cells: (row) => [row.starts, row.every, row.next, row.last, row.result,
            row.poll ? button(row.enabled ? "Disable" : "Enable", () => act(row.enabled ? "disable" : "enable", { name: row.poll }), { "aria-label": `${row.enabled ? "Disable" : "Enable"} ${row.poll}` }) : ""],
        }),
        rows: (state) => [...state.polls.map(poll), ...state.schedules.map(schedule)],
      },
      refused: {
        name: "Refused", empty: "Nothing was refused.", count: (state) => state.refused.length,
        ...table(["Start", "When", "Because of", "Reason"], {
          ...runs, cells: (row) => [when(row.scheduled_at), row.reason, row.error],
        }),
        rows: (state) => state.refused,
      },
      notes: {
        name: "Engine", empty: "The engine has said nothing.", count: (state) => state.notes.length,
        ...table(["Said", "When"], { key: (row) => row.key, name: (row) => row.text, cells: (row) => [when(row.at)] }),
        rows: (state) => state.notes.map((row, at) => ({ ...row, key: `${row.at} ${at}` })).reverse(),
      },
    };
    let chosen = "events", last = null;

    for (const [id, part] of Object.entries(parts)) {
      part.tab = make("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `list-${id}`, on: () => pick(id) });
      part.nothing = make("p", { class: "small", text: part.empty });
      part.panel = make("div", { role: "tabpanel", id: `list-${id}`, "aria-labelledby": `tab-${id}`, tabindex: "0" }, part.nothing, part.element);
      find("tabs").append(part.tab);
      find("lists").append(part.panel);
    }
    find("tabs").addEventListener("keydown", (event) => {
      const ids = Object.keys(parts);
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      pick(ids[(ids.indexOf(chosen) + step + ids.length) % ids.length]);
      parts[chosen].tab.focus();
      event.preventDefault();
    });

    function pick(id) {
      chosen = id;
      for (const [one, part] of Object.entries(parts)) {
        part.tab.setAttribute("aria-selected", String(one === id));
        part.tab.setAttribute("tabindex", one === id ? "0" : "-1");
        part.panel.hidden = one !== id;
      }
      if (last) show(last);
    }

    // Only the table that is seen is made anew.
    function show(state) {
      last = state;
      for (const [id, part] of Object.entries(parts)) {
        const text = [part.name, part.count(state)].filter((one) => one !== "" && one !== 0).join(" ");
        if (part.tab.textContent !== text) part.tab.textContent = text;
        if (id !== chosen) continue;
        const rows = part.rows(state);
        part.nothing.hidden = rows.length > 0;
        part.element.hidden = !rows.length;
        part.show(rows);
      }
    }

    setInterval(() => { if (last && parts[chosen].ticks && !document.hidden) show(last); }, 1000);
    pick(chosen);
    return { show, pick };
  }

  // An outcome is named after its flow, and says how that ended.
  function title(row) {
    return row.kind === "finish" ? row.name.replace(/^metaflow\.outcome\./, "").replace(/\.([a-z]+)$/, ": $1") : row.name;
  }

  function result(row) {
    if (row.down) return `not polled: ${row.down}`;
    if (row.last_result === "error") return `error (${row.consecutive_errors} in a row): ${row.last_error || ""}`;
    return row.last_result || "";
  }

  function poll(row) {
    return {
      key: `poll/${row.trigger_name}`, node: `poll/${row.trigger_name}`, name: row.trigger_name, starts: row.workflow_name, every: row.poll_interval,
      next: row.enabled ? until(row.next_due_at) : "disabled", last: when(row.last_poll_at), result: result(row), poll: row.trigger_name, enabled: row.enabled,
    };
  }

  function schedule([flow, due]) {
    const node = Object.entries(Page.known.picture.flows).find((one) => one[1] === flow);
    return { key: `schedule/${flow}`, node: node && `schedule/${node[0]}`, name: `schedule of ${flow}`, starts: flow, every: "", next: `${when(due)}, ${until(due)}`, last: "", result: "", poll: "" };
  }

  return { create, result };
})();
