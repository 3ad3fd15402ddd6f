// Parts that several views draw: links, bars, the map, curves over time, marked texts, lists.

const dot = (k, kind = "dot") => h("i", { class: `${kind} hue${data.topics[k].hue}` });
const link = (k, ...more) =>
  h("a", { href: to({ topic: k }), title: `${say.part} ${k}` }, dot(k), text("span", called(k), { "data-name": k }), ...more);
const section = (title, ...children) => h("section", {}, h("h3", {}, title), ...children);

// A bar from 0 with a whisker, on a scale from 0 to `most`.
function bar(k, [value, low, high], most) {
  const at = (x) => `${Math.min(100, (100 * x) / most)}%`;
  return h("span", { class: `track hue${data.topics[k].hue}`, "aria-hidden": "true" },
    h("i", { class: "bar", style: { width: at(value) } }),
    low === null ? null
      : h("i", { class: "whisker", style: { left: at(low), width: at(high - low) } }));
}

function shortened(name, most) {
  const letters = [...name];
  return letters.length > most ? `${letters.slice(0, most - 1).join("").trimEnd()}\u2026` : name;
}

const tenths = (x) => x.toFixed(x < 9.95 ? 1 : 0);

// How many times as much, or as little.
function times(ratio) {
  const factor = Math.max(ratio, 1 / ratio);
  const shown = factor > 999 ? ">999" : tenths(factor);
  return `${ratio < 1 ? "\u00f7" : "\u00d7"}${shown}`;
}

function map(selected = null) {
  const circles = data.topics.map((topic, k) =>
    s("g", { onclick: () => change({ ...view, topic: k }), "data-topic": k },
      s("circle", {
        cx: 100 * topic.x, cy: 100 * topic.y, r: 100 * topic.r,
        class: `hue${topic.hue}${k === selected ? " here" : ""}`,
      }),
      s("title", {}, `${called(k)}: ${percent(topic.share)}`)));
  const labels = selected !== null ? [] : data.topics.map((topic, k) =>
    s("text", { x: 100 * topic.x, y: 100 * topic.y + 0.8, "data-name1": k },
      shortened(names[k] || data.words[topic.top[0]], 14)));
  return s("svg", {
    class: "map", viewBox: "-1 -1 102 102", role: "img",
    "aria-label": `Map of ${say.part}s: near ones share ${say.column}s, larger ones have more of the `
      + `${say.row}s. The list of ${say.part}s has the same.`,
  }, circles, labels);
}

function chart(k, points, most, { tall = false } = {}) {
  const at = points.map((p) => data.at[p.time]);
  const [start, end] = [Math.min(...at), Math.max(...at)];
  const x = (p) => (end > start ? (100 * (data.at[p.time] - start)) / (end - start) : 50);
  const y = (value) => 100 - (100 * Math.min(value, most)) / most;
  const path = (list) => list.map((p, i) => `${i ? "L" : "M"}${p[0].toFixed(2)} ${p[1].toFixed(2)}`);
  const solid = points.filter((p) => p.low !== null);
  const ribbon = [...solid.map((p) => [x(p), y(p.high)]),
    ...solid.toReversed().map((p) => [x(p), y(p.low)])];
  return s("svg", {
    class: `chart hue${data.topics[k].hue}${tall ? " tall" : ""}`, viewBox: "0 0 100 100",
    preserveAspectRatio: "none", "aria-hidden": "true",
  },
  ribbon.length ? s("path", { class: "ribbon", d: `${path(ribbon).join("")}Z` }) : null,
  s("path", { class: "line", d: path(points.map((p) => [x(p), y(p.share)])).join("") }));
}

const groupsInTime = () => data.times.flatMap((_, time) => {
  const found = inTime(time) ? group(state.label, (t) => t === time, false) : null;
  return found ? [{ time, found }] : [];
});

function pointsOf(k, groups = groupsInTime()) {
  return groups.map(({ time, found }) => {
    const [share, low, high] = interval(found, k);
    return { time, share, low, high, n: found.n };
  });
}

function marked(document_, only = null) {
  const parts = [];
  let end = 0;
  for (let i = 0; i < document_.marks.length; i += 2) {
    const start = end + document_.marks[i];
    const [length, place] = [document_.marks[i + 1] >> 3, document_.marks[i + 1] & 7];
    const k = document_.topics[place]?.[0];
    parts.push(document_.text.slice(end, start));
    end = start + length;
    const word = document_.text.slice(start, end);
    const on = k !== undefined && (only === null || only === k);
    parts.push(on ? h("mark", { class: `hue${data.topics[k].hue} line${only === null ? place % 4 : 0}` },
      word) : word);
  }
  return [...parts, document_.text.slice(end)];
}

const about = (d) =>
  [data.labels[d.label], data.times[d.time], many(d.words, say.counted)].filter(Boolean);

function listed(items, drawn, count, empty) {
  const list = h("ul", { class: "plain" }, items.slice(0, count).map(drawn));
  if (!items.length) return h("p", { class: "soft" }, empty);
  if (items.length <= count) return list;
  const more = h("button", {
    type: "button",
    onclick: () => {
      const start = list.children.length;
      list.append(...items.slice(start, start + 100).map(drawn));
      list.children[start].querySelector("a")?.focus();
      if (list.children.length === items.length) more.remove();
    },
  }, `Show ${Math.min(100, items.length - count)} more`);
  return [list, more];
}

