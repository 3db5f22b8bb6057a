"use strict";
// Begin: the token, requests, and the picture, which has to be there before anything is drawn.
// In:  the fragment of the address, else what this tab was given before.
// Out: {ask, stream, ready, failed}. The token goes out as a header and stands in no address, cookie or element.
const Begin = (() => {
  const KEY = "metaflow-triggers";
  const given = location.hash.slice(1);
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname);
  }
  addEventListener("hashchange", () => location.reload());
  const headers = { Authorization: `Bearer ${given || sessionStorage.getItem(KEY) || ""}` };
  const find = (id) => document.getElementById(id);
  const later = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

  class Refused extends Error {
    constructor(status, told) {
      super(told.message || "the answer cannot be read");
      Object.assign(this, { status, code: told.code || "", helps: told.helps || [] });
    }
  }

  async function refusal(answer) {
    let told = {};
    try {
      told = await answer.json();
    } catch { /* no JSON: the status says enough */ }
    return new Refused(answer.status, told);
  }

  // The JSON of an answer. Throws Refused, or TypeError where nobody answers.
  async function ask(path, body) {
    const post = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    const type = body === undefined ? {} : { "Content-Type": "application/json" };
    const answer = await fetch(path, { ...post, headers: { ...headers, ...type }, credentials: "omit", cache: "no-store" });
    if (!answer.ok) throw await refusal(answer);
    return answer.json();
  }

  // Reads server-sent events until they end: `hear(event, value)`. Throws when nothing comes for so long.
  async function stream(path, hear, signal, seconds = 16) {
    const stop = new AbortController();
    if (signal) signal.addEventListener("abort", () => stop.abort());
    let watch = setTimeout(() => stop.abort(), seconds * 1000);
    try {
      const answer = await fetch(path, { headers, signal: stop.signal, credentials: "omit", cache: "no-store" });
      if (!answer.ok) throw await refusal(answer);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(watch);
        watch = setTimeout(() => stop.abort(), seconds * 1000);
        const parts = (rest + value).split("\n\n");
        rest = parts.pop();
        for (const part of parts) {
          const lines = part.split("\n");
          const named = lines.find((line) => line.startsWith("event: "));
          const data = lines.find((line) => line.startsWith("data: "));
          if (data) hear(named ? named.slice(7) : "message", JSON.parse(data.slice(6)));
          else hear("beat", null);
        }
      }
    } finally {
      clearTimeout(watch);
      stop.abort();
    }
  }

  function say(text, bad) {
    find("link").textContent = text;
    find("link").className = bad ? "bad" : "waiting";
  }

  async function begin() {
    for (;;) {
      try {
        find("data").textContent = JSON.stringify(await ask("/api/picture"));
        return;
      } catch (error) {
        if (error.status === 401) throw error;
        say("the engine does not answer; trying again", true);
        await later(1000);
      }
    }
  }

  function failed(error) {
    say(error.status === 401 ? `no token: ${error.message}` : `this page is broken: ${error.message}`, true);
    for (const id of ["dock", "side", "emit", "pause-all"]) find(id).hidden = true;
  }

  const loaded = new Promise((done) => {
    if (document.readyState === "loading") addEventListener("DOMContentLoaded", done);
    else done();
  });
  return { ask, stream, later, failed, Refused, ready: loaded.then(begin) };
})();
