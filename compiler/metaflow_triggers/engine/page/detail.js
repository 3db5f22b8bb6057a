"use strict";
// Detail: one event with its trail, one run with its log, in place of what is told of a node.
// In:  what opens the form of an event.
// Out: {create}: {event, run, show, close}. What is shown is asked for again while something of it goes on.
const Detail = (() => {
  const { find, make, button, chip, when, lasted, lines, say, why, act } = Own;
  const plain = Model.plain;
  const LONGEST = 200000;

  function facts(rows) {
    return make("dl", {}, rows.filter(([, value]) => value).flatMap(([name, value]) => [
      make("dt", { text: name }), make("dd", {}, value instanceof Node ? value : plain(value)),
    ]));
  }

  function pretty(text) {
    try {
      return JSON.stringify(JSON.parse(text), null, 1).length > 20000 ? text : JSON.stringify(JSON.parse(text), null, 1);
    } catch {
      return text;
    }
  }

  // The text as it was accepted, where reading it would change a number.
  function exact(text) {
    return /[0-9]{16}|[0-9]\.[0-9]{15}|[eE][+-]?[0-9]/.test(text) ? text : pretty(text);
  }

  function create({ openForm }) {
    const box = find("detail");
    let shown = null, before = null, following = null;

    // Puts something in place of the panel. `again` asks for it anew when the state has changed; false: it is over.
    function open(title, inside, again = null) {
      if (following) following.abort();
      following = null;
      if (box.hidden) before = document.activeElement;
      shown = { again, asked: Date.now(), busy: false };
      box.replaceChildren(make("div", { class: "head" }, make("h2", { id: "detail-name", text: plain(title) }), button("Close", close)), ...inside);
      box.hidden = false;
      find("panel").hidden = true;
      box.scrollTop = 0;
      box.focus({ preventScroll: true });
      if (matchMedia("(max-width: 760px)").matches) box.scrollIntoView({ block: "start" });
    }

    function close() {
      if (box.hidden) return;
      if (following) following.abort();
      following = shown = null;
      box.hidden = true;
      box.replaceChildren();
      find("panel").hidden = false;
      if (before && before.isConnected) before.focus({ preventScroll: true });
    }

    async function asked(path) {
      try {
        return await Begin.ask(path);
      } catch (error) {
        say(why(error), true);
        return null;
      }
    }

    // An event, what it holds, and for each flow what became of it.
    async function event(sequence) {
      const found = await asked(`/api/event/${sequence}`);
      if (!found) return;
      const trail = make("div", { id: "trail" }, answers(found.trail));
      const mine = found.kind === "event";
      let goes = goesOn(found);
      open(found.name, [
        make("p", { class: "small", text: `${found.kind}, accepted ${when(found.at)}` }),
        facts([["Id", found.id]]),
        mine ? make("div", { class: "follow" },
          button("Emit it anew", () => openForm(found.name, found.sequence)),
          button("Take it again", () => act("again", { sequence }).then((done) => done && event(sequence)))) : null,
        mine ? make("p", { class: "small", text: "Anew: the same payload under a new id. Again: for flows that have not had it." }) : null,
        make("h3", { text: "What became of it" }), trail,
        make("h3", { text: "Payload" }), make("pre", { tabindex: "0", "aria-label": "Payload" }, lines(exact(found.body))),
      ].filter(Boolean), async () => {
        if (!goes) return false;
        const now = await Begin.ask(`/api/event/${sequence}`);
        goes = goesOn(now);
        if (JSON.stringify(now.trail) !== JSON.stringify(found.trail)) {
          found.trail = now.trail;
          trail.replaceChildren(...answers(now.trail));
        }
        return goes;
      });
    }

    function goesOn(found) {
      const active = found.trail.answers.some((one) => one.run ? ["waiting", "running"].includes(one.run.state) : one.cause.code !== "filter");
      return active || Date.now() - new Date(found.at) < 30000;
    }

    function answers(trail) {
      if (!trail.answers.length) return [make("p", { class: "small", text: "No flow waits for it." })];
      return trail.answers.map((one) => make("div", { class: "answer" },
        make("div", {}, make("strong", { text: plain(one.flow || "no flow") }), " ", make("span", { class: `chip ${one.verdict.replace(" ", "-")}`, text: one.verdict })),
        make("div", { text: plain(one.cause.words) }),
        one.also.map((also) => make("div", { class: "small", text: `also: ${plain(also.words)}` })),
        one.run ? make("div", {}, chip(one.run.state.replace(" ", "_")), " ", lasted(one.run), " ",
          one.start !== null ? button(`Run ${plain(one.run.id)}`, () => run(one.start), { class: "to flow" }) : make("span", { text: `run ${plain(one.run.id)}` })) : null,
        one.run && one.run.error && one.run.state !== "refused" ? make("pre", {}, lines(one.run.error)) : null,
      ));
    }

    // A run: why, with what, how it went, and its log for as long as it writes one.
    async function run(number) {
      const found = await asked(`/api/start/${number}`);
      if (!found) return;
      const told = make("div", {}, ofRun(found));
      const log = make("pre", { id: "log", tabindex: "0", role: "log", "aria-label": "Log" });
      const head = make("h3", { text: "Log" });
      let last = found;
      open(`${found.flow_key} #${found.id}`, [told, head, log], async () => {
        if (!["waiting", "running"].includes(last.run.state)) return false;
        const now = await Begin.ask(`/api/start/${number}`);
        if (JSON.stringify(now) !== JSON.stringify(last)) told.replaceChildren(...ofRun(now));
        last = now;
        return true;
      });
      if (found.run.state === "refused") {
        head.remove();
        log.remove();
        return;
      }
      following = new AbortController();
      follow(number, log, head, following.signal);
    }

    function ofRun(found) {
      const { run: one, events } = found;
      const again = [];
      const mine = events.filter((item) => item.kind === "event");
      if (one.state === "refused") {
        again.push(button("Send again", () => act("send-again", { start: found.id }).then((done) => { if (done) close(); })));
      } else if (mine.length === 1) again.push(button("Run again", () => openForm(mine[0].name, mine[0].sequence, "An event starts a flow once. This emits the same payload under a new id, to every flow that waits for it.")));
      return [
        make("p", {}, chip(one.state.replace(" ", "_")), " ", lasted(one)),
        again.length ? make("div", { class: "follow" }, again) : null,
        one.state !== "refused" && mine.length !== 1 ? make("p", { class: "small", text: mine.length ? "A set started it: emit each of its events anew to have it run again." : "No event started it: what did has to happen again to have it run again." }) : null,
        facts([["Because of", found.reason], ["Why", found.cause.startsWith("started as run") && !found.cause.includes(",") ? "" : found.cause], ["Run", one.run_id], ["Asked for", when(found.scheduled_at)], ["Began", when(one.started_at)],
          ["Ended", when(one.ended_at)], ["Step", one.step]]),
        one.error && one.state !== "refused" ? make("pre", { class: "error" }, lines(one.error)) : null,
        events.length ? make("h3", { text: "Started by" }) : null,
        events.length ? make("ul", {}, events.map((item) => make("li", {}, button(plain(item.name), () => event(item.sequence), { class: "to event" }), " ", make("span", { class: "small", text: plain(item.id) })))) : null,
        one.parameters && Object.keys(one.parameters).length ? make("h3", { text: "Parameters" }) : null,
        one.parameters && Object.keys(one.parameters).length ? facts(Object.entries(one.parameters).map(([name, value]) => [plain(name), make("span", { text: plain(JSON.stringify(value)) })])) : null,
      ].filter(Boolean);
    }

    async function follow(number, log, head, signal) {
      const add = (text) => {
        const down = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
        log.append(lines(text.replace(/\r\n?/g, "\n").replace(/\u001b\[[0-9;]*[A-Za-z]/g, "")));
        while (log.textContent.length > LONGEST && log.childNodes.length > 1) log.firstChild.remove();
        if (down) log.scrollTop = log.scrollHeight;
      };
      while (!signal.aborted) {
        let over = false;
        try {
          await Begin.stream(`/api/log/${number}`, (name, value) => {
            if (name === "begin") {
              log.replaceChildren();
              head.textContent = value.left_out ? `Log, without its first ${value.left_out} bytes` : "Log";
              log.dataset.path = value.path || "";
            } else if (name === "part") add(value);
            else if (name === "end") {
              over = true;
              if (!log.textContent) add(value || "The run printed nothing.");
            }
          }, signal, 3600);
        } catch (error) {
          if (error.status) over = true;
        }
        if (over) return;
        await Begin.later(1500);
      }
    }

    // The state has changed: what goes on is asked for again, at most every second.
    async function show() {
      const mine = shown;
      if (!mine || !mine.again || mine.busy || Date.now() - mine.asked < 1000) return;
      mine.busy = true;
      try {
        if (await mine.again() === false) mine.again = null;
      } catch { /* said by the page; it is asked again */ }
      mine.asked = Date.now();
      mine.busy = false;
    }

    setInterval(show, 1000);
    box.addEventListener("keydown", (pressed) => {
      if (pressed.key !== "Escape") return;
      pressed.preventDefault();
      close();
    });
    return { open, close, event, run };
  }

  return { create };
})();
