// The page of topics, or of components of counts. One state, which stands in the address after "#", and one function
// that draws it.

const app = document.getElementById("app");
const K = data.topics.length;
const T = (data.times ?? []).length;
const MINUS = "\u2013";
const say = data.terms; // what rows, columns and parts are called here
const capital = (word) => word[0].toUpperCase() + word.slice(1);
const ALL = `All ${say.part}s`;

const many = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
const range = (low, high) => `${whole(low)}${MINUS}${whole(high)}`;

// --- what stays between visits -----------------------------------------------------------------

const names = data.topics.map((topic) => topic.name);
const namesKey = `dirvae names ${data.key}`;
try {
  for (const [k, name] of Object.entries(JSON.parse(kept.get(namesKey) ?? "{}")))
    if (k in names && typeof name === "string") names[k] = name;
} catch { /* written by something else */ }

const three = (k) => data.topics[k].top.slice(0, 3).map((w) => data.words[w]).join(", ");
const called = (k) => names[k] || three(k);

function rename(k, name) {
  names[k] = name.trim().replace(/\s+/gu, " ").slice(0, 200);
  kept.set(namesKey, JSON.stringify({ ...names }));
  document.querySelectorAll(`[data-name="${k}"]`).forEach((e) => (e.textContent = called(k)));
}

function downloadNames() {
  const given = Object.fromEntries(Object.entries(names).filter(([, name]) => name));
  const url = URL.createObjectURL(
    new Blob([`${JSON.stringify(given, null, 2)}\n`], { type: "application/json" }),
  );
  h("a", { href: url, download: `${say.part}-names.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// --- state -------------------------------------------------------------------------------------

const LIMITS = {
  topic: K,
  doc: data.documents.length,
  word: data.words.length,
  label: (data.labels ?? []).length,
  from: T,
  to: T,
  rank: data.steps + 1,
  by: (data.samples?.groupings ?? []).length,
};
const RANK = Math.round(0.6 * data.steps); // as Sievert & Shirley found best

function read() {
  const found = new URLSearchParams(location.hash.slice(1));
  const state = { q: found.get("q") ?? "" };
  for (const [name, limit] of Object.entries(LIMITS)) {
    const value = found.get(name);
    state[name] = /^\d{1,7}$/.test(value ?? "") && Number(value) < limit ? Number(value) : null;
  }
  return state;
}

function address(state) {
  const shown = Object.entries(state).filter(([, value]) => value !== null && value !== "");
  return `#${new URLSearchParams(shown.map(([name, value]) => [name, String(value)]))}`;
}
const view = { topic: null, doc: null, word: null, q: "" };
const to = (change) => address({ ...state, ...view, ...change });

function change(changes, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address({ ...state, ...changes }));
  draw();
}

let state = read();

// --- shares in groups of documents -------------------------------------------------------------

function row(means, index) {
  const error = means.error[index];
  return {
    n: means.n[index],
    share: (k) => means.share[index][k] / means.scale,
    error: (k) => (error[k] < 0 ? null : error[k] / means.scale),
  };
}

// Mean and standard error of groups together, from those of each: the same as of their documents.
function together(rows) {
  if (rows.length < 2) return rows[0] ?? null;
  const n = rows.reduce((sum, r) => sum + r.n, 0);
  const share = (k) => rows.reduce((sum, r) => sum + r.n * r.share(k), 0) / n;
  const error = (k) => {
    const squares = rows.reduce(
      (sum, r) => sum + (r.n - 1) * r.n * (r.error(k) ?? 0) ** 2 + r.n * r.share(k) ** 2, 0);
    return Math.sqrt(Math.max(0, squares - n * share(k) ** 2) / (n - 1) / n);
  };
  return { n, share, error };
}

const rowsOf = (means, wanted) =>
  means === null || means === undefined
    ? []
    : means.groups.flatMap((group, index) => (wanted(group) ? [row(means, index)] : []));
const first = () => Math.min(state.from ?? 0, state.to ?? T - 1);
const last = () => Math.max(state.from ?? 0, state.to ?? T - 1);
const anyTime = () => state.from === null && state.to === null;
const inTime = (t) => anyTime() || (t >= first() && t <= last());

function group(label, isTime = inTime, every = anyTime()) {
  if (label === null && every)
    return { n: data.total, share: (k) => data.topics[k].share, error: () => null };
  if (label === null) return together(rowsOf(data.by_time, isTime));
  if (every) return together(rowsOf(data.by_label, (g) => g === label));
  return together(rowsOf(data.by_both, (g) => Math.floor(g / T) === label && isTime(g % T)));
}
const isFiltered = () => state.label !== null || !anyTime();
const known = (d) => (state.label === null || d.label === state.label) && inTime(d.time);

function interval(found, k) {
  const half = found.error(k) === null ? null : data.z * found.error(k);
  const share = found.share(k);
  return half === null ? [share, null, null]
    : [share, Math.max(0, share - half), Math.min(1, share + half)];
}

// --- parts -------------------------------------------------------------------------------------

const dot = (k, kind = "dot") => h("i", { class: `${kind} hue${data.topics[k].hue}` });
const link = (k, ...more) =>
  h("a", { href: to({ topic: k }) }, dot(k), text("span", called(k), { "data-name": k }), ...more);
const section = (title, ...children) => h("section", {}, h("h3", {}, title), ...children);

// A bar from 0 with a whisker, on a scale from 0 to `most`.
function bar(k, [value, low, high], most) {
  const at = (x) => `${Math.min(100, (100 * x) / most)}%`;
  return h("span", { class: `track hue${data.topics[k].hue}`, "aria-hidden": "true" },
    h("i", { class: "bar", style: { width: at(value) } }),
    low === null ? null
      : h("i", { class: "whisker", style: { left: at(low), width: at(high - low) } }));
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
      (names[k] || data.words[topic.top[0]]).slice(0, 14)));
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

// A part of the page that is drawn in a task of its own, so that none takes long.
function later(drawn) {
  const place = h("div");
  setTimeout(() => place.isConnected && fill(place, {}, [drawn()]));
  return place;
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

// --- views -------------------------------------------------------------------------------------

function topicList() {
  const found = group(state.label);
  const share = (k) => (found ? found.share(k) : data.topics[k].share);
  const order = data.topics.map((_, k) => k).sort((a, b) => share(b) - share(a) || a - b);
  const most = share(order[0]);
  return h("nav", { "aria-label": capital(`${say.part}s`) },
    h("h2", {}, many(K, say.part),
      isFiltered() && found ? h("small", {}, ` in ${many(found.n, say.row)}`) : null),
    h("ol", { class: "topics" }, order.map((k) =>
      h("li", {}, h("a", {
        href: to({ topic: k }), "data-topic": k,
        "aria-current": state.topic === k ? "true" : null,
      },
      dot(k), text("span", called(k), { class: "name", "data-name": k }),
      h("span", { class: "number" }, percent(share(k))),
      names[k] ? text("small", three(k), { class: "words" }) : null,
      bar(k, [share(k), null, null], most))))));
}

function overview() {
  const order = data.topics.map((_, k) => k);
  const found = group(state.label);
  if (found) order.sort((a, b) => found.share(b) - found.share(a) || a - b);
  return [
    h("h2", { tabindex: "-1" }, ALL),
    data.apart.length ? samplesOverview() : null,
    h("details", { class: "mapped", open: !data.apart.length && !matchMedia("(max-width: 599px)").matches },
      h("summary", {}, `Map: near ${say.part}s share ${say.column}s, larger ones have more of the ${say.row}s`),
      map()),
    T > 1 ? later(() => overTime(order)) : null,
    data.labels?.length && !data.samples ? later(byLabels) : null,
    data.quality.length ? quality() : null,
  ];
}

function quality() {
  const told = data.quality.some(({ baseline }) => baseline !== null);
  const ends = data.quality.some(({ interval }) => interval !== null);
  return section("How good is it?",
    h("ul", { class: "signs quality" }, data.quality.map(({ said, how, baseline, interval }) =>
      h("li", {}, h("details", {},
        h("summary", {}, h("span", {}, said), interval === null ? null : h("span", { class: "interval" }, interval),
          baseline === null ? null : h("span", { class: "soft" }, `LDA: ${baseline}`)),
        h("p", { class: "soft" }, how))))),
    h("p", { class: "soft" }, `On the ${say.row}s of this page. On those that it was fitted to, a model does better `
      + "than on others.", ends ? ` Beside a number: where it would be with other ${say.row}s of this kind, in `
      + `${whole(data.sure)} of cases.` : "", told ? ` LDA: scikit-learn's, with as many ${say.part}s, fitted to these ${say.row}s, and its ${say.column}s ranked by probability.` : ""));
}

// One scale for all; what rises above nearly all else is cut, and its height written beside it.
function overTime(order) {
  const groups = groupsInTime();
  const points = new Map(order.map((k) => [k, pointsOf(k, groups)]));
  const height = (p) => p.high ?? p.share;
  const all = [...points.values()].flat().map(height).sort((a, b) => a - b);
  const most = Math.max(all[Math.floor(0.99 * (all.length - 1))] ?? 0, 1e-9);
  const drawn = (k) => {
    const top = Math.max(...points.get(k).map((p) => p.share));
    return h("li", {}, h("a", { href: to({ topic: k }) },
      h("span", { class: "title" }, dot(k), text("span", called(k), { class: "name", "data-name": k }),
        top > most ? h("span", { class: "number" }, `\u2191 ${percent(top)}`) : null),
      chart(k, points.get(k), most)));
  };
  const [list, more] = [listed(order, drawn, 12, "")].flat();
  list.classList.add("multiples");
  return section("Over time", h("p", { class: "soft" },
    `Share of the ${say.row}s${where()} from ${data.times[first()]} to ${data.times[last()]}, with `
    + `${whole(data.sure)} intervals. All have one scale, from 0 to ${percent(most)}.`), list, more);
}

function byLabels() {
  const rows = data.labels.flatMap((label, place) => {
    const found = state.label === null || state.label === place ? group(place) : null;
    return found ? [[label, found, place]] : [];
  });
  const drawn = ([label, found, place]) => {
    const best = data.topics.map((_, k) => k).sort((a, b) => found.share(b) - found.share(a));
    return h("li", {}, text("b", label),
      h("small", { class: "soft" }, many(found.n, say.row)),
      h("ul", { class: "chips" }, best.slice(0, 3).map((k) =>
        h("li", {}, h("a", { href: to({ topic: k, label: place }) }, dot(k),
          text("span", called(k), { "data-name": k }),
          h("span", { class: "number" }, percent(found.share(k))))))));
  };
  const largest = data.num_labels > data.labels.length
    ? `The ${data.labels.length} largest of ${data.num_labels} labels.` : "";
  return section("What each label is about", largest && h("p", { class: "soft" }, largest),
    h("ul", { class: "plain labels" }, rows.map(drawn)));
}

function topicView(k) {
  const topic = data.topics[k];
  const name = h("input", {
    id: "name", value: names[k], placeholder: three(k), maxlength: 200, autocomplete: "off",
    dir: "auto", oninput: (event) => rename(k, event.target.value),
  });
  return [
    h("p", { class: "back" }, h("a", { href: to({}) }, ALL)),
    h("h2", { tabindex: "-1", class: "topic" }, dot(k), text("span", called(k), { "data-name": k })),
    h("p", { class: "soft" }, `${capital(say.part)} ${k}, ${percent(topic.share)} of the ${say.row}s. `,
      h("label", { for: "name" }, "Your name for it: "), name),
    h("div", { class: "columns" },
      words(k),
      h("div", {}, signs(topic), near(k, topic), together(k))),
    data.documents.length ? [T > 1 ? later(() => topicOverTime(k)) : null,
      data.labels.length ? later(() => topicByLabel(k)) : null,
      data.effects ? later(() => topicEffects(k)) : null, later(() => exemplars(k))] : null,
  ];
}

function words(k) {
  const rank = state.rank ?? RANK;
  const list = h("ol", { class: "bars" });
  const slider = h("input", {
    type: "range", id: "rank", min: 0, max: data.steps, step: 1, value: rank,
    oninput: (event) => {
      const value = Number(event.target.value);
      history.replaceState(null, "", address((state = { ...state, rank: value })));
      order(value);
    },
  });
  const order = (value) => {
    slider.setAttribute("aria-valuetext", `${whole(value / data.steps)} by frequency in the ${say.part}`);
    list.replaceChildren(...ranked(k, value));
  };
  order(rank);
  return section(capital(`${say.column}s`),
    h("p", { class: "slider" }, h("label", { for: "rank" }, "most its own"), slider,
      h("span", { class: "soft", "aria-hidden": "true" }, "most frequent")),
    list,
    h("p", { class: "soft" }, `Bars: share of the ${say.part}'s ${say.unit}s. Ticks: share of ${say.mean}.`));
}

function relevant(k, value) {
  const { list, p } = data.topics[k];
  const weight = value / data.steps;
  const tiny = 2.2250738585072014e-308;
  const score = (i) => Math.log(Math.max(p[i], tiny))
    - (1 - weight) * Math.log(Math.max(data.frequency[list[i]], tiny));
  return list.map((_, i) => [score(i), i])
    .sort((a, b) => b[0] - a[0] || p[b[1]] - p[a[1]] || list[a[1]] - list[b[1]])
    .slice(0, data.shown).map(([, i]) => i);
}

function ranked(k, value) {
  const { list, p, hue } = data.topics[k];
  const shown = relevant(k, value);
  const most = Math.max(...shown.map((i) => p[i]), 1e-12);
  return shown.map((i) => {
    const all = data.frequency[list[i]];
    return h("li", {}, h("a", { href: to({ word: list[i] }), dir: "auto" }, data.words[list[i]]),
      h("span", { class: `track hue${hue}`, "aria-hidden": "true" },
        h("i", { class: "bar", style: { width: `${(100 * p[i]) / most}%` } }),
        h("i", { class: "tick", style: { left: `${Math.min(100, (100 * all) / most)}%` } })),
      h("span", { class: "number" }, `${(100 * p[i]).toFixed(2)}%`),
      h("span", { class: "number soft", title: `how much more frequent than in ${say.mean}` },
        all > 0 ? `\u00d7${(p[i] / all).toFixed(1)}` : ""));
  });
}

function signs(topic) {
  return section("Can it be trusted?", h("ul", { class: "signs" }, topic.signs.map(([kind, fine, said]) =>
    h("li", {}, h("details", {},
      h("summary", {}, h("span", { class: fine ? "fine" : "look", "aria-hidden": "true" }, fine ? "✓" : "!"),
        h("span", {}, said, fine ? null : h("span", { class: "unseen" }, " (look closer)"))),
      h("p", { class: "soft" }, data.how[kind]))))));
}

function near(k, topic) {
  if (!topic.near.length) return null;
  return section(`Nearest ${say.part}s`, map(k), h("ul", { class: "plain near" }, topic.near.map(([j, share]) =>
    h("li", {}, link(j, h("span", { class: "number" }, `${whole(share)} of ${say.unit}s`))))));
}

function together(k) {
  const found = data.together?.[k] ?? [];
  if (!found.length) return null;
  const times = (x) => x.toFixed(x < 9.95 ? 1 : 0);
  return section(`Often in the same ${say.row}s`, h("ul", { class: "plain near together" }, found.map(([j, ratio, low, high]) =>
    h("li", {}, link(j, h("span", { class: "number" }, `${times(ratio)} times (${times(low)} to ${times(high)})`))))),
  h("p", { class: "soft" }, `As often as ${say.part}s of their sizes are together, with ${whole(data.sure)} intervals.`));
}

function topicOverTime(k) {
  const points = pointsOf(k);
  if (points.length < 2) return null;
  const most = Math.max(...points.map((p) => p.high ?? p.share), 1e-9);
  const said = h("p", { class: "soft", "aria-hidden": "true" });
  const tell = (p) => {
    said.textContent = `${data.times[p.time]}: ${percent(p.share)}`
      + (p.low === null ? "" : ` (${percent(p.low)}${MINUS}${percent(p.high)})`)
      + `, ${many(p.n, say.row)}`;
  };
  tell(points.at(-1));
  const drawn = chart(k, points, most, { tall: true });
  drawn.addEventListener("pointermove", (event) => {
    const box = drawn.getBoundingClientRect();
    const at = points.map((p) => data.at[p.time]);
    const x = at[0] + ((event.clientX - box.left) / box.width) * (at.at(-1) - at[0]);
    tell(points.reduce((a, b) =>
      Math.abs(data.at[a.time] - x) <= Math.abs(data.at[b.time] - x) ? a : b));
  });
  return section("Over time",
    h("p", { class: "soft" }, `Share of the ${say.row}s${where()}, with ${whole(data.sure)} intervals.`),
    h("div", { class: "plot" }, h("span", { class: "axis" }, percent(most)), drawn,
      h("span", { class: "axis zero" }, "0"),
      h("span", { class: "ends" }, h("span", {}, data.times[points[0].time]),
        h("span", {}, data.times[points.at(-1).time]))),
    said,
    table(["time", "share", "interval", `${say.row}s`], points.map((p) => [data.times[p.time],
      percent(p.share), p.low === null ? "" : `${percent(p.low)}${MINUS}${percent(p.high)}`,
      p.n.toLocaleString("en")])));
}

const where = () => (state.label === null ? "" : ` of ${data.labels[state.label]}`);

function table(header, rows) {
  return h("details", {}, h("summary", {}, "As a table"), h("div", { class: "scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, header.map((cell) => h("th", { scope: "col" }, cell)))),
    h("tbody", {}, rows.map(([head, ...cells]) => h("tr", {}, text("th", head, { scope: "row" }),
      cells.map((cell) => h("td", {}, cell))))))));
}

function topicByLabel(k) {
  const rows = data.labels.flatMap((label, place) => {
    const found = group(place);
    return found ? [[label, interval(found, k), place, found.n]] : [];
  }).sort((a, b) => b[1][0] - a[1][0]);
  if (!rows.length) return null;
  const most = Math.max(...rows.map(([, values]) => values[2] ?? values[0]), 1e-9);
  const drawn = ([label, values, place, n]) =>
    h("li", { "aria-current": state.label === place ? "true" : null },
      h("a", { href: address({ ...state, label: place }), dir: "auto" }, label), bar(k, values, most),
      h("span", { class: "number" }, percent(values[0])),
      h("span", { class: "number soft" }, values[1] === null ? many(n, say.row)
        : `${percent(values[1])}${MINUS}${percent(values[2])}`));
  const [list, more] = [listed(rows, drawn, 12, "")].flat();
  list.className = "bars by";
  return section("By label", h("p", { class: "soft" },
    `Share of the ${say.row}s of each label, with ${whole(data.sure)} intervals.`), list, more);
}

function points(x) {
  const size = Math.abs(100 * x);
  return `${x < 0 ? "\u2212" : "+"}${size < 1 ? size.toPrecision(2) : size.toFixed(1)}`;
}

// An effect from a line at 0 in the middle, with its whisker, on a scale to `most`.
function effectRow(k, [effect, low, high], most, name) {
  const at = (x) => `${50 + (50 * x) / most}%`;
  const [from, to_] = effect < 0 ? [effect, 0] : [0, effect];
  return h("li", { class: low > 0 || high < 0 ? "sure" : null }, name,
    h("span", { class: `track hue${data.topics[k].hue}`, "aria-hidden": "true" },
      h("i", { class: "bar", style: { left: at(from), width: `${(50 * (to_ - from)) / most}%` } }),
      h("i", { class: "tick", style: { left: "50%" } }),
      h("i", { class: "whisker", style: { left: at(low), width: `${(50 * (high - low)) / most}%` } })),
    h("span", { class: "number" }, points(effect)),
    h("span", { class: "number soft" }, `${points(low)} to ${points(high)}`));
}

function topicEffects(k) {
  const { names: called_, values, references } = data.effects;
  const most = Math.max(...values.flatMap((of) => of[k].map(Math.abs)), 1e-9);
  return section(`With what is known of the ${say.row}s`,
    h("p", { class: "soft", dir: "auto" }, `Change of the ${say.part}'s share in points of percent, for a unit of a `
      + `number or against the reference, with ${whole(data.sure)} intervals. `,
    references.length ? `References: ${references.join(", ")}. ` : "",
    "Intervals without 0 are in bold."),
    h("ul", { class: "bars by effects" }, called_.map((name, c) =>
      effectRow(k, values[c][k], most, text("span", name)))));
}

function exemplars(k) {
  const rows = data.exemplars[k].map((d, i) => [data.documents[d], d, data.most[k][i]])
    .filter(([d]) => known(d));
  const drawn = ([document_, d, most]) => {
    const share = document_.topics.find(([j]) => j === k)?.slice(1, 4) ?? [most, null, null];
    return h("li", { class: "document" },
      h("p", { class: "head" }, h("a", { href: to({ topic: k, doc: d }), dir: "auto" }, document_.id),
        h("span", { class: "soft", dir: "auto" }, about(document_).join(", "))),
      h("p", { class: "share" }, bar(k, share, 1), h("span", { class: "number" }, whole(share[0])),
        h("span", { class: "number soft" }, share[1] === null ? "" : range(share[1], share[2]))),
      h("p", { class: "text", dir: "auto" }, marked(document_, k)));
  };
  return section(`${capital(say.row)}s that have most of it`, listed(rows, drawn, 5,
    `None of the ${data.per_topic} ${say.row}s that this page holds of this ${say.part} is of the filter.`));
}

function documentView(d) {
  const document_ = data.documents[d];
  const back = state.topic === null ? h("a", { href: to({}) }, ALL) : link(state.topic);
  return [
    h("p", { class: "back" }, back),
    h("h2", { tabindex: "-1", dir: "auto" }, document_.id),
    h("p", { class: "soft", dir: "auto" }, about(document_).join(", ")),
    section(`Its ${say.part}s`,
      h("ul", { class: "bars of" }, document_.topics.map(([k, mean, low, high, spoken], place) =>
        h("li", {}, link(k), bar(k, [mean, low, high], 1), h("span", { class: "number" }, whole(mean)),
          h("span", { class: "number soft" }, low === null ? "" : range(low, high)),
          spoken.length ? h("small", { class: "spoken" },
            h("mark", { class: `hue${data.topics[k].hue} line${place % 4}` }, `its ${say.column}s`), ": ",
            text("span", spoken.flatMap((w, i) => (i % 2 ? [] : [data.words[w]])).join(", "))) : null))),
      h("p", { class: "soft" }, data.level === null ? "This latent gives no intervals."
        : `Whiskers: ${whole(data.level)} intervals of what its ${say.unit}s say. `, offTopic(document_.off))),
    section(`Its ${say.content}`, h("p", { class: "text whole", dir: "auto" }, marked(document_)),
      document_.cut ? h("p", { class: "soft" }, `Cut to ${data.length.toLocaleString("en")} letters.`) : null),
  ];
}

function offTopic(off) {
  if (off === null) return "";
  return off > -0.1
    ? "The topics explain its words hardly better than mere frequencies do: it may be about none of them."
    : `The topics explain its words better than mere frequencies do, by ${(-off).toFixed(1)} nats a word.`;
}

function wordView(w) {
  const uses = data.uses[w];
  const rows = uses.flatMap((k, i) => (i % 2 ? [] : [[k, uses[i + 1] / 100]]));
  const inside = data.documents.map((d, i) => [d, i]).filter(([d]) =>
    d.topics.some((topic) => topic[4].some((word, i) => i % 2 === 0 && word === w)) && known(d));
  return [
    h("p", { class: "back" }, h("a", { href: to({}) }, ALL)),
    h("h2", { tabindex: "-1", dir: "auto" }, data.words[w]),
    section(`${capital(say.part)}s that use it`,
      rows.length ? h("ul", { class: "bars by" }, rows.map(([k, share]) => h("li", {}, link(k),
        bar(k, [share, null, null], 1), h("span", { class: "number" }, whole(share)))))
        : h("p", { class: "soft" }, `It is in no ${say.part}'s list on this page.`),
      h("p", { class: "soft" }, `Of all uses that are of ${say.part}s, the share that is of each.`)),
    data.documents.length ? section(`${capital(say.row)}s for whose ${say.part}s it speaks`, listed(inside, hit, 10,
      "None that this page holds.")) : null,
  ];
}

const hit = ([document_, d]) => h("li", { class: "document" },
  h("p", { class: "head" }, h("a", { href: to({ doc: d }), dir: "auto" }, document_.id),
    h("span", { class: "soft", dir: "auto" }, about(document_).join(", "))),
  h("p", { class: "text", dir: "auto" }, around(document_.text, plain(state.q.trim()))));

// A piece of a text around what is sought, which is set in bold.
function around(value, query) {
  const start = query ? plain(value).indexOf(query) : -1;
  if (start < 0) return value.length > 300 ? `${value.slice(0, 300)}\u2026` : value;
  const from = start > 100 ? value.indexOf(" ", start - 80) + 1 || start : 0;
  const end = start + query.length;
  return [from > 0 ? "\u2026 " : "", value.slice(from, start), h("b", {}, value.slice(start, end)),
    value.slice(end, end + 200), value.length > end + 200 ? "\u2026" : ""];
}

const plain = (value) => value.normalize("NFC").toLowerCase();
let index = null;

function found(query) {
  index ??= {
    words: data.words.map(plain),
    documents: data.documents.map((d) => plain(`${d.id} ${data.labels[d.label] ?? ""} ${d.text}`)),
  };
  const topics = data.topics.flatMap((topic, k) =>
    plain(`${names[k]} ${topic.top.map((w) => data.words[w]).join(" ")}`).includes(query)
      || String(k) === query ? [k] : []);
  const matching = index.words.flatMap((word, w) => (word.includes(query) ? [w] : []));
  matching.sort((a, b) => index.words[b].startsWith(query) - index.words[a].startsWith(query)
    || data.frequency[b] - data.frequency[a]);
  const documents = index.documents.flatMap((value, d) =>
    value.includes(query) && known(data.documents[d]) ? [[data.documents[d], d]] : []);
  return { topics, words: matching, documents };
}

function searchView(q) {
  const { topics, words: matching, documents } = found(plain(q.trim()));
  const count = `${many(topics.length, say.part)}, ${many(matching.length, say.column)}, `
    + `${many(documents.length, say.row)}`;
  document.getElementById("said").textContent = count;
  return [
    h("h2", { tabindex: "-1" }, "Found: ", text("span", q)),
    section(many(topics.length, say.part), listed(topics, (k) => h("li", {}, link(k)), 10, "None.")),
    section(many(matching.length, say.column), h("div", { class: "wordlist" }, listed(matching,
      (w) => h("li", {}, h("a", { href: to({ word: w }), dir: "auto" }, data.words[w])), 30, "None."))),
    section(many(documents.length, say.row),
      h("p", { class: "soft" }, data.documents.length
        ? `Of the ${data.documents.length.toLocaleString("en")} that this page holds.` : ""),
      listed(documents, hit, 10, "None.")),
  ];
}

// --- controls ----------------------------------------------------------------------------------

function choice(id, label, empty, options) {
  return h("label", {}, `${label} `, h("select", {
    id, onchange: (event) => change({ [id]: event.target.value === "" ? null : Number(event.target.value) }),
  }, h("option", { value: "" }, empty), options.map((o, i) => h("option", { value: i }, o))));
}

function controls() {
  const search = h("input", {
    type: "search", id: "q", placeholder: `${say.column}s, ${say.row}s, names`, autocomplete: "off",
    oninput: (event) => change({ ...view, q: event.target.value }, { replace: state.q !== "" }),
  });
  fill(document.getElementById("controls"), {}, [
    h("label", {}, "Search ", search),
    data.labels?.length ? choice("label", "Label", "all", data.labels) : null,
    T > 1 ? [choice("from", "From", "first", data.times), choice("to", "to", "last", data.times)] : null,
    h("button", { type: "button", id: "names", onclick: downloadNames }, "Download names"),
    themeButton(),
    h("output", { id: "said", class: "unseen", "aria-live": "polite" }),
  ]);
  document.getElementById("controls").hidden = false;
}

// --- drawing -----------------------------------------------------------------------------------

function shown() {
  if (state.q.trim()) return searchView(state.q);
  if (state.doc !== null) return documentView(state.doc);
  if (state.word !== null) return wordView(state.word);
  if (state.topic !== null) return topicView(state.topic);
  return overview();
}

const place = () => `${state.topic} ${state.doc} ${state.word}`;

function draw(isFirst = false) {
  const before = place();
  state = read();
  for (const id of ["q", "label", "from", "to"]) {
    const control = document.getElementById(id);
    if (control && control !== document.activeElement) control.value = state[id] ?? "";
  }
  document.getElementById("said").textContent = "";
  const top = app.querySelector("nav")?.scrollTop ?? 0;
  const chosen = h("div", { id: "detail" }, shown());
  const isOverview = state.topic === null && state.doc === null && state.word === null && !state.q;
  app.replaceChildren(topicList(), chosen);
  app.classList.toggle("all", isOverview);
  app.querySelector("nav").scrollTop = top;
  if (isFirst || before === place()) return;
  chosen.querySelector("h2").focus({ preventScroll: true });
  scrollTo({ top: 0 });
}

controls();
document.documentElement.classList.add("js");
names.forEach((name, k) => name && rename(k, name));
draw(true);
app.hidden = false;
addEventListener("hashchange", () => draw());
