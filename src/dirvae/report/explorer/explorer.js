// The page of topics, or of components of counts. One state, which stands in the address after "#", and one function
// that draws it.

const app = document.getElementById("app");
const K = data.topics.length;
const T = (data.times ?? []).length;
const MINUS = "\u2013";
const say = data.terms; // what rows, columns and parts are called here
const capital = (word) => word[0].toUpperCase() + word.slice(1);
const labelled = data.labelled_by ?? "label";
const ALL = `All ${say.part}s`;

const many = (n, word) => `${grouped(n)} ${word}${n === 1 ? "" : "s"}`;
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

// --- views -------------------------------------------------------------------------------------

function topicList() {
  const found = group(state.label);
  const share = (k) => (found ? found.share(k) : data.topics[k].share);
  const order = data.topics.map((_, k) => k).sort((a, b) => share(b) - share(a) || a - b);
  const most = share(order[0]);
  return h("nav", { "aria-label": capital(`${say.part}s`) },
    h("h2", {}, many(K, say.part),
      isFiltered() && found ? h("small", {}, ` in ${many(found.n, say.row)}`) : null),
    found ? null : h("p", { class: "soft" }, data.by_both ? `There are no such ${say.row}s.`
      : `This page has no shares by ${labelled} and time together. Choose one of the two.`),
    h("ol", { class: "topics" }, order.map((k) =>
      h("li", {}, h("a", {
        href: to({ topic: k }), "data-topic": k,
        "aria-current": state.topic === k ? "true" : null,
      },
      h("span", { class: "place", title: `${say.part} ${k}` }, dot(k), h("small", {}, k)),
      text("span", called(k), { class: "name", "data-name": k }),
      found ? h("span", { class: "number" }, percent(share(k))) : null,
      names[k] ? text("small", three(k), { class: "words" }) : null,
      found ? bar(k, [share(k), null, null], most) : null)))));
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
      later(map)),
    T > 1 && groupsInTime().length ? later(() => overTime(order)) : null,
    data.labels?.length && !data.samples ? later(byLabels) : null,
    data.quality.length ? later(quality) : null,
  ];
}

function quality() {
  const told = data.quality.some(({ baseline }) => baseline !== null);
  const ends = data.quality.some(({ interval }) => interval !== null);
  return section("How good is it?",
    h("ul", { class: "signs quality" }, data.quality.map(({ said, how, baseline, interval }) =>
      h("li", {}, h("details", {},
        h("summary", {}, h("span", {}, said), interval === null ? null : h("span", { class: "interval" }, `(${interval})`),
          baseline === null ? null : h("span", { class: "soft" }, `LDA: ${baseline}`)),
        h("p", { class: "soft" }, how))))),
    h("p", { class: "soft" }, `On the ${say.row}s of this page. On those that it was fitted to, a model does better `
      + "than on others.", ends ? ` Beside a number: where it would be with other ${say.row}s of this kind, in `
      + `${whole(data.sure)} of cases.` : "", told ? ` LDA: scikit-learn's, with as many ${say.part}s, fitted to these ${say.row}s, and its ${say.column}s ranked in the same way.` : ""));
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
  return section(`What each ${labelled} is about`,
    largestLabels() && h("p", { class: "soft" }, largestLabels()),
    h("ul", { class: "plain labels" }, rows.map(drawn)));
}

// --- controls ----------------------------------------------------------------------------------

function choice(id, label, empty, options) {
  return h("label", {}, text("span", label), " ", h("select", {
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
    data.labels?.length ? choice("label", labelled === "label" ? "Label" : labelled, "all", data.labels) : null,
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
  if (top) app.querySelector("nav").scrollTop = top; // setting it lays out the page at once
  if (isFirst || before === place()) return;
  chosen.querySelector("h2").focus({ preventScroll: true });
  scrollTo({ top: 0 });
}

controls();
setTimeout(() => { // a task of its own: to read the data takes as long
  document.documentElement.classList.add("js");
  names.forEach((name, k) => name && rename(k, name));
  draw(true);
  app.hidden = false;
  addEventListener("hashchange", () => draw());
});
