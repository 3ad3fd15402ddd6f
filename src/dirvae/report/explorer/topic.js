// The view of one topic: its words, signs, neighbours, shares by time and label, effects, documents.

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
      h("label", { for: "name" }, "Your name for it: "), name, h("br"),
      h("small", {}, "Names stay in this browser until you download them and give the file to dirvae report --names.")),
    h("div", { class: "columns" },
      words(k),
      h("div", {}, signs(topic), near(k, topic), companions(k))),
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
        all > 0 ? times(p[i] / all) : ""));
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

function companions(k) {
  const found = data.together?.[k] ?? [];
  if (!found.length) return null;
  return section(`Often in the same ${say.row}s`, h("ul", { class: "plain near together" }, found.map(([j, ratio, low, high]) =>
    h("li", {}, link(j, h("span", { class: "number" }, `${tenths(ratio)} times (${tenths(low)} to ${tenths(high)})`))))),
  h("p", { class: "soft" }, `1 time would be as often as ${say.part}s of their sizes are on average. With ${whole(data.sure)} intervals.`));
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
      grouped(p.n)])));
}

const where = () => (state.label === null ? "" : ` of ${data.labels[state.label]}`);

function table(header, rows) {
  return h("details", {}, h("summary", {}, "As a table"), h("div", { class: "scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, header.map((cell) => h("th", { scope: "col" }, cell)))),
    h("tbody", {}, rows.map(([head, ...cells]) => h("tr", {}, text("th", head, { scope: "row" }),
      cells.map((cell) => h("td", {}, cell))))))));
}

// Where some are left out.
const largestLabels = () => (data.num_labels > data.labels.length
  ? `The ${data.labels.length} largest of ${data.num_labels}.` : "");

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
  return section(`By ${labelled}`, h("p", { class: "soft" },
    `Share of the ${say.row}s of each ${labelled}, with ${whole(data.sure)} intervals. ${largestLabels()}`), list, more);
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
  const { told, values } = data.effects;
  const most = Math.max(...values.flatMap((of) => of[k].map(Math.abs)), 1e-9);
  return section(`With what is known of the ${say.row}s`,
    h("p", { class: "soft", dir: "auto" }, `Change of the ${say.part}'s share in points of percent, for a unit of a `
      + `number or one level against another, with ${whole(data.sure)} intervals. Intervals without 0 are in bold.`),
    h("ul", { class: "bars by effects" }, told.map((name, c) =>
      effectRow(k, values[c][k], most, text("span", name)))));
}

function exemplars(k) {
  const rows = data.exemplars[k].map((d, i) => [data.documents[d], d, data.most[k][i]])
    .filter(([d]) => known(d));
  const drawn = ([document_, d, most]) => {
    const share = document_.topics.find(([j]) => j === k)?.slice(1, 4) ?? [most, null, null];
    return h("li", { class: "document" },
      h("p", { class: "head" }, h("a", { href: to({ topic: k, doc: d }), dir: "auto" }, document_.id),
        h("span", { class: "soft", dir: "auto" }, about(document_).join(" \u00b7 "))),
      h("p", { class: "share" }, bar(k, share, 1), h("span", { class: "number" }, whole(share[0])),
        h("span", { class: "number soft" }, share[1] === null ? "" : range(share[1], share[2]))),
      h("p", { class: "text", dir: "auto" }, marked(document_, k)));
  };
  return section(`${capital(say.row)}s that have most of it`, listed(rows, drawn, 5,
    `None of the ${data.per_topic} ${say.row}s that this page holds of this ${say.part} is of the filter.`));
}

