"use strict";
// Own: elements, moments and words for all that follows. Every text becomes a text node.
const Own = (() => {
  const find = (id) => document.getElementById(id);
  const STATES = {
    claimed: "waiting", started: "running", timed_out: "timed out",
  };

  function make(name, attributes = {}, ...inside) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (key === "on") element.addEventListener(name === "form" ? "submit" : name === "input" || name === "select" ? "change" : "click", value);
      else if (key === "text") element.textContent = value;
      else element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...inside.flat().filter((one) => one !== null && one !== undefined && one !== false));
    return element;
  }

  function button(text, on, attributes = {}) {
    return make("button", { type: "button", text, on, ...attributes });
  }

  // A text of many lines without what would move or reorder the text around it.
  function lines(text) {
    return String(text).split("\n").map((line) => line.split("\t").map(Model.plain).join("\t")).join("\n");
  }

  function when(moment) {
    if (!moment) return "";
    const at = new Date(moment);
    const two = (number) => String(number).padStart(2, "0");
    const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    const today = at.toDateString() === new Date().toDateString();
    return today ? time : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
  }

  function span(seconds) {
    if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
    const whole = Math.floor(seconds);
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
    if (whole < 172800) return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
    return `${Math.floor(whole / 86400)} d`;
  }

  function lasted(row) {
    const began = row.started_at || (row.ended_at ? null : row.scheduled_at);
    if (!began) return "";
    return span(((row.ended_at ? new Date(row.ended_at) : new Date()) - new Date(began)) / 1000);
  }

  function until(moment) {
    if (!moment) return "";
    const seconds = (new Date(moment) - new Date()) / 1000;
    return seconds > 0 ? `in ${span(seconds)}` : "now";
  }

  const state = (word) => STATES[word] || word;
  const chip = (word) => make("span", { class: `chip ${word}`, text: state(word) });

  // Says what was done, or why it was not, where everybody looks and a screen reader hears it.
  let hide = 0;
  function say(text, bad) {
    clearTimeout(hide);
    find("said").className = bad ? "bad" : "good";
    find("said").textContent = Model.plain(text);
    hide = setTimeout(() => { find("said").textContent = ""; find("said").className = ""; }, bad ? 15000 : 6000);
  }

  function why(error) {
    const helps = (error.helps || []).join("; ");
    const text = error.status === undefined ? "the engine does not answer" : error.message;
    return `${error.code ? `${error.code}: ` : ""}${text}${helps ? ` (${helps})` : ""}`;
  }

  // Does something by the engine; says how it went. null where it was not done.
  async function act(name, asked) {
    try {
      const done = await Begin.ask(`/api/do/${name}`, asked);
      say([done.told, done.note].filter(Boolean).join("; "));
      return done;
    } catch (error) {
      say(why(error), true);
      return null;
    }
  }

  return { find, make, button, lines, when, span, lasted, until, state, chip, say, why, act };
})();
