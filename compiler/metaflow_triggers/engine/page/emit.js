"use strict";
// Emit: the form of an event, made from the catalogue, from a payload that was accepted before, or from mappings.
// In:  the detail that it is shown in.
// Out: {create}. The payload is put together as text: a number is sent as it was typed.
const Emit = (() => {
  const { find, make, say, why } = Own;
  const NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

  // The JSON text of one field; null: it is left out. Throws Error.
  function value(field, input) {
    const given = input.value;
    const name = field.path.join(".");
    if (field.kind === "string") return given === "" && !field.required && field.value === null ? null : JSON.stringify(given);
    if (given.trim() === "") return null;
    if (field.kind === "number" || field.kind === "integer") {
      if (!NUMBER.test(given.trim())) throw new Error(`${name} has to be a number; found ${given.trim()}`);
      return given.trim();
    }
    if (field.kind === "json") {
      try {
        JSON.parse(given);
      } catch {
        throw new Error(`${name} has to be JSON; found ${given.slice(0, 40)}`);
      }
    }
    return given;
  }

  function text(tree) {
    if (typeof tree === "string") return tree;
    return `{${[...tree].map(([key, one]) => `${JSON.stringify(key)}: ${text(one)}`).join(", ")}}`;
  }

  function together(fields) {
    const tree = new Map();
    for (const [field, input] of fields) {
      const found = value(field, input);
      if (found === null) continue;
      let at = tree;
      for (const key of field.path.slice(0, -1)) {
        if (!(at.get(key) instanceof Map)) at.set(key, new Map());
        at = at.get(key);
      }
      at.set(field.path[field.path.length - 1], found);
    }
    return text(tree);
  }

  function input(field, id) {
    const shared = { id, "aria-describedby": field.told ? `${id}-told` : null };
    const shown = field.value === null ? "" : field.kind === "string" ? JSON.parse(field.value) : field.value;
    if (field.kind === "boolean" || field.kind === "choice") {
      const choices = ["", ...(field.kind === "boolean" ? ["true", "false"] : field.choices)];
      const made = make("select", shared, choices.map((one) => make("option", { value: one, text: one === "" ? "left out" : Model.plain(one) })));
      made.value = choices.includes(shown) ? shown : "";
      return made;
    }
    const large = field.kind === "json" || (field.kind === "string" && /\n|.{60}/.test(shown));
    const made = make(large ? "textarea" : "input", { ...shared, rows: large ? 3 : null, type: large ? null : "text", autocomplete: "off", spellcheck: "false" });
    made.value = shown;
    return made;
  }

  function create(detail, accepted) {
    async function open(name = "", sequence = null, words = "") {
      const names = Page.known.picture.nodes.filter((node) => node.kind === "event").map((node) => node.name);
      const of = make("input", { id: "emit-name", list: "emit-names", autocomplete: "off", spellcheck: "false", required: true });
      of.value = name;
      const known = make("datalist", { id: "emit-names" }, names.map((one) => make("option", { value: one })));
      const identity = make("input", { id: "emit-id", autocomplete: "off", spellcheck: "false", placeholder: "a new one" });
      const raw = make("textarea", { id: "emit-json", rows: 8, spellcheck: "false" });
      const asText = make("input", { type: "checkbox", id: "emit-as-json" });
      const places = make("div", { id: "emit-fields" });
      const from = make("p", { class: "small" });
      const wrong = make("p", { class: "wrong", role: "alert" });
      const rawLabel = make("label", {}, "Payload, as JSON ", raw);
      let fields = [];

      function mode() {
        if (asText.checked) {
          try {
            raw.value = fields.length ? together(fields) : raw.value;
          } catch (error) {
            wrong.textContent = Model.plain(error.message);
          }
        }
        places.hidden = asText.checked || !fields.length;
        rawLabel.hidden = !asText.checked && fields.length > 0;
      }

      async function load(place) {
        fields = [];
        places.replaceChildren();
        from.textContent = "";
        if (of.value) {
          try {
            const query = new URLSearchParams({ event: of.value, ...(place === null ? {} : { sequence: place }) });
            const form = await Begin.ask(`/api/form?${query}`);
            fields = form.fields.map((field, at) => [field, input(field, `emit-field-${at}`)]);
            places.replaceChildren(...fields.map(([field, made]) => make("div", { class: "field" },
              make("label", { for: made.id, text: Model.plain(`${field.path.join(".")}${field.required ? " (required)" : ""}`) }), made,
              field.told ? make("p", { class: "small", id: `${made.id}-told`, text: Model.plain(field.told) }) : null)));
            raw.value = form.text;
            const said = { catalogue: "Fields of the catalogue.", payload: "Fields of a payload that was accepted before.", flows: "Fields that flows take from it." };
            from.textContent = fields.length ? said[form.of] : "Nothing is known of what it carries.";
          } catch (error) {
            wrong.textContent = Model.plain(why(error));
          }
        }
        mode();
      }

      async function send(event) {
        event.preventDefault();
        wrong.textContent = "";
        let payload;
        try {
          payload = asText.checked || !fields.length ? raw.value : together(fields);
        } catch (error) {
          wrong.textContent = Model.plain(error.message);
          return;
        }
        submit.disabled = true;
        try {
          const done = await Begin.ask("/api/do/emit", { name: of.value.trim(), id: identity.value.trim(), payload });
          say([done.told, done.note].filter(Boolean).join("; "));
          accepted(done);
        } catch (error) {
          wrong.textContent = Model.plain(why(error));
        }
        submit.disabled = false;
      }

      raw.value = "{}";
      asText.addEventListener("change", mode);
      of.addEventListener("change", () => load(null));
      const submit = make("button", { type: "submit", text: "Emit" });
      detail.open("Emit an event", [
        words ? make("p", { text: words }) : null,
        make("form", { on: send, class: "emit" },
          make("label", {}, "Event ", of), known, from, places,
          make("label", { class: "check" }, asText, " as JSON"), rawLabel,
          make("label", {}, "Id ", identity),
          wrong, submit),
      ].filter(Boolean));
      await load(sequence);
      (name ? submit : of).focus();
    }

    return { open };
  }

  return { create, together };
})();
